import RepeatableRandom
import Testing

@testable import BridgeConfiguration
@testable import Upstream

@Suite struct BalancerTests {
  private func candidates(_ weights: [Int], calls: [Int] = []) -> [Balancer.Candidate] {
    weights.enumerated().map { index, weight in
      Balancer.Candidate(
        id: MemberID(index + 1), weight: weight, calls: index < calls.count ? calls[index] : 0)
    }
  }

  /// A balancer with these candidates.
  private func balancer(
    _ policy: Configuration.Balance.Policy, of candidates: [Balancer.Candidate]
  ) -> Balancer {
    var balancer = Balancer(policy)
    balancer.setMembers(candidates.map { ($0.id, $0.weight, "10.0.0.\($0.id.rawValue):1") })
    balancer.setCandidates(candidates)
    return balancer
  }

  /// The numbers of so many picks.
  private func picks(
    _ policy: Configuration.Balance.Policy, _ count: Int, of candidates: [Balancer.Candidate],
    hash: (Int) -> UInt64? = { _ in nil }
  ) -> [Int] {
    var balancer = self.balancer(policy, of: candidates)
    var generator = SeededGenerator(seed: 7)
    return (0..<count).compactMap {
      balancer.pick(hash: hash($0), using: &generator)?.rawValue
    }
  }

  private func counts(_ picks: [Int]) -> [Int: Int] {
    Dictionary(picks.map { ($0, 1) }, uniquingKeysWith: +)
  }

  @Test(arguments: [
    // The light ones come in the middle of the heavy one's turns.
    ([5, 1, 1], [1, 1, 2, 3, 1, 1, 1, 1, 1, 1, 2, 3, 1, 1]),
    ([1, 1, 1], [1, 2, 3, 1, 2, 3]),
    ([4, 2], [1, 2, 1, 1, 2, 1]),
    ([3], [1, 1, 1]),
  ])
  func `round robin spreads smoothly`(weights: [Int], picks: [Int]) {
    #expect(self.picks(.roundRobin, picks.count, of: self.candidates(weights)) == picks)
  }

  @Test func `round robin continues when members leave and join`() {
    var all = self.candidates([1, 1, 1])
    var balancer = self.balancer(.roundRobin, of: all)
    var generator = SeededGenerator(seed: 1)
    var seen: [Int] = []
    func pick(_ count: Int) {
      for _ in 0..<count {
        seen.append(balancer.pick(hash: nil, using: &generator)?.rawValue ?? 0)
      }
    }
    pick(3)
    all.remove(at: 1)
    balancer.setCandidates(all)
    pick(4)
    all.append(Balancer.Candidate(id: 9, weight: 1, calls: 0))
    balancer.setCandidates(all)
    pick(6)
    #expect(seen == [1, 2, 3, 1, 3, 1, 3, 9, 1, 3, 9, 1, 3])
  }

  @Test(arguments: [
    Configuration.Balance.Policy.roundRobin, .leastRequests, .pickFirst, .ringHash(header: "x"),
  ])
  func `excluded members are not picked`(policy: Configuration.Balance.Policy) {
    var balancer = self.balancer(policy, of: self.candidates([1, 1, 1]))
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<50 {
      #expect(balancer.pick(excluding: [1, 3], hash: nil, using: &generator) == 2)
    }
    #expect(balancer.pick(excluding: [1, 2, 3], hash: nil, using: &generator) == nil)
    #expect(balancer.hasCandidate(otherThan: [1, 2]))
    #expect(!balancer.hasCandidate(otherThan: [3, 1, 2]))
    // It isn't lost: the excluded ones get their turns.
    let next = Set((0..<50).map { _ in balancer.pick(hash: nil, using: &generator) })
    #expect(next.count == (balancer.usesOne ? 1 : 3))
  }

  @Test func `shares follow the weights among many members`() {
    let weights = (0..<1000).map { 1 + $0 % 4 }
    let picks = self.picks(.roundRobin, 2500 * 4, of: self.candidates(weights))
    for (index, weight) in weights.enumerated() {
      let count = picks.count { $0 == index + 1 }
      #expect(abs(count - 4 * weight) <= 1)
    }
  }

  @Test func `the less busy of two members gets the call`() {
    let picks = self.picks(.leastRequests, 2000, of: self.candidates([1, 1, 1], calls: [0, 5, 9]))
    let counts = self.counts(picks)
    // The busiest never wins, the idlest always: two thirds of the pairs have it.
    #expect(counts[3] == nil)
    #expect((1200...1460).contains(counts[1] ?? 0))
  }

  @Test func `a weight counts as capacity for calls`() {
    let picks = self.picks(.leastRequests, 500, of: self.candidates([1, 10], calls: [1, 10]))
    #expect(self.counts(picks) == [2: 500])
  }

  @Test func `pick first stays with its member until it leaves`() {
    let all = self.candidates([1, 1, 1])
    var balancer = self.balancer(.pickFirst, of: all)
    var generator = SeededGenerator(seed: 1)
    func pick(_ candidates: [Balancer.Candidate]) -> MemberID? {
      balancer.setCandidates(candidates)
      return balancer.pick(hash: nil, using: &generator)
    }
    #expect(pick(all) == 1)
    #expect(pick(Array(all[1...])) == 2)
    // It doesn't go back: connections there may be seconds old.
    #expect(pick(all) == 2)
    #expect(balancer.usesOne)
  }

  @Test func `a ring sends calls of one key to one member and moves few when one leaves`() {
    let all = self.candidates([1, 1, 1, 1])
    let hashes = (0..<4000).map { StableHash.of("user \($0)".utf8) }
    let before = self.picks(.ringHash(header: "x"), 4000, of: all) { hashes[$0] }
    #expect(before == self.picks(.ringHash(header: "x"), 4000, of: all) { hashes[$0] })
    for (_, count) in self.counts(before) { #expect((700...1350).contains(count)) }
    // Member 3 goes: only its calls move.
    let left = all.filter { $0.id != 3 }
    let after = self.picks(.ringHash(header: "x"), 4000, of: left) { hashes[$0] }
    for (old, new) in zip(before, after) where old != 3 { #expect(old == new) }
    #expect(!after.contains(3))
  }

  @Test func `shares of a ring follow the weights`() {
    let picks = self.picks(.ringHash(header: "x"), 8000, of: self.candidates([1, 3])) {
      StableHash.of("\($0)".utf8)
    }
    #expect((5400...6600).contains(self.counts(picks)[2] ?? 0))
  }

  @Test func `a call without the header field goes to any member`() {
    let picks = self.picks(.ringHash(header: "x"), 300, of: self.candidates([1, 1, 1]))
    #expect(Set(picks) == [1, 2, 3])
  }

  @Test func `the hash is stable across versions`() {
    // Written down once: bridges of different versions must agree on the ring.
    #expect(StableHash.of("".utf8) == 17_280_346_270_528_514_342)
    #expect(StableHash.of("user 1".utf8) == StableHash.of(Array("user 1".utf8)))
  }
}
