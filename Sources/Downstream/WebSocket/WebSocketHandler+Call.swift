internal import GRPCWire
internal import HTTP2
internal import NIOCore
internal import Upstream

/// Handles events of the connection's call.
extension WebSocketHandler: CallObserver {
  func callReceivedHead(_ metadata: HeaderBlock) {
    // The handshake response is already sent, so the metadata can't be.
  }

  func callReceivedMessage(_ message: ByteBuffer) {
    switch self.state.replyReceived() {
    case .write: self.writeReply(message)
    case .hold: self.reply = message
    case .refuse: self.fail(.messageCount(2, of: self.route))
    case .ignore: break
    }
  }

  func callEnded(_ status: GRPCStatus, trailers: HeaderBlock) {
    self.call = nil
    switch self.state.callEnded(isOK: status.isOK) {
    case .writeReply:
      if let reply = self.reply { self.writeReply(reply) }
      self.close(WebSocketClose(.ok, ""), code: .ok)
    case .closeMissing:
      self.fail(.messageCount(0, of: self.route))
    case .close:
      self.close(WebSocketClose(.ok, ""), code: .ok)
    case .closeWithStatus:
      self.fail(status)
    case .ignore:
      break
    }
  }
}
