import NIOCore
import RepeatableRandom
import Testing

@testable import GRPCWire
@testable import Upstream

/// Calls whose clients may be gone make room for others.
@Suite struct PoolStateYieldingTests {
  private let now = NIODeadline.uptimeNanoseconds(1_000_000_000)

  /// A state with connection 1, ready for `calls`.
  private func ready(
    calls: Int = 1, callsInFlight: Int = 10, callsWaiting: Int = 10, connections: Int = 1
  ) -> PoolState {
    var state = PoolState(
      limits: PoolState.Limits(
        callsInFlight: callsInFlight, callsWaiting: callsWaiting, connections: connections))
    state.requestConnection()
    #expect(state.nextConnect(now: self.now) == 1)
    var generator = SeededGenerator(seed: 1)
    state.allow(1, calls: calls, now: self.now, using: &generator)
    return state
  }

  @Test func `others overtake a yielding call that waits`() {
    var state = self.ready()
    #expect(state.submit(1, now: self.now) == .start(connection: 1))
    #expect(state.submit(2, yields: true, now: self.now) == .wait)
    #expect(state.submit(3, now: self.now) == .wait)
    state.closeCall(on: 1)
    #expect(state.nextStart() ?? (0, 0) == (3, 1))
    state.closeCall(on: 1)
    #expect(state.nextStart() ?? (0, 0) == (2, 1))
    // It yields on its connection, too.
    #expect(state.submit(4, now: self.now) == .wait)
    #expect(state.nextYield() == 2)
  }

  @Test func `a yielding call on a connection ends for one that waits`() {
    var state = self.ready(calls: 2, callsInFlight: 2)
    for call: CallID in [1, 2] {
      #expect(state.submit(call, now: self.now) == .start(connection: 1))
    }
    state.yield(2)
    state.yield(1)
    #expect(state.nextYield() == nil)
    #expect(state.submit(3, now: self.now) == .wait)
    #expect(state.nextYield() == 2)
    // Its place isn't free yet, and is enough.
    #expect(state.nextYield() == nil && state.nextStart() == nil)
    #expect(state.submit(4, now: self.now) == .wait)
    #expect(state.nextYield() == 1 && state.nextYield() == nil)
    state.closeCall(on: 1)
    #expect(state.nextStart() ?? (0, 0) == (3, 1))
  }

  @Test func `no yielding call ends while a connection is being opened`() {
    var state = self.ready(connections: 2)
    #expect(state.submit(1, yields: true, now: self.now) == .start(connection: 1))
    #expect(state.submit(2, now: self.now) == .wait)
    #expect(state.nextConnect(now: self.now) == 2)
    #expect(state.nextYield() == nil)
  }

  @Test func `the queue accepts no more than yielding calls make room for`() {
    var state = self.ready(callsWaiting: 2, connections: 2)
    #expect(state.submit(1, yields: true, now: self.now) == .start(connection: 1))
    #expect(state.submit(2, now: self.now) == .wait)
    #expect(state.nextConnect(now: self.now) == 2)
    #expect(state.submit(3, yields: true, now: self.now) == .wait)
    // The queue is full: 1 and 3 can make room, for two more.
    for call: CallID in [4, 5] {
      #expect(state.submit(call, now: self.now) == .wait)
    }
    guard case .refuse(let status) = state.submit(6, now: self.now) else {
      Issue.record("a queue of \(state.waitingCount)")
      return
    }
    #expect(status.code == .unavailable && status.origin == .shed)
    #expect(state.nextYield() == 3 && state.waitingCount == 3)
  }

  @Test func `a yielding call displaces no other`() {
    var state = self.ready(callsWaiting: 1)
    #expect(state.submit(1, now: self.now) == .start(connection: 1))
    #expect(state.submit(2, yields: true, now: self.now) == .wait)
    guard case .refuse = state.submit(3, yields: true, now: self.now) else {
      Issue.record("it was let in")
      return
    }
    #expect(state.nextYield() == nil)
  }

  @Test func `a yielding call that is retried still yields`() {
    var state = self.ready()
    #expect(state.submit(1, yields: true, now: self.now) == .start(connection: 1))
    state.closeCall(on: 1)
    state.requeue(1)
    #expect(state.submit(2, now: self.now) == .wait)
    #expect(state.nextStart() ?? (0, 0) == (2, 1))
  }

  @Test func `a yielding call that ended doesn't make room twice`() {
    var state = self.ready(callsInFlight: 1)
    #expect(state.submit(1, now: self.now) == .start(connection: 1))
    state.yield(1)
    state.leave(1)
    state.closeCall(on: 1)
    #expect(state.submit(2, now: self.now) == .start(connection: 1))
    #expect(state.submit(3, now: self.now) == .wait)
    #expect(state.nextYield() == nil)
  }

  /// Whatever comes in whatever order: the queue is bounded, each call is in one place, and none that
  /// lives is ended for another.
  @Test(arguments: 1...20) func `in any order of events limits are respected`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var state = self.ready(calls: 3, callsInFlight: 3, callsWaiting: 4)
    var (open, waiting, yields): (Set<CallID>, Set<CallID>, Set<CallID>) = ([], [], [])
    var ending = 0
    for call in (1...400).map({ CallID($0) }) {
      let isYielding = Bool.random(using: &generator)
      switch state.submit(call, yields: isYielding, now: self.now) {
      case .start: open.insert(call)
      case .wait: waiting.insert(call)
      case .refuse: break
      }
      if isYielding { yields.insert(call) }
      if Int.random(in: 0..<3, using: &generator) == 0,
        let some = open.union(waiting).randomElement(using: &generator)
      {
        state.yield(some)
        yields.insert(some)
      }
      while let ended = state.nextYield() {
        #expect(yields.contains(ended), "call \(ended) lives")
        if waiting.remove(ended) == nil {
          #expect(open.remove(ended) != nil, "call \(ended) is nowhere")
          ending += 1
        }
      }
      if ending > 0, Bool.random(using: &generator) {
        state.closeCall(on: 1)
        ending -= 1
      } else if let done = open.randomElement(using: &generator) {
        open.remove(done)
        state.leave(done)
        state.closeCall(on: 1)
      }
      while let (started, _) = state.nextStart() {
        #expect(waiting.remove(started) != nil, "call \(started) didn't wait")
        open.insert(started)
      }
      #expect(state.waitingCount == waiting.count && waiting.count <= 4 + 3 + 4)
      #expect(state.callsInFlightCount == open.count + ending && open.count + ending <= 3)
    }
  }
}
