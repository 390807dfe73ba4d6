internal import BridgeConfiguration

/// Which of the endpoints that may get a call gets it. Pure; randomness is given in.
///
/// It works on the members' places in a list that the owner keeps; `reset` tells it of another list.
struct Balancer {
  /// What it needs to know of a member.
  struct Candidate {
    /// The owner's number for it, which stays the same while the member is there.
    var id: Int
    var weight: Int
    /// Calls under way on it.
    var calls: Int
  }

  private enum Policy {
    case roundRobin(SmoothRoundRobin)
    case leastRequests
    case pickFirst(current: Int?)
    case ringHash(HashRing)
  }

  private var policy: Policy

  init(_ policy: Configuration.Balance.Policy) {
    switch policy {
    case .roundRobin: self.policy = .roundRobin(SmoothRoundRobin())
    case .leastRequests: self.policy = .leastRequests
    case .pickFirst: self.policy = .pickFirst(current: nil)
    case .ringHash: self.policy = .ringHash(HashRing([]))
    }
  }

  /// Whether one member is used for as long as it's there, so that the others need no connection.
  var usesOne: Bool {
    if case .pickFirst = self.policy { true } else { false }
  }

  /// The members have changed.
  ///
  /// - Parameter members: numbers, weights, and names that stay the same over restarts.
  mutating func reset(_ members: [(id: Int, weight: Int, name: String)]) {
    switch self.policy {
    case .roundRobin(var robin):
      robin.retain(Set(members.map(\.id)))
      self.policy = .roundRobin(robin)
    case .ringHash:
      self.policy = .ringHash(HashRing(members))
    case .leastRequests, .pickFirst:
      break
    }
  }

  /// Picks one of the candidates, of which there is at least one, all with weights above 0.
  ///
  /// - Parameters:
  ///   - hash: of what the call is known by, for a ring.
  ///   - generator: where chance decides.
  /// - Returns: the number of a candidate.
  mutating func pick(
    among candidates: [Candidate], hash: UInt64?, using generator: inout some RandomNumberGenerator
  ) -> Int {
    precondition(!candidates.isEmpty, "there's nothing to pick from")
    switch self.policy {
    case .roundRobin(var robin):
      // Taken out while it's changed, so that its array isn't copied.
      self.policy = .leastRequests
      let id = robin.pick(among: candidates)
      self.policy = .roundRobin(robin)
      return id
    case .leastRequests:
      return Self.lessBusy(of: candidates, using: &generator)
    case .pickFirst(let current):
      if let current, candidates.contains(where: { $0.id == current }) { return current }
      self.policy = .pickFirst(current: candidates[0].id)
      return candidates[0].id
    case .ringHash(let ring):
      return ring.pick(among: candidates, hash: hash ?? generator.next())
    }
  }

  /// Power of two choices (Mitzenmacher): of two members drawn by weight, the one with fewer calls for
  /// its weight. Comparing all would send every loop and every process to the same one.
  private static func lessBusy(
    of candidates: [Candidate], using generator: inout some RandomNumberGenerator
  ) -> Int {
    guard candidates.count > 1 else { return candidates[0].id }
    let first = Int.random(in: 0..<candidates.count, using: &generator)
    var second = Int.random(in: 0..<candidates.count - 1, using: &generator)
    if second >= first { second += 1 }
    let (one, other) = (candidates[first], candidates[second])
    // (calls + 1) / weight, without the division. Weights are at most a million.
    let (a, b) = ((one.calls + 1) * other.weight, (other.calls + 1) * one.weight)
    return a <= b ? one.id : other.id
  }
}

/// Smooth weighted round robin, as nginx does it: members come up in proportion to their weights, and
/// those of a heavy one are spread between the others instead of following each other.
struct SmoothRoundRobin {
  private var current: [(id: Int, value: Int)] = []

  /// Forgets members that are gone.
  mutating func retain(_ ids: Set<Int>) {
    self.current.removeAll { !ids.contains($0.id) }
  }

  /// Each candidate gains its weight; the one that has most is picked and pays what all have gained.
  mutating func pick(among candidates: [Balancer.Candidate]) -> Int {
    var total = 0
    var best = 0
    var most = Int.min
    for (place, candidate) in candidates.enumerated() {
      total += candidate.weight
      let index = self.index(of: candidate.id, near: place)
      self.current[index].value += candidate.weight
      if self.current[index].value > most {
        most = self.current[index].value
        best = index
      }
    }
    self.current[best].value -= total
    return self.current[best].id
  }

  /// Candidates mostly come in the order of the list.
  private mutating func index(of id: Int, near place: Int) -> Int {
    if place < self.current.count, self.current[place].id == id { return place }
    if let index = self.current.firstIndex(where: { $0.id == id }) { return index }
    self.current.append((id, 0))
    return self.current.count - 1
  }
}
