import Testing

@testable import Upstream

@Suite struct PooledConnectionStateTests {
  private func ready(_ limit: Int) -> PooledConnectionState {
    var state = PooledConnectionState()
    state.allow(limit)
    return state
  }

  @Test func aConnectingOneIsUsableAndHasNoRoom() {
    let state = PooledConnectionState()
    #expect(state.isConnecting && state.isUsable && !state.isReady && !state.hasRoom)
  }

  @Test func aReadyOneTakesCallsUpToItsLimit() {
    var state = self.ready(2)
    #expect(state.isReady && state.hasRoom && !state.wasUsed)
    state.openCall()
    #expect(state.hasRoom && state.wasUsed)
    state.openCall()
    #expect(!state.hasRoom && state.openCalls == 2)
    state.closeCall()
    #expect(state.hasRoom)
  }

  @Test func aDrainingOneIsSpentWhenItsLastCallHasEnded() {
    var state = self.ready(2)
    state.openCall()
    state.drain()
    #expect(!state.hasRoom && !state.isUsable && !state.isSpent)
    state.allow(5)
    #expect(!state.hasRoom)
    state.closeCall()
    #expect(state.isSpent)
    state.close()
    #expect(!state.isSpent && !state.isUsable)
  }

  @Test func aConnectingOneThatDrainsIsSpent() {
    var state = PooledConnectionState()
    state.drain()
    #expect(state.isSpent)
    state.allow(1)
    #expect(state.isSpent && !state.hasRoom)
  }

  @Test func aClosingOneStaysClosing() {
    var state = self.ready(1)
    state.close()
    state.drain()
    state.allow(1)
    #expect(!state.isUsable && !state.isSpent && !state.hasRoom)
  }
}
