import NIOCore
import RepeatableRandom
import Testing

@testable import BridgeConfiguration
@testable import Upstream

@Suite struct ClusterStateTests {
  private let now = NIODeadline.uptimeNanoseconds(1_000_000_000)

  private func make(_ change: (inout Configuration.Cluster) -> Void = { _ in }) -> ClusterState {
    var cluster = Configuration.Cluster(.static([]))
    change(&cluster)
    return ClusterState(cluster, seed: 42)
  }

  private func list(_ ports: Int..., weight: Int = 1) -> [Configuration.WeightedEndpoint] {
    ports.map { .init(.init(host: "a", port: $0), weight: weight) }
  }

  private func pick(_ state: inout ClusterState, tried: [MemberID] = []) -> ClusterState.Pick {
    var generator = SeededGenerator(seed: 1)
    return state.pick(tried: tried, hash: nil, using: &generator)
  }

  /// A state with so many members, numbered from 1, all ready.
  private func ready(
    _ count: Int, _ change: (inout Configuration.Cluster) -> Void = { _ in }
  ) -> ClusterState {
    var state = self.make(change)
    _ = state.update((1...count).map { .init(.init(host: "a", port: $0)) })
    for id in 1...count { state.setConnectivity(MemberID(id), .ready) }
    return state
  }

  @Test func `calls wait for a list and then for a connection`() {
    var state = self.make()
    #expect(self.pick(&state) == .wait)
    let change = state.update(self.list(1, 2))
    #expect(change.added == [1: .init(host: "a", port: 1), 2: .init(host: "a", port: 2)])
    #expect(state.toConnect == [1, 2])
    #expect(self.pick(&state) == .wait)
    state.setConnectivity(1, .connecting)
    state.setConnectivity(2, .failing("refused"))
    #expect(self.pick(&state) == .wait)
    state.setConnectivity(1, .ready)
    #expect(self.pick(&state) == .member(1))
  }

  @Test func `if all members fail the reason is reported`() {
    var state = self.make()
    _ = state.update(self.list(1, 2))
    state.setConnectivity(1, .failing("refused"))
    state.setConnectivity(2, .failing("timed out"))
    #expect(self.pick(&state) == .none("refused (and 1 more)"))
    var empty = self.make()
    _ = empty.update([])
    #expect(self.pick(&empty) == .none("no endpoint is known"))
  }

  @Test func `a new list keeps the members that it shares`() {
    var state = self.ready(3)
    let change = state.update(self.list(2, 4))
    #expect(change.added == [4: .init(host: "a", port: 4)])
    #expect(change.removed == [1, 3])
    // The one that was ready goes on at once.
    #expect(self.pick(&state) == .member(2))
    #expect(state.update(self.list(2, 4)) == ClusterState.Change())
  }

  @Test func `a member with a weight of zero gets no calls`() {
    var state = self.make()
    let change = state.update(self.list(1, weight: 0) + self.list(2))
    #expect(change.added == [1: .init(host: "a", port: 2)])
  }

  @Test func `a member that was tried is the last choice`() {
    var state = self.ready(3)
    for _ in 0..<10 {
      #expect(self.pick(&state, tried: [1, 3]) == .member(2))
    }
    guard case .member = self.pick(&state, tried: [1, 2, 3]) else {
      Issue.record("nothing was picked")
      return
    }
    #expect(state.hasOther(than: [1, 3]) && !state.hasOther(than: [1, 2, 3]))
  }

  @Test func `a member that isn't serving is left out`() {
    var state = self.ready(3)
    state.setServing(2, false)
    var seen: Set<ClusterState.Pick.Number> = []
    for _ in 0..<20 { seen.insert(self.pick(&state).number) }
    #expect(seen == [1, 3])
    state.setServing(2, true)
    for _ in 0..<20 { seen.insert(self.pick(&state).number) }
    #expect(seen == [1, 2, 3])
  }

  @Test func `if too few members look healthy all are used`() {
    var state = self.ready(4)
    for id in 1...2 { state.setServing(MemberID(id), false) }
    var seen: Set<ClusterState.Pick.Number> = []
    for _ in 0..<20 { seen.insert(self.pick(&state).number) }
    #expect(seen == [3, 4])
    state.setServing(3, false)
    for _ in 0..<20 { seen.insert(self.pick(&state).number) }
    #expect(seen == [1, 2, 3, 4])
  }

  @Test func `a member that isn't serving is better than none`() {
    var state = self.ready(2) { $0.health.panicThreshold = 0 }
    state.setServing(1, false)
    state.setConnectivity(2, .connecting)
    #expect(self.pick(&state) == .wait)
    state.setConnectivity(2, .failing("refused"))
    #expect(self.pick(&state) == .member(1))
  }

  @Test func `consecutive failures eject a member`() {
    var state = self.ready(3)
    for _ in 0..<5 {
      state.began(2)
      state.ended(2, isFailure: true, now: self.now)
    }
    var seen: Set<ClusterState.Pick.Number> = []
    for _ in 0..<20 { seen.insert(self.pick(&state).number) }
    #expect(seen == [1, 3])
    state.sweep(now: self.now + .seconds(31))
    for _ in 0..<20 { seen.insert(self.pick(&state).number) }
    #expect(seen == [1, 2, 3])
  }

  @Test func `calls in flight count for the least busy member`() {
    var state = self.ready(2) { $0.balance.policy = .leastRequests }
    state.began(1)
    state.began(1)
    #expect(self.pick(&state) == .member(2))
    state.began(2)
    state.began(2)
    state.began(2)
    #expect(self.pick(&state) == .member(1))
    state.ended(2, isFailure: nil, now: self.now)
    state.ended(2, isFailure: nil, now: self.now)
    #expect(self.pick(&state) == .member(2))
  }

  @Test func `pick first connects to one at a time`() {
    var state = self.make { $0.balance.policy = .pickFirst }
    _ = state.update(self.list(1, 2, 3))
    #expect(state.toConnect == [1])
    state.setConnectivity(1, .connecting)
    #expect(state.toConnect == [])
    state.setConnectivity(1, .failing("refused"))
    #expect(state.toConnect == [2])
    state.setConnectivity(2, .ready)
    #expect(state.toConnect == [] && self.pick(&state) == .member(2))
    state.setConnectivity(2, .failing("gone"))
    state.setConnectivity(3, .failing("gone"))
    #expect(state.toConnect == [1, 2, 3])
  }

  @Test func `a subset is specific to the process and stable`() {
    let all = (1...100).map { Configuration.WeightedEndpoint(.init(host: "a", port: $0)) }
    var cluster = Configuration.Cluster(.static([]))
    cluster.balance.subset = 10
    func chosen(seed: UInt64, _ list: [Configuration.WeightedEndpoint]) -> Set<String> {
      var state = ClusterState(cluster, seed: seed)
      return Set(state.update(list).added.values.map(\.description))
    }
    let first = chosen(seed: 1, all)
    #expect(first.count == 10 && first == chosen(seed: 1, all.reversed()))
    #expect(first != chosen(seed: 2, all))
    // Half of the endpoints go: those of the subset that are left stay in it.
    let left = Array(all[0..<50])
    let after = chosen(seed: 1, left)
    let names = Set(left.map(\.endpoint.description))
    #expect(first.intersection(names).isSubset(of: after) && after.count == 10)
  }
}

extension ClusterState.Pick {
  typealias Number = MemberID

  /// The member's number; 0 for none.
  fileprivate var number: Number {
    if case .member(let id) = self { id } else { 0 }
  }
}
