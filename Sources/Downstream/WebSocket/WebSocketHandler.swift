internal import AccessLogging
internal import BridgeConfiguration
internal import Codec
internal import DequeModule
internal import GRPCWire
internal import HTTP2
internal import NIOCore
internal import NIOWebSocket
internal import Routing
internal import Upstream

/// A client connection upgraded to a WebSocket (RFC 6455): one call, one JSON message per WebSocket
/// message.
///
/// A thin shell around `WebSocketState`. NIO's handlers decode, aggregate and encode the frames.
final class WebSocketHandler: ChannelDuplexHandler, DeferredFlush {
  typealias InboundIn = WebSocketFrame
  typealias OutboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame

  var slot: Int?
  private(set) var deadline = Int64.max
  var heartbeat = Int64.max

  /// Counts received bytes, before the frame decoder.
  let intake = WebSocketIntake()

  var heldBytes: Int {
    let waiting = self.waiting.reduce(self.intake.byteCount) { $0 + $1.readableBytes }
    let written = self.context.map { $0.channel.isWritable ? 0 : $0.channel.waitingBytes } ?? 0
    return waiting + written + (self.call?.unsentBytes ?? 0) + (self.reply?.readableBytes ?? 0)
  }

  let loop: LoopContext
  let service: ServedService
  let route: Route
  var state: WebSocketState
  /// Values of path and query: part of the first message.
  private var bindings: Bindings
  var call: (any UpstreamCall)?
  private(set) var context: ChannelHandlerContext?
  /// The access log entry, recorded at the end.
  private var entry: AccessEntry
  private let start: NIODeadline
  /// The response message of a unary call, until the call ends.
  var reply: ByteBuffer?
  /// Index of the service's group of endpoints.
  private let group: Int
  private var messageCount = 0
  /// Messages that wait until the call can send.
  private var waiting: Deque<ByteBuffer> = []
  private var isHeld = false
  private var readIsHeld = false
  var isFlushDue = false

  /// - Parameter entry: the access log entry of the upgraded request, to be completed.
  init(
    _ loop: LoopContext, _ accepted: AcceptedCall, bindings: Bindings,
    entry: AccessEntry, start: NIODeadline
  ) {
    self.loop = loop
    let route = accepted.route
    self.service = accepted.service
    self.route = route
    self.group = accepted.group
    self.bindings = bindings
    self.entry = entry
    self.start = start
    self.state = WebSocketState(
      isClientStreaming: route.method.isClientStreaming,
      isServerStreaming: route.method.isServerStreaming,
      takesMessages: Self.takesMessages(route))
  }

  /// Whether the client's messages form the request. Without a body in the rule, each is the whole
  /// request message, because a WebSocket always begins with GET.
  private static func takesMessages(_ route: Route) -> Bool {
    route.takesBody || route.method.isClientStreaming
  }

  /// Starts the call, unless the connection has closed meanwhile.
  func begin(_ request: CallRequest, on upstream: any Upstream) {
    guard self.state.isOpen else { return }
    var request = request
    if !Self.takesMessages(self.route) {
      do throws(CodecError) {
        request.message = try self.encode(ByteBuffer())
        request.isComplete = true
      } catch {
        self.fail(RequestError(error, in: ByteBuffer().readableBytesSpan))
        return
      }
    }
    self.call = upstream.start(request, observer: self)
    self.startHeartbeat()
  }

