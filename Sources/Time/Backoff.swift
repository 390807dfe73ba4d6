package import NIOCore

/// Exponential backoff with an upper bound and jitter.
package struct Backoff: Sendable, Equatable {
  /// Wait before the second attempt. Short: an endpoint that restarts is available again soon.
  private let initial: TimeAmount
  /// Upper bound, before jitter.
  private let most: TimeAmount
  /// Factor between successive waits.
  private let factor: Double
  /// Relative jitter, so that loops and processes don't retry at the same instant.
  private let spread: Double

  /// 100 ms, growing by 1.6 to 2 s, ±20 %.
  package static let standard = Backoff(
    initial: .milliseconds(100), most: .seconds(2), factor: 1.6, spread: 0.2)

  /// 1 s, growing by 1.6 to 30 s, ±20 %: for requests that the endpoint responds to, but with an error.
  package static let slow = Backoff(
    initial: .seconds(1), most: .seconds(30), factor: 1.6, spread: 0.2)

  private init(initial: TimeAmount, most: TimeAmount, factor: Double, spread: Double) {
    self.initial = initial
    self.most = most
    self.factor = factor
    self.spread = spread
  }

  /// The wait after `failures` consecutive failed attempts (at least one).
  package func delay(
    afterFailures failures: Int, using generator: inout some RandomNumberGenerator
  ) -> TimeAmount {
    var delay = Double(self.initial.nanoseconds)
    let most = Double(self.most.nanoseconds)
    var attempt = 1
    while attempt < failures && delay < most {
      delay *= self.factor
      attempt += 1
    }
    let spread = Double.random(in: (1 - self.spread)...(1 + self.spread), using: &generator)
    return .nanoseconds(Int64(min(delay, most) * spread))
  }
}
