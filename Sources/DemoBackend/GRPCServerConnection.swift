internal import HTTP2
internal import NIOCore

/// One connection of a `GRPCServer`: connects socket, HTTP/2 session and calls.
final class GRPCServerConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  let eventLoop: any EventLoop
  let session: HTTP2Session
  private let service: any GRPCService
  private let messageByteLimit: Int
  private let readsMessages: Bool
  /// Calls by the slot of their stream.
  private var calls: [GRPCServerCall?] = []
  private var context: ChannelHandlerContext?
  /// Whether a drain is scheduled for the end of this tick.
  private var isDrainDue = false
  /// Whether bytes are being written further up the stack.
  private var isWriting = false

  init(eventLoop: any EventLoop, options: GRPCServer.Options, service: any GRPCService) {
    self.eventLoop = eventLoop
    self.service = service
    self.messageByteLimit = options.messageByteLimit
    self.readsMessages = options.readsMessages
    var sessionOptions = HTTP2Session.Options()
    sessionOptions.concurrentStreams = options.concurrentStreams
    sessionOptions.joinsBuffers = options.joinsMessages
    self.session = HTTP2Session(role: .server, options: sessionOptions)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { self.flush() }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  func channelActive(context: ChannelHandlerContext) {
    self.flush()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = Self.unwrapInboundIn(data)
    self.session.receive(bytes)
    self.dispatch(bytes)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if self.session.wantsWrite || self.session.isDone { self.scheduleDrain() }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { self.flush() }
  }

  func channelInactive(context: ChannelHandlerContext) {
    let calls = self.calls
    self.calls = []
    for call in calls { call?.close() }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  /// Writes the session's output at the end of this tick.
  func scheduleDrain() {
    guard !self.isDrainDue else { return }
    self.isDrainDue = true
    self.eventLoop.assumeIsolated().execute {
      self.isDrainDue = false
      self.flush()
    }
  }

  private func flush() {
    guard let context = self.context, context.channel.isActive else { return }
    guard !self.isWriting else { return self.scheduleDrain() }
    var hasMore = true
    while hasMore && context.channel.isWritable {
      hasMore = self.session.drain()
      if self.session.output.readableBytes > 0 {
        self.isWriting = true
        context.writeAndFlush(Self.wrapOutboundOut(self.session.output), promise: nil)
        self.session.clearOutput()
        self.isWriting = false
      }
      self.dispatch(ByteBuffer())
    }
    if self.session.isDone { context.close(promise: nil) }
  }

  private func dispatch(_ bytes: ByteBuffer) {
    guard !self.session.events.isEmpty else { return }
    // Services queue frames, which never adds events: those are added only by `receive` and `drain`.
    for event in self.session.events {
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
    self.session.clearEvents()
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
