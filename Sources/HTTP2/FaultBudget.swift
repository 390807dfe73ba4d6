internal import NIOCore

/// A token bucket for streams that a client wastes: those that it resets before the response, and
/// those that must be reset because of its errors. Pure.
///
/// Each such stream may have become a call to an endpoint, which costs far more than the two frames
/// that it costs the client (CVE-2023-44487, "rapid reset"; CVE-2025-8671, "made you reset"). Clients
/// that cancel calls do so occasionally, or all their streams at once; neither comes near the limit.
struct FaultBudget {
  private var left: Int
  private var filledAt: NIODeadline?

  /// Faults in a burst: five times the streams that a client has open by default.
  static let burst = 500
  /// Sustained rate of faults.
  static let perSecond = 33

  init() {
    self.left = Self.burst
  }

  /// Counts one fault.
  ///
  /// - Returns: whether it's within the limit.
  mutating func spend(now: NIODeadline) -> Bool {
    let gained = self.filledAt.map { Int((now - $0).nanoseconds / Self.interval) } ?? 0
    if gained > 0 {
      self.left = min(Self.burst, self.left + min(gained, Self.burst))
      self.filledAt = now
    } else if self.filledAt == nil {
      self.filledAt = now
    }
    guard self.left > 0 else { return false }
    self.left -= 1
    return true
  }

  /// Nanoseconds after which one fault is forgiven.
  private static let interval = 1_000_000_000 / Int64(Self.perSecond)
}
