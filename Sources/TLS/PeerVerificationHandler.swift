internal import NIOCore
package import NIOSSL
internal import NIOTLS
internal import Time

/// Verifies an endpoint after the TLS handshake. It's placed after the TLS handler, and holds back
/// `channelActive` until the certificate matches the endpoint's name and, for gRPC, HTTP/2 was
/// negotiated.
///
/// Errors are forwarded as a `TLSHandshakeError`; the next handler closes the channel.
package final class PeerVerificationHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let name: EndpointName
  private let verifies: Bool
  private let speaks: TLSSettings.ApplicationProtocol
  private let connection: NIOSSLHandler

  package init(
    _ connection: NIOSSLHandler, to name: EndpointName, verifies: Bool,
    speaks: TLSSettings.ApplicationProtocol
  ) {
    self.connection = connection
    self.name = name
    self.verifies = verifies
    self.speaks = speaks
  }

  /// Held back: only the socket is connected.
  func channelActive(context: ChannelHandlerContext) {}

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .handshakeCompleted(let chosen)? = event as? TLSUserEvent else {
      context.fireUserInboundEventTriggered(event)
      return
    }
    if let failure = self.failure(chosen) {
      context.fireErrorCaught(failure)
    } else {
      context.fireChannelActive()
      context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
  }

  private func failure(_ chosen: String?) -> TLSHandshakeError? {
    if self.verifies {
      guard let certificate = self.connection.peerCertificate else {
        return TLSHandshakeError("it sent no certificate")
      }
      if let error = PeerCertificate(certificate).fault(for: self.name) { return error }
    }
    return self.speaks == .http2 && chosen != "h2"
      ? TLSHandshakeError(TLSHandshakeError.noHTTP2) : nil
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if TLSHandshakeError.isUntrusted(error), let certificate = self.connection.peerCertificate {
      // BoringSSL doesn't report why it rejected a chain, but the certificate is still available.
      let error = PeerCertificate(certificate).chainFault(now: WallTime.now().seconds)
      context.fireErrorCaught(error)
    } else {
      context.fireErrorCaught(TLSHandshakeError(error) ?? TLSHandshakeError.inHandshake(error))
    }
  }
}
