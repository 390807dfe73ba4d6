internal import BridgeConfiguration

/// Picks one of the members that may get a call, by the configured policy. Pure: randomness is passed in.
///
/// The owner sets the candidates when they change; a pick without exclusions scans no list.
struct Balancer {
  /// A member that may be picked.
  struct Candidate: Equatable {
    let id: MemberID
    /// Above 0.
    let weight: Int
    /// Calls in flight on it.
    var calls: Int
  }

  private enum Policy {
    case roundRobin(WeightedRoundRobin)
    case leastRequests
    case pickFirst(current: MemberID?)
    case ringHash(HashRing)
  }

  private var policy: Policy
  private var candidates: [Candidate] = []
  /// Indices into `candidates`.
  private var indices: [MemberID: Int] = [:]

  init(_ policy: Configuration.Balance.Policy) {
    switch policy {
    case .roundRobin: self.policy = .roundRobin(WeightedRoundRobin())
    case .leastRequests: self.policy = .leastRequests
    case .pickFirst: self.policy = .pickFirst(current: nil)
    case .ringHash: self.policy = .ringHash(HashRing([]))
    }
  }

  /// Whether one member gets all calls while it's a candidate, so that the others need no connection.
  var usesOne: Bool {
    if case .pickFirst = self.policy { true } else { false }
  }

  /// Whether there is no candidate.
  var isEmpty: Bool { self.candidates.isEmpty }

  /// Whether a candidate isn't among these members.
  func hasCandidate(otherThan excluded: [MemberID]) -> Bool {
    self.candidates.count > excluded.count
      || self.candidates.contains { !excluded.contains($0.id) }
  }

  /// The members of the cluster have changed, candidates or not.
  ///
  /// - Parameter members: identifiers, weights, and names that stay the same over restarts.
  mutating func setMembers(_ members: [(id: MemberID, weight: Int, name: String)]) {
    if case .ringHash = self.policy { self.policy = .ringHash(HashRing(members)) }
  }

  /// Replaces the candidates.
  mutating func setCandidates(_ candidates: [Candidate]) {
    self.candidates = candidates
    self.indices.removeAll(keepingCapacity: true)
    for (index, candidate) in candidates.enumerated() { self.indices[candidate.id] = index }
    if case .roundRobin(var robin) = self.policy {
      robin.setCandidates(candidates)
      self.policy = .roundRobin(robin)
    }
  }

  /// Counts a call that began (1) or ended (-1) on a member, if it's a candidate.
  mutating func countCall(on id: MemberID, by difference: Int) {
    if let index = self.indices[id] { self.candidates[index].calls += difference }
  }

  /// Picks a candidate.
  ///
  /// - Parameters:
  ///   - excluded: members that must not be picked; few.
  ///   - hash: the hash of the call, for a ring.
  ///   - generator: for policies that draw.
  /// - Returns: nil if there is no candidate that isn't excluded.
  mutating func pick(
    excluding excluded: [MemberID] = [], hash: UInt64?,
    using generator: inout some RandomNumberGenerator
  ) -> MemberID? {
    switch self.policy {
    case .roundRobin(var robin):
      // Moved out while it changes: its heap isn't copied then.
      self.policy = .leastRequests
      let id = robin.pick(excluding: excluded)
      self.policy = .roundRobin(robin)
      return id
    case .leastRequests:
      guard excluded.isEmpty else {
        let others = self.candidates.filter { !excluded.contains($0.id) }
        return Self.lessBusy(of: others, using: &generator)
      }
      return Self.lessBusy(of: self.candidates, using: &generator)
    case .pickFirst(let current):
      if let current, self.indices[current] != nil, !excluded.contains(current) { return current }
      guard let next = self.candidates.first(where: { !excluded.contains($0.id) }) else {
        return nil
      }
      self.policy = .pickFirst(current: next.id)
      return next.id
    case .ringHash(let ring):
      return ring.first(from: hash ?? generator.next()) {
        self.indices[$0] != nil && !excluded.contains($0)
      }
    }
  }

  /// Power of two choices (Mitzenmacher): of two candidates drawn at random, the one with fewer calls for
  /// its weight. Comparing all would send every loop and every process to the same one.
  private static func lessBusy(
    of candidates: [Candidate], using generator: inout some RandomNumberGenerator
  ) -> MemberID? {
    guard candidates.count > 1 else { return candidates.first?.id }
    let first = Int.random(in: 0..<candidates.count, using: &generator)
    var second = Int.random(in: 0..<candidates.count - 1, using: &generator)
    if second >= first { second += 1 }
    let (one, other) = (candidates[first], candidates[second])
    // (calls + 1) / weight, without the division. Weights are at most a million.
    let (a, b) = ((one.calls + 1) * other.weight, (other.calls + 1) * one.weight)
    return a <= b ? one.id : other.id
  }
}
