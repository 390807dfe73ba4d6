internal import BridgeConfiguration
internal import NIOCore

/// The endpoints of a service as they stand: which are there, which can be called, which is next. Pure.
///
/// Members are numbered by it; the owner keeps a pool for each and tells what becomes of them. What
/// may be picked is worked out when something changes, not for each call.
struct ClusterState {
  /// Where a call goes.
  enum Pick: Equatable {
    case member(Int)
    /// Nowhere yet: a connection may come up, or the endpoints aren't known.
    case wait
    /// Nowhere: none can be reached, for this reason.
    case none(String)
  }

  /// What a new list means for the owner.
  struct Change: Equatable {
    /// Pools to make.
    var added: [Int: Configuration.Endpoint] = [:]
    /// Pools to drain: calls on them finish.
    var removed: [Int] = []
  }

  private struct Member {
    let id: Int
    let endpoint: Configuration.Endpoint
    var weight: Int
    var connectivity = Connectivity.idle
    var isServing = true
    /// Its place among the candidates; nil: it isn't one.
    var place: Int?
    var calls = 0
  }

  private let subset: Int?
  private let panicThreshold: Double
  private let seed: UInt64
  private var balancer: Balancer
  private var outliers: OutlierDetector
  private var members: [Member] = []
  private var nextID = 0
  /// Members that may be picked now.
  private var candidates: [Balancer.Candidate] = []
  private(set) var isListKnown = false

  /// - Parameter seed: of the process, by which it chooses its subset.
  init(_ configuration: Configuration.Cluster, seed: UInt64) {
    self.subset = configuration.balance.subset
    self.panicThreshold = configuration.health.panicThreshold
    self.seed = seed
    self.balancer = Balancer(configuration.balance.policy)
    self.outliers = OutlierDetector(configuration.health.outliers)
  }

  // MARK: Members

  /// These are the endpoints from now on.
  mutating func update(_ endpoints: [Configuration.WeightedEndpoint]) -> Change {
    self.isListKnown = true
    let chosen = self.chosen(endpoints)
    var change = Change()
    var kept: [Member] = []
    for weighted in chosen where !kept.contains(where: { $0.endpoint == weighted.endpoint }) {
      if var member = self.members.first(where: { $0.endpoint == weighted.endpoint }) {
        member.weight = weighted.weight
        kept.append(member)
      } else {
        self.nextID += 1
        change.added[self.nextID] = weighted.endpoint
        kept.append(Member(id: self.nextID, endpoint: weighted.endpoint, weight: weighted.weight))
      }
    }
    change.removed = self.members.map(\.id).filter { id in !kept.contains { $0.id == id } }
    self.members = kept
    self.balancer.reset(kept.map { ($0.id, $0.weight, $0.endpoint.description) })
    self.outliers.reset(kept.map(\.id))
    self.recount()
    return change
  }

  /// Those with a weight; of many those that this process's seed ranks first, so that each process has
  /// others and keeps most of its own when the list changes (rendezvous hashing).
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

  mutating func setConnectivity(_ id: Int, _ connectivity: Connectivity) {
    guard let index = self.index(of: id) else { return }
    self.members[index].connectivity = connectivity
    self.recount()
  }

  /// What grpc.health.v1 says of a member.
  mutating func setServing(_ id: Int, _ isServing: Bool) {
    guard let index = self.index(of: id), self.members[index].isServing != isServing else { return }
    self.members[index].isServing = isServing
    self.recount()
  }

  /// Members that a connection is wanted to, because calls come and they have none.
  var toConnect: [Int] {
    let waiting = self.members.filter {
      switch $0.connectivity {
      case .idle, .failing: true
      case .connecting, .ready: false
      }
    }
    guard self.balancer.usesOne else { return waiting.map(\.id) }
    guard waiting.count == self.members.count else { return [] }
    if let idle = waiting.first(where: { $0.connectivity == .idle }) { return [idle.id] }
    return waiting.map(\.id)
  }

  // MARK: Calls

