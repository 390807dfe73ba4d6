/// Limits log lines about failed TLS handshakes on a loop, because anybody can cause them: logs the first, then at
/// most one a minute with the number of those in between. Pure.
struct HandshakeFailureLogLimiter {
  /// Between two log lines, in ticks of `LoopContext.tickInterval` (500 ms): a minute.
  private static let interval: Int64 = 120

  private var nextTick = Int64.min
  private var unreported = 0

  /// Counts a failed handshake.
  ///
  /// - Returns: the line to log; nil: none now.
  mutating func failed(_ reason: String, client: String, tick: Int64) -> String? {
    guard tick >= self.nextTick else {
      self.unreported += 1
      return nil
    }
    let others =
      self.unreported > 0 ? " (and \(self.unreported) others since the last report)" : ""
    self.nextTick = tick + Self.interval
    self.unreported = 0
    return "can't establish TLS with client \(client): \(reason)\(others)"
  }
}
