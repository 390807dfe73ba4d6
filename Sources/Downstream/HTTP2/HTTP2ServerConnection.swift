internal import AccessLogging
internal import BridgeConfiguration
internal import GRPCWire
internal import HTTP2
internal import NIOCore
internal import NIOHTTP1

/// A client connection over HTTP/2. gRPC calls are passed through; other requests are exchanges, as over
/// HTTP/1.1.
///
/// Confined to its loop.
final class HTTP2ServerConnection: ChannelInboundHandler, DownstreamConnection,
  HTTP2ConnectionOwner
{
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  var slot: Int?
  /// The earliest of the connection's own deadlines and those of its streams.
  var deadline: Int64 {
    self.calls.reduce(min(self.ownDeadline, self.writing.deadline)) {
      min($0, $1?.deadline ?? .max)
    }
  }
  var heartbeat: Int64 {
    self.calls.reduce(Int64.max) { min($0, $1?.heartbeat ?? .max) }
  }

  var heldBytes: Int {
    let written = self.context.map { $0.channel.isWritable ? 0 : $0.channel.waitingBytes } ?? 0
    return self.calls.reduce(self.session.queuedBytes + written) { $0 + ($1?.heldBytes ?? 0) }
  }

  let loop: LoopContext
  /// Whether the connection arrived over loopback, where host names must be trusted.
  let checksHost: Bool
  /// Moves bytes and events.
  let driver: HTTP2ConnectionDriver
  let session: HTTP2Session
  /// The client's IP address; empty on a UNIX socket.
  private(set) lazy var clientAddress = self.context?.remoteAddress?.ipAddress ?? ""
  /// Whether the client is on this machine.
  private(set) lazy var isClientLocal = ClientAddress.isLocal(self.clientAddress)

  var remoteAddress: SocketAddress? { self.context?.remoteAddress }

  private var ownDeadline = Int64.max
  private var writing = WriteWatch()
  private var state = HTTP2ServerConnectionState()
  private var wait: HTTP2ServerConnectionState.Wait?
  /// Identifiers of open streams by slot; 0: none.
  private var streams: [Int32] = []
  /// Calls and exchanges by the slot of their stream.
  private var calls: [(any DownstreamStream)?] = []
  /// Calls whose head arrived with the current read.
  private var opened: [any DownstreamStream] = []
  private var context: ChannelHandlerContext? { self.driver.context }
  private var hasEnded = false

  /// Bytes that a stream may send before its endpoint takes them (SETTINGS_INITIAL_WINDOW_SIZE). 256
  /// KiB: enough on one machine; together with `limits.client_streams` it bounds what the bridge buffers
  /// for a client that sends faster than its endpoint reads.
  private static let streamWindow = 256 << 10

  init(_ loop: LoopContext, checksHost: Bool = false) {
    self.loop = loop
    self.checksHost = checksHost
    var options = HTTP2Session.Options()
    options.headerByteLimit = loop.limits.headBytes
    options.streamWindow = Self.streamWindow
    options.concurrentStreams = loop.limits.clientStreams
    self.session = HTTP2Session(role: .server, options: options)
    self.driver = HTTP2ConnectionDriver(self.session, flushQueue: loop.flushQueue)
  }

  // MARK: For its calls

  func returnWindow(_ stream: HTTP2Stream, byteCount: Int) {
    guard byteCount > 0 else { return }
    self.session.returnWindow(stream, byteCount: byteCount)
    if self.session.wantsWrite { self.driver.scheduleFlush() }
  }

  /// Bytes of one response that may wait for the client before its call is paused.
  var replyMark: Int {
    self.session.queuedBytes > PassThroughState.crowdedByteCount
      ? PassThroughState.crowdedReplyMark : PassThroughState.replyMark
  }

  /// A call has its response.
  func callEnded() {
    self.state.callEnded()
    self.updateDeadline()
  }

  // MARK: Channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.driver.attach(context, to: self)
    self.updateDeadline()
    self.driver.open()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.end()
    self.driver.detach()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.driver.receive(self.unwrapInboundIn(data))
    self.updateDeadline()
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    self.driver.readComplete()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { self.writing.end() }
    if !self.driver.writabilityChanged() {
      self.writing.begin(taken: self.takenByteCount, until: self.loop.writeDeadline)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // HTTP/2 has no half-closed connections: without the client's side, nothing can be acknowledged.
    if case .inputClosed? = event as? ChannelEvent { self.closeNow() }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.end()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    self.closeNow()
  }

  /// Cancels the calls of a closed connection.
  private func end() {
    guard !self.hasEnded else { return }
    self.hasEnded = true
    self.driver.end()
    self.ownDeadline = .max
    self.writing.end()
    self.endCalls()
    self.loop.remove(self)
  }

  private func endCalls() {
    let calls = self.calls
    self.streams = []
    self.calls = []
    self.opened = []
    for call in calls { call?.receiveClosed() }
  }

  // MARK: Life

  func closeNow() {
    self.context?.close(promise: nil)
  }

  func drain() {
    self.act(on: self.state.drain())
  }

  func deadlinePassed() {
    if self.writing.deadline <= self.loop.ticks,
      self.writing.isStalled(taken: self.takenByteCount, next: self.loop.writeDeadline)
    {
      return self.closeNow()
    }
    for call in self.calls {
      if let call, call.deadline <= self.loop.ticks { call.deadlinePassed() }
    }
    if self.ownDeadline <= self.loop.ticks { self.act(on: self.state.deadlinePassed()) }
  }

  /// Bytes that the client, or the kernel on its behalf, has taken.
  private var takenByteCount: Int {
    self.driver.writtenByteCount - (self.context?.channel.waitingBytes ?? 0)
  }

  func heartbeatDue() {
    for call in self.calls {
      if let call, call.heartbeat <= self.loop.ticks { call.heartbeatDue() }
    }
  }

  private func act(on action: HTTP2ServerConnectionState.Action) {
    switch action {
    case .announce:
      self.session.announceGoAway()
      self.driver.scheduleFlush()
    case .goAway:
      self.session.goAway()
      self.driver.scheduleFlush()
    case .linger:
      self.driver.end()
      self.endCalls()
      self.context?.close(mode: .output, promise: nil)
    case .close:
      self.closeNow()
    case .none:
      break
    }
    self.updateDeadline()
  }

  /// Restarts the deadline if the connection now waits for something else.
  private func updateDeadline() {
    guard self.state.wait != self.wait, !self.hasEnded else { return }
    self.wait = self.state.wait
    self.startDeadline()
  }

  private func startDeadline() {
    switch self.state.wait {
    case .request: self.ownDeadline = self.loop.deadline(of: .request)
    case .notice: self.ownDeadline = self.loop.tick(after: Self.noticeTime)
    case .close: self.ownDeadline = self.loop.deadline(of: .close)
    case .nothing: self.ownDeadline = .max
    }
  }

  /// How long a client may still open streams after the announcing GOAWAY: far more than a round trip.
  private static let noticeTime = Duration.seconds(1)

  // MARK: Events

  func flushed(hasWritten: Bool) {
    // A client that reads its responses slowly isn't idle.
    if hasWritten, self.wait == .request { self.startDeadline() }
    self.updateDeadline()
  }

  func sessionEnded() {
    self.act(on: self.state.sessionEnded())
  }

  func streamAdvanced(_ stream: HTTP2Stream) -> Bool {
    self.call(of: stream)?.streamAdvanced() ?? false
  }

  func receive(_ events: [HTTP2Event], of bytes: ByteBuffer) {
    for event in events {
      switch event {
      case .headers(let stream, let fields, let endsStream):
        self.receiveHeaders(stream, fields, endsStream: endsStream)
        if endsStream { self.call(of: stream)?.receiveEnd() }
      case .headersTooLarge(let stream):
        self.refuseHeaders(of: stream)
      case .invalidRequest(let stream, let fields):
        self.record(
          invalidRequest: fields, reason: self.session.violation(on: stream) ?? "")
      case .data(let stream, let range):
        let start = bytes.readerIndex + range.lowerBound
        if let payload = bytes.getSlice(at: start, length: range.count) {
          self.call(of: stream)?.receive(payload)
        }
      case .endOfStream(let stream):
        self.call(of: stream)?.receiveEnd()
      case .closed(let stream, _):
        self.streamClosed(stream)
      case .settings, .goAway, .pong:
        break
      }
    }
  }

  func eventsCleared() {
    for call in self.opened where !self.session.isFaulty(call.stream) { call.begin() }
    self.opened.removeAll(keepingCapacity: true)
  }

  private func receiveHeaders(
    _ stream: HTTP2Stream, _ range: Range<Int>, endsStream: Bool
  ) {
    // A second block is the request's trailers, which the bridge ignores.
    guard !self.isOpen(stream) else { return }
    let head = CallHead(self.session.headers, range)
    guard head.isGRPC else {
      // Over HTTP/1.1, the decoder enforces this limit.
      guard range.count <= self.loop.limits.headFields else {
        self.refuseHeaders(of: stream)
        return
      }
      let exchange = HTTP2ServerStream(stream, on: self)
      self.open(stream, exchange)
      exchange.begin(RequestHead(self.session.headers, range, endsStream: endsStream))
      return
    }
    let call = PassThroughCall(stream, head, on: self)
    self.open(stream, call)
    self.opened.append(call)
    call.accept(fieldCount: range.count)
  }

  /// Logs an invalid request, as over HTTP/1.1. The session resets its stream on its own.
  private func record(invalidRequest range: Range<Int>, reason: String) {
    guard let recorder = self.loop.recorder else { return }
    let block = self.session.headers
    let text = { (name: String) in
      block.fields[range].first { block.name(of: $0) == name }.map { block.value(of: $0) } ?? ""
    }
    recorder.record(
      AccessEntry(
        method: text(":method"), path: String(text(":path").prefix { $0 != "?" }), service: "",
        rpc: "", httpStatus: 400, grpcCode: .invalidArgument, requestBytes: 0, responseBytes: 0,
        duration: .zero,
        failure: AccessEntry.Failure(
          reason: RequestError.Reason.malformedRequest.rawValue,
          message: "the stream was reset with PROTOCOL_ERROR: \(reason)")))
  }

  private func refuseHeaders(of stream: HTTP2Stream) {
    guard !self.isOpen(stream) else {
      // Request trailers that are too large: the bridge ignores trailers anyway.
      self.session.reset(stream, errorCode: HTTP2ErrorCode.enhanceYourCalm)
      self.driver.scheduleFlush()
      return
    }
    let call = PassThroughCall(stream, CallHead(HeaderBlock(), 0..<0), on: self)
    self.open(stream, call)
    // Whether it's a gRPC call is unknown, so the HTTP status reports it as well (RFC 6585 §5).
    call.refuse(PassThroughCall.headTooLarge(self.loop.limits), httpStatus: 431)
  }

  private func open(_ stream: HTTP2Stream, _ call: any DownstreamStream) {
    self.state.streamOpened()
    while self.streams.count <= stream.slot {
      self.streams.append(0)
      self.calls.append(nil)
    }
    self.streams[stream.slot] = stream.id
    self.calls[stream.slot] = call
    self.state.callStarted()
  }

  private func streamClosed(_ stream: HTTP2Stream) {
    guard self.isOpen(stream) else { return }
    let closed = self.calls[stream.slot]
    self.streams[stream.slot] = 0
    self.calls[stream.slot] = nil
    self.state.streamClosed()
    guard let call = closed else { return }
    self.opened.removeAll { $0 === call }
    call.receiveClosed()
  }

  private func isOpen(_ stream: HTTP2Stream) -> Bool {
    stream.slot < self.streams.count && self.streams[stream.slot] == stream.id
  }

  private func call(of stream: HTTP2Stream) -> (any DownstreamStream)? {
    self.isOpen(stream) ? self.calls[stream.slot] : nil
  }
}