  /// Where a call goes. The owner says `began` when it's there.
  ///
  /// - Parameters:
  ///   - tried: members that it has failed on, in that order: they are the last choice, and the last
  ///     of them is the very last.
  ///   - hash: of what it's known by, for a ring.
  mutating func pick(
    tried: [Int], hash: UInt64?, using generator: inout some RandomNumberGenerator
  ) -> Pick {
    if !self.candidates.isEmpty {
      guard !tried.isEmpty else {
        let id = self.balancer.pick(among: self.candidates, hash: hash, using: &generator)
        return .member(id)
      }
      var others = self.candidates.filter { !tried.contains($0.id) }
      if others.isEmpty { others = self.candidates.filter { $0.id != tried.last } }
      if others.isEmpty { others = self.candidates }
      return .member(self.balancer.pick(among: others, hash: hash, using: &generator))
    }
    guard self.isListKnown else { return .wait }
    return self.trouble.map { .none($0) } ?? .wait
  }

  /// Why no member can be reached; nil where one may be.
  var trouble: String? {
    guard let first = self.members.first else { return "no endpoint is known" }
    guard case .failing(let reason) = first.connectivity else { return nil }
    for member in self.members {
      guard case .failing = member.connectivity else { return nil }
    }
    let more = self.members.count > 1 ? " (and \(self.members.count - 1) more)" : ""
    return reason + more
  }

  /// Whether there's a member to call that isn't one of these.
  func hasOther(than tried: [Int]) -> Bool {
    self.candidates.contains { !tried.contains($0.id) }
  }

  mutating func began(_ id: Int) {
    self.count(id, by: 1)
  }

  /// A call is gone from a member.
  ///
  /// - Parameter isFailure: whether that speaks against the member; nil: it says nothing.
  mutating func ended(_ id: Int, isFailure: Bool?, now: NIODeadline) {
    self.count(id, by: -1)
    guard let isFailure else { return }
    if self.outliers.ended(id, isFailure: isFailure, now: now) { self.recount() }
  }

  // MARK: Outliers

  /// When `sweep` is due.
  var nextSweep: NIODeadline? { self.members.count > 1 ? self.outliers.nextDue() : nil }

  /// Looks at who was left out, and whether someone has to be.
  mutating func sweep(now: NIODeadline) {
    if self.outliers.sweep(now: now) { self.recount() }
  }

  // MARK: Reading

  /// Whether a call would go out now.
  var isReady: Bool { !self.candidates.isEmpty }

  /// Whether nothing can become ready by itself: no connection is coming up.
  var isStuck: Bool {
    !self.members.contains { $0.connectivity == .connecting || $0.connectivity == .ready }
  }

  var memberCount: Int { self.members.count }

  // MARK: Private

  private mutating func count(_ id: Int, by difference: Int) {
    guard let index = self.index(of: id) else { return }
    self.members[index].calls += difference
    if let place = self.members[index].place { self.candidates[place].calls += difference }
  }

  /// Works out who may be picked: members that are ready, of those that look healthy, or of all when
  /// too few do.
  private mutating func recount() {
    let isHealthy = { (member: Member) in
      member.isServing && !self.outliers.isEjected(member.id)
    }
    let healthy = self.members.filter(isHealthy).map(\.id)
    let share = Double(healthy.count) / Double(max(1, self.members.count))
    self.candidates.removeAll(keepingCapacity: true)
    for usesAll in share < self.panicThreshold ? [true] : [false, true] {
      for index in self.members.indices {
        let member = self.members[index]
        self.members[index].place = nil
        guard member.connectivity == .ready, usesAll || healthy.contains(member.id) else {
          continue
        }
        self.members[index].place = self.candidates.count
        self.candidates.append(
          Balancer.Candidate(id: member.id, weight: member.weight, calls: member.calls))
      }
      // Where none that looks healthy can be had soon, one that doesn't is better than none.
      if !self.candidates.isEmpty || self.hasComing(among: healthy) { return }
    }
  }

  private func hasComing(among ids: [Int]) -> Bool {
    self.members.contains { member in
      guard ids.contains(member.id) else { return false }
      switch member.connectivity {
      case .idle, .connecting: return true
      case .ready, .failing: return false
      }
    }
  }

  private func index(of id: Int) -> Int? {
    self.members.firstIndex { $0.id == id }
  }
}
