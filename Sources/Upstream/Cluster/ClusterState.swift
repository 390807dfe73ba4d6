internal import BridgeConfiguration
internal import NIOCore

/// The endpoints of a service: which are present, which may be called, which is next. Pure.
///
/// It numbers the members; the owner keeps a pool for each and reports its connectivity. The candidates are
/// computed when something changes, not per call, and every lookup by identifier is by hash: a list may have
/// 10,000 endpoints.
struct ClusterState {
  /// Where a call goes.
  enum Pick: Equatable {
    case member(MemberID)
    /// Nowhere yet: a connection may become ready, or the endpoints aren't known.
    case wait
    /// Nowhere: no endpoint can be reached, for this reason.
    case none(String)
  }

  /// What a new list means for the owner.
  struct Change: Equatable {
    /// Pools to make.
    var added: [MemberID: Configuration.Endpoint] = [:]
    /// Pools to drain: calls on them finish.
    var removed: [MemberID] = []
  }

  private struct Member {
    let id: MemberID
    let endpoint: Configuration.Endpoint
    var weight: Int
    var connectivity = Connectivity.idle
    var isServing = true
    /// Calls in flight.
    var calls = 0
  }

  private let subset: Int?
  private let panicThreshold: Double
  private let seed: UInt64
  private var balancer: Balancer
  private var outliers: OutlierDetector
  private var members: [Member] = []
  /// Indices into `members`.
  private var indices: [MemberID: Int] = [:]
  private var lastID = 0
  private(set) var isListKnown = false

  /// - Parameter seed: of the process; it decides which subset of many endpoints is used.
  init(_ configuration: Configuration.Cluster, seed: UInt64) {
    self.subset = configuration.balance.subset
    self.panicThreshold = configuration.health.panicThreshold
    self.seed = seed
    self.balancer = Balancer(configuration.balance.policy)
    self.outliers = OutlierDetector(configuration.health.outliers)
  }

  // MARK: Members

  /// Replaces the list of endpoints.
  mutating func update(_ endpoints: [Configuration.WeightedEndpoint]) -> Change {
    self.isListKnown = true
    var change = Change()
    var kept: [Member] = []
    var seen: Set<Configuration.Endpoint> = []
    let present = Dictionary(
      self.members.map { ($0.endpoint, $0) }, uniquingKeysWith: { first, _ in first })
    for weighted in self.chosen(endpoints) where seen.insert(weighted.endpoint).inserted {
      if var member = present[weighted.endpoint] {
        member.weight = weighted.weight
        kept.append(member)
      } else {
        self.lastID += 1
        let id = MemberID(self.lastID)
        change.added[id] = weighted.endpoint
        kept.append(Member(id: id, endpoint: weighted.endpoint, weight: weighted.weight))
      }
    }
    change.removed = self.members.filter { !seen.contains($0.endpoint) }.map(\.id)
    self.members = kept
    self.indices.removeAll(keepingCapacity: true)
    for (index, member) in kept.enumerated() { self.indices[member.id] = index }
    self.balancer.setMembers(kept.map { ($0.id, $0.weight, $0.endpoint.description) })
    self.outliers.setMembers(kept.map(\.id))
    self.updateCandidates()
    return change
  }

  /// The endpoints with a weight. Of more than the subset has, those that this process's seed ranks first:
  /// each process has others and keeps most of its own when the list changes (rendezvous hashing).
  private func chosen(
    _ endpoints: [Configuration.WeightedEndpoint]
  ) -> [Configuration.WeightedEndpoint] {
    let present = endpoints.filter { $0.weight > 0 }
    guard let subset = self.subset, present.count > subset else { return present }
    return present.map { (rank: self.rank($0.endpoint), endpoint: $0) }
      .sorted {
        ($0.rank, $0.endpoint.endpoint.description) < ($1.rank, $1.endpoint.endpoint.description)
      }
      .prefix(subset).map(\.endpoint)
  }

  private func rank(_ endpoint: Configuration.Endpoint) -> UInt64 {
    StableHash.of("\(self.seed) \(endpoint)".utf8)
  }

  mutating func setConnectivity(_ id: MemberID, _ connectivity: Connectivity) {
    guard let index = self.indices[id] else { return }
    self.members[index].connectivity = connectivity
    self.updateCandidates()
  }

  /// Sets the health of a member as grpc.health.v1 reports it.
  mutating func setServing(_ id: MemberID, _ isServing: Bool) {
    guard let index = self.indices[id], self.members[index].isServing != isServing else { return }
    self.members[index].isServing = isServing
    self.updateCandidates()
  }

