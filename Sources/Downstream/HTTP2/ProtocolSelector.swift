internal import NIOCore
internal import NIOTLS
internal import TLS

/// Waits for the first bytes of a connection, puts the handlers of the protocol that they belong to
/// in its own place, and gives them the bytes.
///
/// Nearly always the first read decides, so that a connection of HTTP/1.1 has no handler more than
/// it needs. A client that sends the beginning of the HTTP/2 preface and no more is held to the time
/// that a request's head may take, and so is one that doesn't finish its TLS handshake.
final class ProtocolSelector: ChannelInboundHandler, RemovableChannelHandler, DownstreamConnection {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  var slot: Int?
  private(set) var deadline = Int64.max

  var heldBytes: Int { self.received.readableBytes }

  private let loop: LoopContext
  /// Whether the connection came over loopback, where names have to be trusted.
  private let checksHost: Bool
  private var context: ChannelHandlerContext?
  /// The beginning of a preface.
  private var received = ByteBuffer()
  private var hasDecided = false
  /// Whether the TLS handshake has to end before anything else.
  private var awaitsHandshake: Bool
  /// The client, which the channel doesn't know any more when it's closed.
  private var client: SocketAddress?

  init(_ loop: LoopContext, awaitsHandshake: Bool = false, checksHost: Bool = false) {
    self.loop = loop
    self.checksHost = checksHost
    self.awaitsHandshake = awaitsHandshake
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    self.deadline = self.loop.deadline(of: self.awaitsHandshake ? .rest : .request)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    self.loop.remove(self)
  }

  func channelActive(context: ChannelHandlerContext) {
    if self.awaitsHandshake { self.client = context.remoteAddress }
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.loop.remove(self)
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = self.unwrapInboundIn(data)
    guard !self.hasDecided else {
      context.fireChannelRead(self.wrapInboundOut(bytes))
      return
    }
    if self.received.readableBytes > 0 {
      self.received.writeBuffer(&bytes)
      bytes = self.received
    }
    switch ConnectionPreface.classify(at: bytes.readableBytesView) {
    case .undecided:
      if self.received.readableBytes == 0 { self.deadline = self.loop.deadline(of: .rest) }
      self.received = bytes
    case .http1:
      let connection = HTTP1ServerHandler(self.loop, checksHost: self.checksHost)
      let decoder = HTTPFront.requestDecoder(self.loop.limits, for: connection.driver)
      self.leave(to: connection, [decoder, connection], context, bytes)
    case .http2:
      let connection = HTTP2ServerConnection(self.loop, checksHost: self.checksHost)
      self.leave(to: connection, [connection], context, bytes)
    }
  }

  private func leave(
    to connection: any DownstreamConnection, _ handlers: [any ChannelHandler],
    _ context: ChannelHandlerContext, _ bytes: ByteBuffer
  ) {
    self.hasDecided = true
    self.received = ByteBuffer()
    self.loop.replace(self, by: connection)
    do {
      try context.pipeline.syncOperations.addHandlers(handlers, position: .after(self))
    } catch {
      // The channel is closing.
      self.loop.remove(connection)
      context.close(promise: nil)
      return
    }
    context.fireChannelRead(self.wrapInboundOut(bytes))
    context.pipeline.syncOperations.removeHandler(self, promise: nil)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // A client that closes its side before it has asked for anything.
    if !self.hasDecided, case .inputClosed? = event as? ChannelEvent { self.closeNow() }
    if self.awaitsHandshake, !self.hasDecided, event is TLSUserEvent {
      self.awaitsHandshake = false
      self.deadline = self.loop.deadline(of: .request)
    }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if self.hasDecided {
      context.fireErrorCaught(error)
    } else {
      if self.awaitsHandshake, let failure = TLSHandshakeError.ofClient(error) {
        self.awaitsHandshake = false
        self.loop.handshakeFailed(failure, client: self.client)
      }
      self.closeNow()
    }
  }

  func deadlinePassed() {
    self.closeNow()
  }

  func drain() {
    self.closeNow()
  }

  func closeNow() {
    self.context?.close(promise: nil)
  }
}
