/// Which of the handshakes that failed on a loop a person is told of: the first, and then one in a while
/// with how many there were meanwhile, because anybody can make them fail. Pure.
struct HandshakeFailureLogLimiter {
  /// Between two notes, in ticks: a minute.
  private static let interval: Int64 = 120

  private var nextTick = Int64.min
  private var unreported = 0

  /// A handshake failed.
  ///
  /// - Returns: what a person is told; nil: nothing now.
  mutating func failed(_ reason: String, client: String, tick: Int64) -> String? {
    guard tick >= self.nextTick else {
      self.unreported += 1
      return nil
    }
    let others =
      self.unreported > 0 ? " (and \(self.unreported) others since the last such note)" : ""
    self.nextTick = tick + Self.interval
    self.unreported = 0
    return "no TLS with the client \(client): \(reason)\(others)"
  }
}
