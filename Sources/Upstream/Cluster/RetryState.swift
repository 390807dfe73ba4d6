internal import BridgeConfiguration
internal import GRPCWire
internal import NIOCore
internal import Time

/// Decides whether a call that has failed is attempted again (gRFC A6). Pure; one per call.
///
/// Attempts that never left the bridge count by themselves (`mostUnsent`), beside the policy's attempts. Each
/// attempt may in turn be repeated by its pool where the endpoint certainly didn't process it (a refused stream,
/// a connection that was dead before the request): the pool counts those itself, and they end within
/// `HTTP2PooledCall.requeueLimit`, so that a call is started at most attempts × (1 + requeueLimit) times.
struct RetryState {
  enum Decision: Equatable {
    /// The call ends with this failure.
    case end
    /// The call begins another attempt after this time.
    case again(after: TimeAmount)
  }

  /// Attempts that have reached an endpoint.
  private(set) var attempts = 0
  /// Attempts that never left the bridge.
  private var unsent = 0

  /// An attempt has failed before any of its response was passed on.
  ///
  /// - Parameters:
  ///   - isTimeout: whether it was cancelled at the policy's limit for one attempt.
  ///   - hasOther: whether there's an endpoint that the call hasn't failed on.
  ///   - policy: nil: only what never left the bridge is attempted again.
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
    let backoff = Backoff.retries(
      initial: TimeAmount(clamping: policy.backoff),
      most: TimeAmount(clamping: policy.longestBackoff))
    return .again(after: backoff.delay(afterFailures: self.attempts, using: &generator))
  }

  /// Unreachable endpoints are skipped, but not without end.
  private static let mostUnsent = 10
}
