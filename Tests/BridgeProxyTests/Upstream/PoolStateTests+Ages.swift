import NIOCore
import RepeatableRandom
import Testing

@testable import Upstream

/// How many connections a pool keeps, and for how long.
@Suite struct PoolAgeTests {
  private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

  private func makeState(
    connections: Int = 2, spread: Int = 1, idleTimeout: TimeAmount? = nil, maxAge: TimeAmount? = nil
  ) -> PoolState {
    PoolState(
      limits: PoolState.Limits(
        callsInFlight: 100, callsWaiting: 100, connections: connections, spread: spread,
        idleTimeout: idleTimeout, maxAge: maxAge))
  }

  private func allow(
    _ state: inout PoolState, _ connection: ConnectionID, at now: NIODeadline? = nil
  ) {
    var generator = SeededGenerator(seed: 1)
    state.allow(connection, calls: 100, now: now ?? self.start, using: &generator)
  }

  @Test func `calls are spread over the configured number of connections`() {
    var state = self.makeState(connections: 3, spread: 3)
    #expect(state.submit(1, now: self.start) == .wait)
    #expect(state.nextConnect(now: self.start) == 1)
    #expect(state.nextConnect(now: self.start) == nil)
    self.allow(&state, 1)
    #expect(state.nextStart() ?? (0, 0) == (1, 1))
    // Others follow while there are calls, one at a time.
    #expect(state.nextConnect(now: self.start) == 2)
    self.allow(&state, 2)
    #expect(state.nextConnect(now: self.start) == 3)
    self.allow(&state, 3)
    #expect(state.nextConnect(now: self.start) == nil)
    let places = (2...7).map { state.submit(CallID($0), now: self.start) }
    #expect(
      places == [2, 3, 1, 2, 3, 1].map { PoolState.Arrival.start(connection: ConnectionID($0)) })
  }

  @Test func `a connection without calls is closed after the idle timeout`() {
    var state = self.makeState(idleTimeout: .seconds(80))
    #expect(state.checkInterval == .seconds(10))
    state.requestConnection()
    #expect(state.nextConnect(now: self.start) == 1)
    self.allow(&state, 1)
    state.check(now: self.start + .seconds(10))
    state.check(now: self.start + .seconds(79))
    #expect(state.nextClose() == nil)
    // A call in between, however short, counts.
    #expect(state.submit(1, now: self.start + .seconds(81)) == .start(connection: 1))
    state.closeCall(on: 1)
    state.check(now: self.start + .seconds(90))
    state.check(now: self.start + .seconds(160))
    #expect(state.nextClose() == nil)
    state.check(now: self.start + .seconds(170))
    #expect(state.nextClose() == 1)
    #expect(state.connectivity(now: self.start) == .idle)
  }

  @Test func `a connection with calls is never idle`() {
    var state = self.makeState(idleTimeout: .seconds(80))
    #expect(state.submit(1, now: self.start) == .wait)
    _ = state.nextConnect(now: self.start)
    self.allow(&state, 1)
    _ = state.nextStart()
    state.check(now: self.start + .seconds(1000))
    state.check(now: self.start + .seconds(2000))
    #expect(state.nextClose() == nil)
  }

  @Test func `an old connection with calls is replaced before it closes`() {
    var state = self.makeState(connections: 1, maxAge: .seconds(100))
    #expect(state.submit(1, now: self.start) == .wait)
    _ = state.nextConnect(now: self.start)
    self.allow(&state, 1)
    _ = state.nextStart()
    let old = self.start + .seconds(111)
    state.check(now: old)
    // It still takes calls, and another is opened beside it whatever the limit is.
    #expect(state.nextConnect(now: old) == 2)
    #expect(state.submit(2, now: old) == .start(connection: 1))
    self.allow(&state, 2, at: old)
    #expect(state.submit(3, now: old) == .start(connection: 2))
    #expect(state.nextClose() == nil)
    state.closeCall(on: 1)
    state.closeCall(on: 1)
    #expect(state.nextClose() == 1)
    #expect(state.nextClose() == nil)
  }

  @Test func `an old connection without calls is closed at once`() {
    var state = self.makeState(maxAge: .seconds(100))
    state.requestConnection()
    _ = state.nextConnect(now: self.start)
    self.allow(&state, 1)
    state.check(now: self.start + .seconds(89))
    #expect(state.nextClose() == nil)
    state.check(now: self.start + .seconds(111))
    #expect(state.nextClose() == 1)
    #expect(state.nextConnect(now: self.start + .seconds(111)) == nil)
  }

  @Test func `connectivity follows the connections`() {
    var state = self.makeState()
    var generator = SeededGenerator(seed: 1)
    #expect(state.connectivity(now: self.start) == .idle)
    state.requestConnection()
    _ = state.nextConnect(now: self.start)
    #expect(state.connectivity(now: self.start) == .connecting)
    state.remove(1, reason: "refused", now: self.start, using: &generator)
    #expect(state.connectivity(now: self.start) == .failing("refused"))
    state.requestConnection()
    #expect(state.nextConnect(now: self.start + .seconds(1)) == 2)
    self.allow(&state, 2)
    #expect(state.connectivity(now: self.start) == .ready)
    state.retire(2)
    #expect(state.connectivity(now: self.start) == .idle)
  }
}
