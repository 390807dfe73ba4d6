package import NIOCore

extension TimeAmount {
  /// The duration in nanoseconds, clamped to at most a century.
  package init(clamping duration: Duration) {
    let (seconds, attoseconds) = duration.components
    let century: Int64 = 100 * 366 * 86_400
    self = .nanoseconds(
      max(0, min(seconds, century)) * 1_000_000_000 + max(0, attoseconds) / 1_000_000_000)
  }
}
