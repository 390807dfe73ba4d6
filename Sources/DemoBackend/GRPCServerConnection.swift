internal import HTTP2
internal import NIOCore

/// One connection of a `GRPCServer`.
final class GRPCServerConnection: ChannelInboundHandler, HTTP2ConnectionOwner {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  let eventLoop: any EventLoop
  /// Moves bytes and events.
  let driver: HTTP2ConnectionDriver
  var session: HTTP2Session { self.driver.session }
  private let service: any GRPCService
  private let messageByteLimit: Int
  private let readsMessages: Bool
  /// Calls by the slot of their stream.
  private var calls: [GRPCServerCall?] = []

  init(eventLoop: any EventLoop, options: GRPCServer.Options, service: any GRPCService) {
    self.eventLoop = eventLoop
    self.service = service
    self.messageByteLimit = options.messageByteLimit
    self.readsMessages = options.readsMessages
    var sessionOptions = HTTP2Session.Options()
    sessionOptions.concurrentStreams = options.concurrentStreams
    sessionOptions.joinsBuffers = options.joinsMessages
    self.driver = HTTP2ConnectionDriver(
      HTTP2Session(role: .server, options: sessionOptions),
      flushQueue: FlushQueue(eventLoop: eventLoop))
  }

  // MARK: Channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.driver.attach(context, to: self)
    if context.channel.isActive { self.driver.open() }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.driver.detach()
  }

  func channelActive(context: ChannelHandlerContext) {
    self.driver.open()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.driver.receive(Self.unwrapInboundIn(data))
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    self.driver.readComplete()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    self.driver.writabilityChanged()
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.driver.end()
    let calls = self.calls
    self.calls = []
    for call in calls { call?.close() }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  // MARK: Events

  func receive(_ events: [HTTP2Event], of bytes: ByteBuffer) {
    for event in events {
      switch event {
      case .headers(let stream, let fields, let endsStream):
        self.receiveHeaders(stream, fields, endsStream)
      case .headersTooLarge(let stream):
        self.session.reset(stream, errorCode: HTTP2ErrorCode.enhanceYourCalm)
      case .data(let stream, let range):
        let start = bytes.readerIndex + range.lowerBound
        if self.readsMessages, let payload = bytes.getSlice(at: start, length: range.count) {
          self.call(of: stream)?.receive(payload)
        }
        self.session.returnWindow(stream, byteCount: range.count)
      case .endOfStream(let stream):
        self.endRequest(stream)
      case .closed(let stream, _):
        self.call(of: stream)?.close()
        if stream.slot < self.calls.count { self.calls[stream.slot] = nil }
      case .invalidRequest, .settings, .goAway, .pong:
        break
      }
    }
  }

  func eventsCleared() {}

  func streamAdvanced(_ stream: HTTP2Stream) -> Bool { false }

  func flushed(hasWritten: Bool) {}

  func sessionEnded() {
    self.driver.context?.close(promise: nil)
  }

  private func receiveHeaders(_ stream: HTTP2Stream, _ range: Range<Int>, _ endsStream: Bool) {
    // A second header block is the request's trailers, which are ignored.
    if self.call(of: stream) == nil {
      var fields = HeaderBlock()
      for field in self.session.headers.fields[range] {
        fields.append(field, of: self.session.headers)
      }
      while self.calls.count <= stream.slot { self.calls.append(nil) }
      self.calls[stream.slot] = GRPCServerCall(
        connection: self, stream: stream, fields: fields, byteLimit: self.messageByteLimit)
    }
    if endsStream { self.endRequest(stream) }
  }

  private func endRequest(_ stream: HTTP2Stream) {
    guard let call = self.call(of: stream), call.endRequest() else { return }
    self.service.serve(call)
  }

  private func call(of stream: HTTP2Stream) -> GRPCServerCall? {
    guard stream.slot < self.calls.count, let call = self.calls[stream.slot],
      call.stream == stream
    else { return nil }
    return call
  }
}