  /// Members that need a connection, because calls arrive and they have none.
  var toConnect: [MemberID] {
    let disconnected = self.members.filter {
      switch $0.connectivity {
      case .idle, .failing: true
      case .connecting, .ready: false
      }
    }
    guard self.balancer.usesOne else { return disconnected.map(\.id) }
    guard disconnected.count == self.members.count else { return [] }
    if let idle = disconnected.first(where: { $0.connectivity == .idle }) { return [idle.id] }
    return disconnected.map(\.id)
  }

  // MARK: Calls

  /// Picks a member for a call. The owner reports `began` once the call is there.
  ///
  /// - Parameters:
  ///   - tried: members that the call has failed on, in that order: picked only if there is no other, the
  ///     last of them only if there is no other at all.
  ///   - hash: the hash of the call, for a ring.
  mutating func pick(
    tried: [MemberID], hash: UInt64?, using generator: inout some RandomNumberGenerator
  ) -> Pick {
    guard self.balancer.isEmpty else {
      if let id = self.balancer.pick(excluding: tried, hash: hash, using: &generator)
        ?? self.balancer.pick(excluding: tried.suffix(1), hash: hash, using: &generator)
        ?? self.balancer.pick(hash: hash, using: &generator)
      {
        return .member(id)
      }
      return .wait
    }
    guard self.isListKnown else { return .wait }
    return self.trouble.map { .none($0) } ?? .wait
  }

  /// The reason why no member can be reached; nil if one may be.
  var trouble: String? {
    guard let first = self.members.first else { return "no endpoint is known" }
    guard case .failing(let reason) = first.connectivity else { return nil }
    for member in self.members {
      guard case .failing = member.connectivity else { return nil }
    }
    let more = self.members.count > 1 ? " (and \(self.members.count - 1) more)" : ""
    return reason + more
  }

  /// Whether there's a candidate that isn't one of these.
  func hasOther(than tried: [MemberID]) -> Bool {
    self.balancer.hasCandidate(otherThan: tried)
  }

  mutating func began(_ id: MemberID) {
    self.countCall(on: id, by: 1)
  }

  /// A call on a member has ended.
  ///
  /// - Parameter isFailure: whether that counts against the member; nil: neither for nor against it.
  mutating func ended(_ id: MemberID, isFailure: Bool?, now: NIODeadline) {
    self.countCall(on: id, by: -1)
    guard let isFailure else { return }
    if self.outliers.ended(id, isFailure: isFailure, now: now) { self.updateCandidates() }
  }

  private mutating func countCall(on id: MemberID, by difference: Int) {
    guard let index = self.indices[id] else { return }
    self.members[index].calls += difference
    self.balancer.countCall(on: id, by: difference)
  }

  // MARK: Outliers

  /// When `sweep` is due.
  var nextSweep: NIODeadline? { self.members.count > 1 ? self.outliers.nextDue() : nil }

  /// Ejects and readmits outliers.
  mutating func sweep(now: NIODeadline) {
    if self.outliers.sweep(now: now) { self.updateCandidates() }
  }

  // MARK: Reading

  /// Whether a call would be sent now.
  var isReady: Bool { !self.balancer.isEmpty }

  /// Whether nothing can become ready on its own: no connection is being opened.
  var isStuck: Bool {
    !self.members.contains { $0.connectivity == .connecting || $0.connectivity == .ready }
  }

  var memberCount: Int { self.members.count }

  // MARK: Candidates

  /// Computes which members may be picked: those that are ready, of the healthy ones, or of all if too few
  /// are healthy.
  private mutating func updateCandidates() {
    let isHealthy = self.members.map { $0.isServing && !self.outliers.isEjected($0.id) }
    let healthyCount = isHealthy.count { $0 }
    let share = Double(healthyCount) / Double(max(1, self.members.count))
    var candidates: [Balancer.Candidate] = []
    if share >= self.panicThreshold {
      candidates = self.readyMembers { isHealthy[$0] }
    }
    // If no healthy member will be ready soon, an unhealthy one is better than none.
    if candidates.isEmpty, share < self.panicThreshold || !self.hasComing(among: isHealthy) {
      candidates = self.readyMembers { _ in true }
    }
    self.balancer.setCandidates(candidates)
  }

  private func readyMembers(where isUsable: (Int) -> Bool) -> [Balancer.Candidate] {
    self.members.enumerated().compactMap { index, member in
      guard member.connectivity == .ready, isUsable(index) else { return nil }
      return Balancer.Candidate(id: member.id, weight: member.weight, calls: member.calls)
    }
  }

  private func hasComing(among isHealthy: [Bool]) -> Bool {
    zip(self.members, isHealthy).contains { member, isHealthy in
      guard isHealthy else { return false }
      switch member.connectivity {
      case .idle, .connecting: return true
      case .ready, .failing: return false
      }
    }
  }
}
