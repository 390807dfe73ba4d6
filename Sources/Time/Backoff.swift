package import NIOCore

/// Exponential backoff: how long to wait before the next attempt, growing, bounded, spread at random.
package struct Backoff: Sendable, Equatable {
  /// The wait after the first failure.
  private let initial: TimeAmount
  /// The longest wait, before it's spread.
  private let most: TimeAmount
  /// By what a wait is multiplied for the next one.
  private let factor: Double
  /// The share by which a wait is lengthened or shortened at random, so that many loops and processes don't
  /// return at the same instant.
  private let spread: Double

  /// Connections: 100 ms, growing by 1.6 to 2 s, ±20 %. Short, because an endpoint that restarts is soon back.
  package static let standard = Backoff(
    initial: .milliseconds(100), most: .seconds(2), factor: 1.6, spread: 0.2)

  /// Discovery: 1 s, growing by 1.6 to 30 s, ±20 %, for registries that respond, but not well.
  package static let slow = Backoff(
    initial: .seconds(1), most: .seconds(30), factor: 1.6, spread: 0.2)

  /// Connections that refuse streams: 2 ms, doubling to 128 ms. The first wait is about the time in which an
  /// endpoint notices that a stream has ended.
  package static let refusedStream = Backoff(
    initial: .milliseconds(2), most: .milliseconds(128), factor: 2, spread: 0)

  private init(initial: TimeAmount, most: TimeAmount, factor: Double, spread: Double) {
    self.initial = initial
    self.most = most
    self.factor = factor
    self.spread = spread
  }

  /// Retries of calls (gRFC A6): doubling from `initial` to `most`, ±20 %.
  package static func retries(initial: TimeAmount, most: TimeAmount) -> Backoff {
    Backoff(initial: initial, most: most, factor: 2, spread: 0.2)
  }

  /// The wait after `failures` failed attempts in a row (at least one).
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
    delay = min(delay, most)
    if self.spread > 0 {
      delay *= Double.random(in: (1 - self.spread)...(1 + self.spread), using: &generator)
    }
    return .nanoseconds(Int64(delay))
  }
}
