internal import BridgeConfiguration
internal import NIOCore
internal import NIOWebSocket

/// Heartbeat, deadline and shutdown, as the loop calls them.
extension WebSocketHandler: DownstreamConnection {
  /// Restarts the interval after which a silent connection gets a ping.
  func startHeartbeat() {
    let interval = self.service.stream.heartbeat
    guard interval > .zero, self.state.isOpen else { return }
    self.heartbeat = self.loop.tick(after: interval)
  }

  func heartbeatDue() {
    guard self.context?.channel.isWritable == true else {
      // The client has yet to read earlier messages; the call's deadline bounds how long.
      self.startHeartbeat()
      return
    }
    switch self.state.pingDue() {
    case .ping:
      self.write(.ping, ByteBuffer())
      self.startHeartbeat()
    case .giveUp:
      self.closeNow()
    case .ignore:
      self.heartbeat = .max
    }
  }

  func deadlinePassed() {
    self.closeNow()
  }

  /// No action: the call in flight may finish.
  func drain() {}

  func closeNow() {
    self.context?.close(promise: nil)
  }
}
