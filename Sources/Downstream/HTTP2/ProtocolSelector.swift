internal import NIOCore
internal import NIOTLS
internal import TLS

/// Detects a connection's protocol from its first bytes, and replaces itself with that protocol's
/// handlers, which receive the bytes.
///
/// The first read nearly always decides, and an HTTP/1.1 connection then has no extra handler. A client
/// that sends only the beginning of the HTTP/2 preface, or doesn't finish its TLS handshake, is closed
/// after the time that a request's head may take.
final class ProtocolSelector: ChannelInboundHandler, RemovableChannelHandler, DownstreamConnection {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  var slot: Int?
  private(set) var deadline = Int64.max

  var heldBytes: Int { self.received.readableBytes }

  private let loop: LoopContext
  /// Whether the connection arrived over loopback, where host names must be trusted.
  private let checksHost: Bool
  private var context: ChannelHandlerContext?
  /// The received beginning of a preface.
  private var received = ByteBuffer()
  private var hasDecided = false
  /// Whether the TLS handshake is still to complete.
  private var awaitsHandshake: Bool
  /// The client's address, which a closed channel no longer has.
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
    switch ConnectionPreface.classify(bytes.readableBytesView) {
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
    // The client closed its side before it sent a request.
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
