internal import BridgeConfiguration
internal import NIOCore
internal import Time

/// Detects members that fail while others don't, and ejects them for a while. Pure.
///
/// Uses two criteria of Envoy's outlier detection and gRFC A50: consecutive failures, and a success
/// rate far below that of the others. The ejection time grows with each ejection and shrinks again
/// with each interval without one.
struct OutlierDetector {
  private struct Record {
    let id: MemberID
    var failuresInRow = 0
    var successes = 0
    var failures = 0
    /// The end of its ejection; nil: not ejected.
    var ejectedUntil: NIODeadline?
    /// The number of ejections, less the intervals without one.
    var ejections = 0
  }

  private let options: Configuration.Outliers
  private var records: [Record] = []
  /// Indices into `records`.
  private var indices: [MemberID: Int] = [:]
  private(set) var ejectedCount = 0
  private var nextSweep: NIODeadline?

  init(_ options: Configuration.Outliers) {
    self.options = options
  }

  /// Replaces the members. Existing ones keep their records.
  mutating func setMembers(_ ids: [MemberID]) {
    self.records = ids.map { id in self.indices[id].map { self.records[$0] } ?? Record(id: id) }
    self.indices = Dictionary(
      self.records.enumerated().map { ($0.element.id, $0.offset) },
      uniquingKeysWith: { first, _ in first })
    self.ejectedCount = self.records.count { $0.ejectedUntil != nil }
  }

  /// Records the end of a call on a member.
  ///
  /// - Returns: whether the member is ejected for it.
  mutating func ended(_ id: MemberID, isFailure: Bool, now: NIODeadline) -> Bool {
    guard let index = self.indices[id] else { return false }
    guard isFailure else {
      self.records[index].failuresInRow = 0
      self.records[index].successes += 1
      return false
    }
    self.records[index].failuresInRow += 1
    self.records[index].failures += 1
    guard self.options.consecutiveFailures > 0,
      self.records[index].failuresInRow >= self.options.consecutiveFailures
    else { return false }
    return self.eject(index, now: now)
  }

  /// Whether a member is ejected.
  func isEjected(_ id: MemberID) -> Bool {
    self.indices[id].map { self.records[$0].ejectedUntil != nil } ?? false
  }

  /// When `sweep` is due; nil: not at present.
  func nextDue() -> NIODeadline? {
    let back = self.records.compactMap(\.ejectedUntil).min()
    guard let next = self.nextSweep else { return back }
    return back.map { min($0, next) } ?? next
  }

  /// Readmits members whose ejection has expired, and compares success rates at the end of each
  /// interval.
  ///
  /// - Returns: whether anything has changed.
  mutating func sweep(now: NIODeadline) -> Bool {
    var hasChanged = false
    for index in self.records.indices {
      guard let until = self.records[index].ejectedUntil, until <= now else { continue }
      self.records[index].ejectedUntil = nil
      self.ejectedCount -= 1
      self.records[index].failuresInRow = 0
      hasChanged = true
    }
    guard self.nextSweep.map({ $0 <= now }) ?? true else { return hasChanged }
    if self.nextSweep != nil {
      hasChanged = self.compareRates(now: now) || hasChanged
      for index in self.records.indices {
        if self.records[index].ejectedUntil == nil, self.records[index].ejections > 0 {
          self.records[index].ejections -= 1
        }
        self.records[index].successes = 0
        self.records[index].failures = 0
      }
    }
    self.nextSweep = now + TimeAmount(clamping: self.options.interval)
    return hasChanged
  }

  /// gRFC A50, success_rate_ejection: members with enough calls, if there are enough such members,
  /// whose rate is below the mean by more than a multiple of the standard deviation.
  private mutating func compareRates(now: NIODeadline) -> Bool {
    guard self.options.usesSuccessRate else { return false }
    let busy = self.records.indices.filter {
      self.records[$0].successes + self.records[$0].failures >= Self.leastCalls
    }
    guard busy.count >= Self.leastMembers else { return false }
    let rates = busy.map { index in
      let record = self.records[index]
      return Double(record.successes) / Double(record.successes + record.failures)
    }
    let mean = rates.reduce(0, +) / Double(rates.count)
    let variance = rates.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rates.count)
    let floor = mean - Self.deviations * variance.squareRoot()
    var hasChanged = false
    for (index, rate) in zip(busy, rates) where rate < floor {
      hasChanged = self.eject(index, now: now) || hasChanged
    }
    return hasChanged
  }

  private mutating func eject(_ index: Int, now: NIODeadline) -> Bool {
    guard self.records[index].ejectedUntil == nil, self.records.count > 1 else { return false }
    // At least one may be ejected, whatever the share.
    let most = max(1, Int(Double(self.records.count) * self.options.mostEjected))
    guard self.ejectedCount < most else { return false }
    self.records[index].ejections += 1
    self.ejectedCount += 1
    let time = self.options.ejectionTime * self.records[index].ejections
    let longest = max(self.options.ejectionTime, self.options.longestEjection)
    self.records[index].ejectedUntil = now + TimeAmount(clamping: min(time, longest))
    self.records[index].failuresInRow = 0
    return true
  }

  /// gRFC A50's defaults for success_rate_ejection: minimum_hosts, request_volume, stdev_factor.
  private static let leastMembers = 5
  private static let leastCalls = 100
  private static let deviations = 1.9
}
