import NIOCore
import Testing

@testable import Upstream

@Suite struct PooledConnectionStateTests {
  private let now = NIODeadline.uptimeNanoseconds(1_000_000_000)

  private func ready(_ limit: Int, age: TimeAmount? = nil) -> PooledConnectionState {
    var state = PooledConnectionState()
    state.startAging(now: self.now, expiry: age.map { self.now + $0 } ?? .distantFuture)
    state.allow(limit)
    return state
  }

  /// One that has exceeded its age while it had a call.
  private func expiring(_ limit: Int) -> PooledConnectionState {
    var state = self.ready(limit, age: .seconds(10))
    state.openCall()
    state.check(now: self.now + .seconds(10), idleTimeout: nil)
    return state
  }

  @Test func `a connecting connection is usable but has no capacity`() {
    let state = PooledConnectionState()
    #expect(state.isConnecting && state.isUsable && !state.isReady && !state.hasRoom)
  }

  @Test func `a ready connection accepts calls up to its limit`() {
    var state = self.ready(2)
    #expect(state.isReady && state.hasRoom && !state.wasUsed)
    state.openCall()
    #expect(state.hasRoom && state.wasUsed)
    state.openCall()
    #expect(!state.hasRoom && state.openCalls == 2)
    state.closeCall()
    #expect(state.hasRoom)
  }

  @Test func `a connection that cools down has no room`() {
    var state = self.ready(2)
    state.coolDown()
    #expect(state.isReady && !state.hasRoom && state.refusals == 1)
    state.endCoolDown()
    #expect(state.hasRoom)
    state.responded()
    #expect(state.refusals == 0)
  }

  @Test func `a connection without calls drains after the idle timeout`() {
    var state = self.ready(1)
    state.check(now: self.now + .seconds(29), idleTimeout: .seconds(30))
    #expect(state.isReady)
    state.check(now: self.now + .seconds(30), idleTimeout: .seconds(30))
    #expect(state.isSpent && !state.isFailure)
  }

  @Test func `a call since the last check restarts the idle timeout`() {
    var state = self.ready(1)
    state.openCall()
    state.closeCall()
    state.check(now: self.now + .seconds(30), idleTimeout: .seconds(30))
    #expect(state.isReady)
    state.check(now: self.now + .seconds(59), idleTimeout: .seconds(30))
    #expect(state.isReady)
    state.check(now: self.now + .seconds(60), idleTimeout: .seconds(30))
    #expect(state.isSpent)
  }

  @Test func `a connection without calls drains when it is too old`() {
    var state = self.ready(1, age: .seconds(10))
    state.check(now: self.now + .seconds(9), idleTimeout: nil)
    #expect(state.isReady && !state.isExpiring)
    state.check(now: self.now + .seconds(10), idleTimeout: nil)
    #expect(state.isSpent && !state.isFailure)
  }

  @Test func `a connection with calls that is too old takes more until another is ready`() {
    var state = self.expiring(2)
    #expect(state.isExpiring && state.isReady && state.hasRoom)
    state.allow(1)
    #expect(state.isExpiring && !state.hasRoom)
    state.drain(by: .bridge)
    #expect(!state.isExpiring && !state.isReady && !state.isSpent)
    state.closeCall()
    #expect(state.isSpent)
  }

  @Test func `an expiring connection drains once it has no calls`() {
    var state = self.expiring(2)
    state.check(now: self.now + .seconds(11), idleTimeout: nil)
    #expect(state.isExpiring)
    state.closeCall()
    state.check(now: self.now + .seconds(12), idleTimeout: nil)
    #expect(state.isSpent)
  }

  @Test func `a draining connection is spent when its last call has ended`() {
    var state = self.ready(2)
    state.openCall()
    state.drain(by: .endpoint)
    #expect(!state.hasRoom && !state.isUsable && !state.isSpent)
    state.allow(5)
    #expect(!state.hasRoom)
    state.closeCall()
    #expect(state.isSpent)
    state.close()
    #expect(!state.isSpent && !state.isUsable)
  }

  @Test func `a connecting connection that drains is spent`() {
    var state = PooledConnectionState()
    state.drain(by: .endpoint)
    #expect(state.isSpent)
    state.allow(1)
    #expect(state.isSpent && !state.hasRoom)
  }

  @Test func `a closing connection stays closing`() {
    var state = self.ready(1)
    state.drain(by: .bridge)
    state.close()
    state.drain(by: .endpoint)
    state.allow(1)
    state.check(now: self.now + .seconds(60), idleTimeout: .seconds(30))
    #expect(!state.isUsable && !state.isSpent && !state.hasRoom)
  }

  @Test func `an end is a failure if the endpoint ends it before its first call`() {
    #expect(PooledConnectionState().isFailure)
    #expect(self.ready(1).isFailure)
    #expect(!self.expiring(1).isFailure)
    var refused = self.ready(1)
    refused.drain(by: .endpoint)
    #expect(refused.isFailure)
    refused.close()
    #expect(refused.isFailure)
    var retired = self.ready(1)
    retired.drain(by: .bridge)
    #expect(!retired.isFailure)
    retired.close()
    #expect(!retired.isFailure)
  }
}
