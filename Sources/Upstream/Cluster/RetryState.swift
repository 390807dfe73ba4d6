internal import BridgeConfiguration
internal import GRPCWire
internal import NIOCore
internal import Time

/// Whether a call that has failed begins again. Pure; one for each call.
struct RetryState {
  enum Decision: Equatable {
    /// It has ended so.
    case end
    /// It begins again after this time.
    case again(after: TimeAmount)
  }

  /// Attempts that have reached an endpoint.
  private(set) var attempts = 0
  /// Attempts that never left the bridge.
  private var unsent = 0

  /// An attempt has ended and nothing of it was answered.
  ///
  /// - Parameters:
  ///   - isTimeout: whether it was given up because it took too long for an attempt.
  ///   - hasOther: whether an endpoint is left that it hasn't failed on.
  ///   - policy: nil: only what never left begins again.
  mutating func failed(
    _ status: GRPCStatus, isTimeout: Bool, hasOther: Bool, policy: Configuration.Retry?,
    throttle: inout RetryThrottle?, using generator: inout some RandomNumberGenerator
  ) -> Decision {
    if status.origin == .notConnected || status.origin == .shed {
      self.unsent += 1
      return hasOther && self.unsent <= Self.mostUnsent ? .again(after: .zero) : .end
    }
    self.attempts += 1
    guard let policy, isTimeout || status.wasDropped || policy.codes.contains(status.code) else {
      return .end
    }
    throttle?.failed()
    if status.retryPushback == .never { return .end }
    guard self.attempts < policy.attempts, throttle?.allows ?? true else { return .end }
    if case .wait(let time) = status.retryPushback { return .again(after: time) }
    return .again(after: Self.wait(before: self.attempts, policy, &generator))
  }

  /// gRFC A6: exponential, spread by a fifth.
  private static func wait(
    before retry: Int, _ policy: Configuration.Retry,
    _ generator: inout some RandomNumberGenerator
  ) -> TimeAmount {
    let first = Double(TimeAmount(clamping: policy.backoff).nanoseconds)
    let longest = Double(TimeAmount(clamping: policy.longestBackoff).nanoseconds)
    var wait = first
    for _ in 1..<max(1, retry) where wait < longest { wait *= 2 }
    return .nanoseconds(
      Int64(min(wait, longest) * Double.random(in: 0.8...1.2, using: &generator)))
  }

  /// Endpoints that can't be reached are passed over, but not without end.
  private static let mostUnsent = 10
}