  // MARK: Life

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.connectionLost()
    self.context = nil
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.connectionLost()
    context.fireChannelInactive()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // A client that is done sends a Close frame (RFC 6455 §7.1.1); without one, it has disconnected.
    if case .inputClosed? = event as? ChannelEvent { self.closeNow() }
    context.fireUserInboundEventTriggered(event)
  }

  private func connectionLost() {
    if self.state.isOpen { self.record(.cancelled) }
    self.state.closed()
    self.cancelCall()
    self.deadline = .max
    self.heartbeat = .max
    self.loop.remove(self)
  }

  private func cancelCall() {
    self.call?.cancel()
    self.call = nil
    self.waiting.removeAll()
    self.reply = nil
  }

  // MARK: Reading

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = self.unwrapInboundIn(data)
    switch frame.opcode {
    case .text, .binary:
      self.intake.messageTaken()
      self.receive(frame)
    case .ping:
      self.intake.controlFrameTaken(payloadByteCount: frame.length)
      self.state.lifeSignReceived()
      if self.state.isOpen { self.write(.pong, frame.unmaskedData) }
    case .pong:
      self.intake.controlFrameTaken(payloadByteCount: frame.length)
      self.state.lifeSignReceived()
    case .connectionClose:
      self.receiveClose(frame)
    default:
      self.close(WebSocketClose(1002, "a frame with an unknown opcode"))
    }
  }

  private func receive(_ frame: WebSocketFrame) {
    let message = frame.unmaskedData
    self.entry.requestBytes += message.readableBytes
    guard frame.opcode == .text || self.route.takesHTTPBody else {
      if self.state.isOpen {
        self.close(WebSocketClose(1003, "messages must be JSON in text frames"))
      }
      return
    }
    if self.isHeld, self.state.isOpen {
      self.waiting.append(message)
    } else {
      self.take(message)
    }
  }

  private func take(_ message: ByteBuffer) {
    switch self.state.messageReceived(isEmpty: message.readableBytes == 0) {
    case .send:
      self.send(message, isLast: false)
    case .sendOnly:
      self.send(message, isLast: true)
    case .end:
      self.endRequests()
    case .refuse:
      self.fail(
        RequestError(
          .invalidArgument, .unexpectedBody,
          self.route.method.isClientStreaming
            ? "a message after the empty one, which ended the requests"
            : "\(self.route.name) takes one request message"))
    case .ignore:
      break
    }
  }

  private func send(_ body: ByteBuffer, isLast: Bool) {
    self.messageCount += 1
    do throws(CodecError) {
      let message = try self.encode(body)
      if let error = self.service.sizeFault(of: message, for: self.group) {
        return self.fail(error)
      }
      guard let call = self.call else { return }
      call.send(message, isLast: isLast)
      if call.unsentBytes > WriteBufferWaterMark.high { self.isHeld = true }
    } catch {
      if !body.isUTF8 {
        self.close(WebSocketClose(1007, "the text isn't UTF-8"), code: .invalidArgument)
        return
      }
      self.fail(
        self.route.method.isClientStreaming
          ? RequestError(error, in: body.readableBytesSpan, message: self.messageCount)
          : RequestError(error, in: body.readableBytesSpan))
    }
  }

  /// Ends the requests. Without any message, values of path and query are still sent, as with a body.
  private func endRequests() {
    if self.messageCount == 0, !self.bindings.isEmpty {
      self.send(ByteBuffer(), isLast: true)
    } else {
      self.call?.send(ByteBuffer(), isLast: true)
    }
  }

  private func encode(_ body: ByteBuffer) throws(CodecError) -> ByteBuffer {
    let message = try self.loop.encode(
      body, contentType: "", rule: self.route.takesBody || body.readableBytes == 0 ? nil : .whole,
      self.bindings, self.route, self.service)
    self.bindings.removeAll()
    return message
  }

  /// Suspends reading while the call can't send and while the client doesn't read: each of its pings
  /// requires a pong, and these would accumulate.
  func read(context: ChannelHandlerContext) {
    if self.isHeld || !context.channel.isWritable {
      self.readIsHeld = true
    } else {
      context.read()
    }
  }

  private func goOnReading() {
    guard self.readIsHeld, !self.isHeld, self.context?.channel.isWritable == true else { return }
    self.readIsHeld = false
    self.context?.read()
  }

  func callCanSend() {
    self.isHeld = false
    while !self.isHeld, let message = self.waiting.popFirst() { self.take(message) }
    self.goOnReading()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable {
      self.call?.resumeReading()
      self.goOnReading()
    } else {
      self.call?.pauseReading()
    }
    context.fireChannelWritabilityChanged()
  }

  // MARK: Closing

  private func receiveClose(_ frame: WebSocketFrame) {
    switch self.state.closeReceived() {
    case .respond:
      // The client needs nothing more.
      self.record(.cancelled)
      self.cancelCall()
      var data = frame.unmaskedData
      // Echoes the code, if any (RFC 6455 §5.5.1), without a reason.
      let code = data.readableBytes >= 2 ? data.readSlice(length: 2) : nil
      self.write(.connectionClose, code ?? ByteBuffer())
      self.flush()
      self.closeNow()
    case .close:
      self.closeNow()
    case .ignore:
      break
    }
  }

  /// Sends a Close frame with the reason, and waits for the client's.
  ///
  /// - Parameter code: the code for the access log.
  func close(_ close: WebSocketClose, code: GRPCStatus.Code = .invalidArgument) {
    guard self.state.closing() else { return }
    if code != .ok, self.entry.failure == nil {
      self.entry.failure = AccessEntry.Failure(reason: "", message: close.reason)
    }
    self.record(code)
    self.cancelCall()
    var data = ByteBuffer()
    data.writeInteger(close.code)
    data.writeString(close.reason)
    self.write(.connectionClose, data)
    self.heartbeat = .max
    self.deadline = self.loop.deadline(of: .close)
  }

  /// Sends the full error as a message, then a Close frame.
  func fail(_ error: RequestError) {
    guard self.state.isOpen else { return }
    self.entry.failure = AccessEntry.Failure(error)
    var body = self.loop.takeOutput()
    ErrorBody.write(error, self.subject, to: &body)
    self.writeError(body)
    self.close(WebSocketClose(error.code, error.message), code: error.code)
  }

  func fail(_ status: GRPCStatus) {
    if let error = RequestError(status) {
      self.fail(error)
      return
    }
    self.entry.failure = AccessEntry.Failure(status)
    var body = self.loop.takeOutput()
    ErrorBody.write(status, of: self.service, self.subject, self.loop.transcoder, to: &body)
    self.writeError(body)
    self.close(WebSocketClose(status.code, status.message), code: status.code)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    case NIOWebSocketError.invalidFrameLength,
      NIOWebSocketFrameAggregator.Error.accumulatedFrameSizeIsTooLarge:
      self.close(
        WebSocketClose(
          1009, "a message has more than \(self.loop.limits.requestBodyBytes) bytes"))
    case let error as WebSocketFrameError:
      self.close(WebSocketClose(error.closeCode, "\(error)"))
    case is NIOWebSocketError, is NIOWebSocketFrameAggregator.Error:
      self.close(WebSocketClose(1002, "\(error)"))
    default:
      // After an invalid frame, the decoder rejects everything that arrives. Its errors are ignored
      // until the client closes: closing with unread bytes would send a TCP reset, and the client might
      // never read the reason.
      if !self.state.isClosing { self.closeNow() }
    }
  }

  // MARK: Writing

  func write(_ opcode: WebSocketOpcode, _ data: ByteBuffer) {
    guard let context = self.context else { return }
    self.entry.responseBytes += data.readableBytes
    context.write(
      self.wrapOutboundOut(WebSocketFrame(fin: true, opcode: opcode, data: data)), promise: nil)
    // Messages of one tick are written together.
    self.loop.flushQueue.add(self)
  }

  func flush() {
    self.context?.flush()
  }

  private var subject: ErrorSubject {
    ErrorSubject(self.service, self.route, requestID: self.entry.requestID)
  }

  /// Writes an error as one message, in the format of errors in JSON lines.
  private func writeError(_ body: consuming ByteSink) {
    self.write(.text, self.message(consume body, envelope: "{\"error\":"))
  }

  /// The content of a message.
  ///
  /// - Parameters:
  ///   - body: lent by the loop, which takes it back.
  ///   - envelope: the start of the object that the body is a member of; nil: it's sent bare.
  private func message(_ body: consuming ByteSink, envelope: StaticString?) -> ByteBuffer {
    var data = self.loop.buffer(capacity: body.count + 16)
    if let envelope { data.writeStaticString(envelope) }
    data.write(body)
    if envelope != nil { data.writeStaticString("}") }
    self.loop.recycle(body)
    return data
  }

  func writeReply(_ message: ByteBuffer) {
    var body = self.loop.takeOutput()
    let contentType: String?
    do throws(CodecError) {
      contentType = try self.loop.decode(message, self.route, self.service, into: &body)
    } catch {
      self.loop.recycle(body)
      self.fail(.invalidReply(error, of: self.route))
      return
    }
    let hasEnvelope =
      self.service.stream.hasEnvelope && self.route.method.isServerStreaming && contentType == nil
    self.write(
      contentType == nil ? .text : .binary,
      self.message(body, envelope: hasEnvelope ? "{\"result\":" : nil))
    self.startHeartbeat()
  }

  private func record(_ code: GRPCStatus.Code) {
    guard let recorder = self.loop.recorder else { return }
    self.entry.grpcCode = code
    self.entry.duration = .now() - self.start
    recorder.record(self.entry)
  }
}

extension ByteBuffer {
  /// Whether all of it is UTF-8.
  fileprivate var isUTF8: Bool {
    String(validating: self.readableBytesView, as: UTF8.self) != nil
  }
}
