import NIOCore
import Testing

@testable import Upstream

@Suite struct KeepaliveStateTests {
  private func make(time: TimeAmount? = .seconds(60), withoutCalls: Bool = false) -> KeepaliveState
  {
    KeepaliveState(
      KeepaliveState.Options(time: time, timeout: .seconds(20), withoutCalls: withoutCalls))
  }

  @Test func `silence causes a PING, and its acknowledgement restarts the timer`() {
    var state = self.make()
    #expect(state.start() == .wait(.seconds(60)))
    #expect(state.check(hasCalls: true) == .ping(.seconds(20)))
    state.didReceive()
    #expect(state.check(hasCalls: true) == .wait(.seconds(60)))
    #expect(state.check(hasCalls: true) == .ping(.seconds(20)))
  }

  @Test func `an unacknowledged PING ends the connection`() {
    var state = self.make()
    _ = state.start()
    #expect(state.check(hasCalls: true) == .ping(.seconds(20)))
    #expect(state.check(hasCalls: true) == .giveUp)
  }

  @Test func `a connection that receives data gets no PING`() {
    var state = self.make()
    _ = state.start()
    state.didReceive()
    #expect(state.check(hasCalls: true) == .wait(.seconds(60)))
  }

  @Test func `a connection without calls gets no PING unless configured`() {
    var state = self.make()
    _ = state.start()
    #expect(state.check(hasCalls: false) == .wait(.seconds(60)))
    var always = self.make(withoutCalls: true)
    _ = always.start()
    #expect(always.check(hasCalls: false) == .ping(.seconds(20)))
  }

  @Test func `off still sends a PING on suspicion, once in five minutes`() {
    var state = self.make(time: nil)
    let now = NIODeadline.uptimeNanoseconds(1)
    #expect(state.start() == .wait(nil))
    #expect(state.probeNow(now: now) == .ping(.seconds(20)))
    // One question at a time.
    #expect(state.probeNow(now: now + .seconds(1)) == nil)
    state.didReceive()
    #expect(state.check(hasCalls: true) == .wait(nil))
    #expect(state.probeNow(now: now + .seconds(299)) == nil)
    #expect(state.probeNow(now: now + .seconds(300)) == .ping(.seconds(20)))
    #expect(state.check(hasCalls: false) == .giveUp)
  }
}
