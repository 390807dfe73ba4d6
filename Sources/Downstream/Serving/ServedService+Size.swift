internal import GRPCWire
internal import NIOCore

/// What doesn't get through a gateway.
extension ServedService {
  /// Why a message can't be sent; nil where it can. Refused here, because a gateway that closes the
  /// connection over it tells nobody why.
  ///
  /// - Parameters:
  ///   - message: in its gRPC frame, before it's compressed.
  ///   - group: of the endpoints that it's for.
  func sizeFault(of message: ByteBuffer, for group: Int) -> RequestError? {
    guard let limit = self.messageByteLimits[group],
      message.readableBytes - GRPCMessage.prefixByteCount > limit
    else { return nil }
    return self.sizeFault(message.readableBytes - GRPCMessage.prefixByteCount, limit)
  }

  @inline(never)
  private func sizeFault(_ count: Int, _ limit: Int) -> RequestError {
    RequestError(
      .resourceExhausted, http: 413, .bodyTooLarge,
      "the message has \(count) bytes, and endpoint.eas-gateway.body_limit of the service "
        + "\(self.name) is \(limit): gateways of PAI-EAS take at most 1 MB; endpoints that are called "
        + "without one (eas-direct, nlb) take more")
  }
}
