internal import NIOCore
internal import NIOHTTP1

/// A client connection over HTTP/1.1: passes the decoder's parts to its exchange driver and writes the
/// driver's responses (`HTTP1ServerHandler+Response.swift`).
///
/// A thin shell. Each response is written as one buffer, head and body together, without NIO's encoder,
/// which allocates an array of strings per response.
final class HTTP1ServerHandler: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  var slot: Int?
  let loop: LoopContext
  let driver: ExchangeDriver
  var context: ChannelHandlerContext?
  /// Bytes queued and not yet written; nil between responses.
  var pending: ByteBuffer?
  /// Framing of the current response.
  var framing = HTTP1Framing.none
  var writtenByteCount = 0
  /// Whether the channel takes more; as it last reported.
  private(set) var isWritable = true
  /// Whether the last response is being written; the connection is closed afterwards.
  private(set) var isWritingLast = false
  /// Whether a part has arrived since the last read completed.
  private var sawPart = false

  init(_ loop: LoopContext, checksHost: Bool = false) {
    self.loop = loop
    self.driver = ExchangeDriver(loop, checksHost: checksHost)
  }

  // MARK: Life

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    self.isWritable = context.channel.isWritable
    self.driver.begin(self)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.connectionLost()
    self.isWritable = false
    self.context = nil
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.connectionLost()
    context.fireChannelInactive()
  }

  private func connectionLost() {
    self.driver.connectionLost()
    self.loop.remove(self)
  }

  /// Detaches this handler from its connection: another one replaces it and receives what arrives.
  func detach(replacedBy connection: any DownstreamConnection) {
    self.driver.detach()
    self.loop.replace(self, by: connection)
  }

  // MARK: Reading

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.sawPart = true
    switch self.unwrapInboundIn(data) {
    case .head(let head): self.driver.receive(.head(RequestHead(head)))
    case .body(let bytes): self.driver.receive(.body(bytes))
    case .end: self.driver.receive(.end)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if !self.sawPart { self.driver.receivedPartOfHead() }
    self.sawPart = false
    context.fireChannelReadComplete()
  }

  /// Suspends reading while parts wait, so that a client can't pipeline without bound.
  func read(context: ChannelHandlerContext) {
    if self.driver.mayRead() { context.read() }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    self.driver.decoderFailed(error)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .inputClosed? = event as? ChannelEvent { self.driver.inputClosed() }
    context.fireUserInboundEventTriggered(event)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    self.isWritable = context.channel.isWritable
    self.driver.writabilityChanged()
    context.fireChannelWritabilityChanged()
  }

  // MARK: Writing

  /// Writes the end of a response, then performs the action that follows it.
  func flush(_ after: ExchangeState.After) {
    guard let context = self.context else { return }
    let buffer = self.pending ?? ByteBuffer()
    self.pending = nil
    switch after {
    case .next, .discard, .none:
      context.writeAndFlush(self.wrapOutboundOut(buffer), promise: nil)
    case .close, .linger:
      self.isWritingLast = true
      let written = context.eventLoop.makePromise(of: Void.self)
      written.futureResult.assumeIsolated().whenComplete { result in
        self.lastResponseWritten(after, isWritten: (try? result.get()) != nil)
      }
      context.writeAndFlush(self.wrapOutboundOut(buffer), promise: written)
    }
  }

  private func lastResponseWritten(_ after: ExchangeState.After, isWritten: Bool) {
    self.isWritingLast = false
    if after == .linger, isWritten, !self.driver.isInputClosed {
      self.context?.close(mode: .output, promise: nil)
    } else {
      self.closeNow()
    }
  }
}

extension HTTP1ServerHandler: DownstreamConnection {
  var deadline: Int64 { self.driver.deadline }
  var heartbeat: Int64 { self.driver.heartbeat }

  var heldBytes: Int {
    guard let channel = self.context?.channel, !channel.isWritable else {
      return self.driver.heldBytes
    }
    return self.driver.heldBytes + channel.waitingBytes
  }

  func deadlinePassed() {
    self.driver.deadlinePassed()
  }

  func heartbeatDue() {
    self.driver.heartbeatDue()
  }

  func drain() {
    self.driver.drain()
  }

  /// Closes the connection without a response.
  func closeNow() {
    self.context?.close(promise: nil)
  }
}
