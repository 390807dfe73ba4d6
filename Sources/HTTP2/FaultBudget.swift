internal import NIOCore

/// How many streams a client may waste: those that it resets before their answers, and those that have
/// to be reset because of it. Pure; a token bucket.
///
/// Each such stream may have become a call of an endpoint, which costs far more than the two frames that
/// it costs the client (CVE-2023-44487, "rapid reset"; CVE-2025-8671, "made you reset"). Clients that
/// give up calls do so now and then, or all their streams at once; neither is near the bound.
struct FaultBudget {
  private var left: Int
  private var filledAt: NIODeadline?

  /// Faults at once: five times the streams that a client has open by default.
  static let burst = 500
  /// Faults in the long run.
  static let perSecond = 33

  init() {
    self.left = Self.burst
  }

  /// Counts one fault.
  ///
  /// - Returns: whether it's within the bound.
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

  /// Nanoseconds in which one fault is forgotten.
  private static let interval = 1_000_000_000 / Int64(Self.perSecond)
}
