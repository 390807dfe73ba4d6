internal import GRPCWire
internal import NIOCore

/// The message size limit of gateways.
extension ServedService {
  /// The reason that a message can't be sent; nil if it can. Rejected here, because a gateway that
  /// closes the connection over it doesn't report why.
  ///
  /// - Parameters:
  ///   - message: in its gRPC frame, before compression.
  ///   - group: of the endpoints that it's sent to.
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
      "the message has \(count) bytes, more than endpoint.eas-gateway.body_limit of the service "
        + "\(self.name), \(limit): PAI-EAS gateways accept at most 1 MB; endpoints that are called "
        + "without one (eas-direct, nlb) accept more")
  }
}
