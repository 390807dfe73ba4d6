import NIOCore
import RepeatableRandom
import Testing

@testable import GRPCWire
@testable import Upstream

@Suite struct PoolStateTests {
  private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

  private func makeState(
    callsInFlight: Int = 10, callsWaiting: Int = 10, connections: Int = 2
  ) -> PoolState {
    PoolState(
      limits: PoolState.Limits(
        callsInFlight: callsInFlight, callsWaiting: callsWaiting, connections: connections))
  }

  /// A state with a connection (number 1) that is ready for so many calls.
  private func readyState(calls: Int, connections: Int = 2, callsInFlight: Int = 10) -> PoolState {
    var state = self.makeState(callsInFlight: callsInFlight, connections: connections)
    state.requestConnection()
    #expect(state.nextConnect(now: self.start) == 1)
    self.allow(&state, 1, calls: calls)
    return state
  }

  private func allow(_ state: inout PoolState, _ connection: ConnectionID, calls: Int) {
    var generator = SeededGenerator(seed: 1)
    state.allow(connection, calls: calls, now: self.start, using: &generator)
  }

  private func remove(
    _ state: inout PoolState, _ connection: ConnectionID, _ reason: String = "gone"
  ) {
    var generator = SeededGenerator(seed: 1)
    state.remove(connection, reason: reason, now: self.start, using: &generator)
  }

  @Test func `the first call waits for a connection`() {
    var state = self.makeState()
    #expect(state.submit(7, now: self.start) == .wait)
    #expect(state.nextStart() == nil)
    #expect(state.nextConnect(now: self.start) == 1)
    // One attempt at a time.
    #expect(state.nextConnect(now: self.start) == nil)
    #expect(state.nextFailure(now: self.start) == nil)
    self.allow(&state, 1, calls: 100)
    #expect(state.nextStart() ?? (0, 0) == (7, 1))
    #expect(state.nextStart() == nil)
    #expect(state.submit(8, now: self.start) == .start(connection: 1))
    #expect(state.callsInFlightCount == 2)
  }

  @Test func `a connection backs off after a refusal, longer each time`() {
    var state = self.makeState(connections: 1)
    #expect(state.submit(1, now: self.start) == .wait)
    #expect(state.nextConnect(now: self.start) == 1)
    self.allow(&state, 1, calls: 100)
    for milliseconds: Int64 in [2, 4, 8, 16, 32, 64, 128, 128] {
      #expect(state.nextStart() ?? (0, 0) == (1, 1))
      state.closeCall(on: 1)
      #expect(state.refuse(1, on: 1) == .milliseconds(milliseconds))
      #expect(state.nextStart() == nil)
      #expect(state.nextConnect(now: self.start) == nil)
      state.endCoolDown(1)
    }
    #expect(state.nextStart() ?? (0, 0) == (1, 1))
    state.responded(on: 1)
    state.closeCall(on: 1)
    #expect(state.refuse(1, on: 1) == .milliseconds(2))
    // A second refusal while it rests anyway starts no other rest.
    #expect(state.refuse(2, on: 1) == nil)
  }

  @Test func `waiting calls start in their order`() {
    var state = self.makeState()
    for call in 1...3 { #expect(state.submit(CallID(call), now: self.start) == .wait) }
    state.leave(2)
    state.leave(99)
    state.requeue(4)
    _ = state.nextConnect(now: self.start)
    self.allow(&state, 1, calls: 100)
    var started: [CallID] = []
    while let (call, _) = state.nextStart() { started.append(call) }
    #expect(started == [4, 1, 3])
  }

  @Test func `a full connection gets a second one beside it`() {
    var state = self.readyState(calls: 1)
    #expect(state.submit(1, now: self.start) == .start(connection: 1))
    #expect(state.submit(2, now: self.start) == .wait)
    #expect(state.nextConnect(now: self.start) == 2)
    self.allow(&state, 2, calls: 1)
    #expect(state.nextStart() ?? (0, 0) == (2, 2))
    // Two are the limit: the third waits for a stream.
    #expect(state.submit(3, now: self.start) == .wait)
    #expect(state.nextConnect(now: self.start) == nil)
    #expect(state.nextFailure(now: self.start) == nil)
    state.closeCall(on: 1)
    #expect(state.nextStart() ?? (0, 0) == (3, 1))
  }

  @Test func `the limit in flight covers all connections`() {
    var state = self.readyState(calls: 100, callsInFlight: 1)
    #expect(state.submit(1, now: self.start) == .start(connection: 1))
    #expect(state.submit(2, now: self.start) == .wait)
    #expect(state.nextConnect(now: self.start) == nil && state.nextStart() == nil)
    state.closeCall(on: 1)
    #expect(state.nextStart() ?? (0, 0) == (2, 1))
  }

  @Test func `calls beyond the waiting limit are shed`() {
    var state = self.makeState(callsWaiting: 1)
    #expect(state.submit(1, now: self.start) == .wait)
    guard case .refuse(let status) = state.submit(2, now: self.start) else {
      Issue.record("not refused")
      return
    }
    #expect(status.code == .unavailable && status.origin == .shed)
    // One that comes back was let in before.
    state.requeue(3)
    #expect(state.waitingCount == 2)
  }

  @Test func `a failed attempt fails waiting calls and those during the backoff`() {
    var state = self.makeState()
    #expect(state.submit(1, now: self.start) == .wait)
    _ = state.nextConnect(now: self.start)
    self.remove(&state, 1, "refused")
    let status = GRPCStatus(.unavailable, "refused", origin: .notConnected)
    #expect(state.nextStart() == nil && state.nextConnect(now: self.start) == nil)
    let failure = state.nextFailure(now: self.start)
    #expect(failure?.call == 1 && failure?.status == status)
    #expect(state.nextFailure(now: self.start) == nil)
    #expect(state.submit(2, now: self.start + .milliseconds(79)) == .refuse(status))
    let later = self.start + .milliseconds(121)
    #expect(state.submit(3, now: later) == .wait)
    #expect(state.nextConnect(now: later) == 2)
  }

  @Test func `a failed second connection doesn't affect waiting calls`() {
    var state = self.readyState(calls: 1)
    _ = state.submit(1, now: self.start)
    _ = state.submit(2, now: self.start)
    #expect(state.nextConnect(now: self.start) == 2)
    self.remove(&state, 2)
    #expect(state.nextFailure(now: self.start) == nil)
    #expect(state.nextConnect(now: self.start) == nil)
    #expect(state.nextConnect(now: self.start + .seconds(1)) == 3)
  }

  @Test func `a connection that served calls is replaced at once`() {
    var state = self.readyState(calls: 10)
    _ = state.submit(1, now: self.start)
    self.remove(&state, 1)
    #expect(state.callsInFlightCount == 0)
    #expect(state.submit(2, now: self.start) == .wait)
    #expect(state.nextConnect(now: self.start) == 2)
  }

  @Test func `a connection that ends before it's ready counts as failed`() {
    var state = self.makeState()
    state.requestConnection()
    #expect(state.nextConnect(now: self.start) == 1)
    self.remove(&state, 1, "hung up")
    #expect(
      state.submit(1, now: self.start)
        == .refuse(GRPCStatus(.unavailable, "hung up", origin: .notConnected)))
  }

  @Test func `a ready connection that ends unused delays no call`() {
    var state = self.readyState(calls: 10)
    self.remove(&state, 1, "hung up")
    // What no call waits for isn't opened again at once.
    state.requestConnection()
    #expect(state.nextConnect(now: self.start) == nil)
    #expect(state.submit(1, now: self.start) == .wait)
    #expect(state.nextConnect(now: self.start) == 2)
    // It hangs up again, with the call waiting for it.
    self.remove(&state, 2, "hung up")
    #expect(
      state.nextFailure(now: self.start)?.status
        == GRPCStatus(.unavailable, "hung up", origin: .notConnected))
    #expect(state.nextConnect(now: self.start + .seconds(5)) == nil)
    state.requestConnection()
    #expect(state.nextConnect(now: self.start + .seconds(5)) == 3)
  }

  @Test func `a connection retired unused counts as failed before the next opens`() {
    var state = self.makeState()
    #expect(state.submit(1, now: self.start) == .wait)
    #expect(state.nextConnect(now: self.start) == 1)
    self.allow(&state, 1, calls: 10)
    state.retire(1)
    #expect(state.nextStart() == nil)
    #expect(state.nextConnect(now: self.start) == nil)
    #expect(state.nextFailure(now: self.start) == nil)
    #expect(state.nextClose() == 1)
    #expect(state.nextConnect(now: self.start) == nil)
    self.remove(&state, 1, "goodbye")
    #expect(state.nextConnect(now: self.start) == nil)
    let failure = state.nextFailure(now: self.start)
    #expect(failure?.call == 1)
    #expect(failure?.status == GRPCStatus(.unavailable, "goodbye", origin: .notConnected))
    #expect(state.submit(2, now: self.start + .seconds(1)) == .wait)
    #expect(state.nextConnect(now: self.start + .seconds(1)) == 2)
  }

  @Test func `a retired connection finishes its calls and is closed`() {
    var state = self.readyState(calls: 10)
    _ = state.submit(1, now: self.start)
    state.retire(1)
    #expect(state.nextClose() == nil)
    #expect(state.submit(2, now: self.start) == .wait)
    #expect(state.nextConnect(now: self.start) == 2)
    state.closeCall(on: 1)
    #expect(state.nextClose() == 1)
    #expect(state.nextClose() == nil)
    // SETTINGS that come too late don't bring it back.
    self.allow(&state, 1, calls: 10)
    #expect(state.nextStart() == nil)
  }

  @Test func `a lowered limit refuses new calls`() {
    var state = self.readyState(calls: 10, connections: 1)
    for call in 1...3 { _ = state.submit(CallID(call), now: self.start) }
    self.allow(&state, 1, calls: 2)
    #expect(state.submit(4, now: self.start) == .wait)
    state.closeCall(on: 1)
    #expect(state.nextStart() == nil)
    state.closeCall(on: 1)
    #expect(state.nextStart() ?? (0, 0) == (4, 1))
  }

  @Test func `a wanted connection is opened once`() {
    var state = self.makeState()
    state.requestConnection()
    #expect(state.nextConnect(now: self.start) == 1)
    self.allow(&state, 1, calls: 1)
    #expect(state.hasReady)
    state.requestConnection()
    #expect(state.nextConnect(now: self.start) == nil)
    self.remove(&state, 1)
    #expect(!state.hasUsable && state.nextConnect(now: self.start + .seconds(9)) == nil)
  }

  @Test func `a drain serves waiting calls and then closes`() {
    var state = self.readyState(calls: 1, connections: 1)
    _ = state.submit(1, now: self.start)
    _ = state.submit(2, now: self.start)
    state.drain()
    guard case .refuse(let status) = state.submit(3, now: self.start) else {
      Issue.record("not refused")
      return
    }
    #expect(status.origin == .notConnected)
    #expect(state.nextClose() == nil)
    state.closeCall(on: 1)
    #expect(state.nextStart() ?? (0, 0) == (2, 1))
    #expect(state.nextClose() == nil)
    state.closeCall(on: 1)
    #expect(state.nextClose() == 1 && !state.isFinished)
    self.remove(&state, 1)
    #expect(state.isFinished)
  }

  /// Random events; after each the owner does what it's asked, and the promises are checked.
  @Test(arguments: 0..<200)
  func `in any order of events every call ends once and limits are respected`(seed: UInt64) {
    var walk = PoolWalk(seed: seed)
    for _ in 0..<400 { walk.step() }
    walk.windDown()
    #expect(walk.faults == [])
    #expect(walk.endedOnce == walk.arrived)
  }
}

/// A made-up owner of a `PoolState` under random events.
private struct PoolWalk {
  private static let limits = PoolState.Limits(callsInFlight: 5, callsWaiting: 4, connections: 3)

  private var state = PoolState(limits: Self.limits)
  private var generator: SeededGenerator
  private var now = NIODeadline.uptimeNanoseconds(1)
  private var nextCall = 0
  private var waiting: Set<CallID> = []
  /// Connection by call.
  private var open: [CallID: ConnectionID] = [:]
  private var ended: [CallID: Int] = [:]
  private var connecting: Set<ConnectionID> = []
  /// Streams allowed, by connection.
  private var ready: [ConnectionID: Int] = [:]
  private var retired: Set<ConnectionID> = []
  private(set) var faults: [String] = []
  /// Connections that take no calls for a moment, until `endCoolDown`.
  private var resting: Set<ConnectionID> = []

  init(seed: UInt64) {
    self.generator = SeededGenerator(seed: seed)
  }

  var arrived: Int { self.nextCall }
  var endedOnce: Int { self.ended.values.filter { $0 == 1 }.count }

  mutating func step() {
    switch Int.random(in: 0..<100, using: &self.generator) {
    case 0..<40: self.submit()
    case 40..<65: self.endOpenCall()
    case 65..<70: self.cancelWaitingCall()
    case 70..<73: self.refuseOpenCall()
    case 73..<75: self.endCoolDown()
    case 75..<83: self.finishAttempt()
    case 83..<87: self.retire()
    case 87..<90: self.lose()
    case 90..<93: self.changeLimit()
    default: self.now = self.now + .milliseconds(Int64.random(in: 1..<500, using: &self.generator))
    }
    self.settle()
    self.check()
  }

  /// Drains the pool and lets everything end well.
  mutating func windDown() {
    self.state.drain()
    for _ in 0..<1000 where !self.state.isFinished {
      self.now = self.now + .seconds(1)
      while !self.resting.isEmpty { self.endCoolDown() }
      self.settle()
      for connection in self.connecting.sorted() { self.allow(connection, 2) }
      self.settle()
      for call in self.open.keys.sorted() { self.close(call) }
      self.settle()
      self.check()
    }
    if !self.state.isFinished { self.faults.append("it never finished") }
  }

  private mutating func settle() {
    while let (call, connection) = self.state.nextStart() {
      if self.waiting.remove(call) == nil { self.faults.append("\(call) didn't wait") }
      self.begin(call, connection)
    }
    while let connection = self.state.nextConnect(now: self.now) {
      if !self.connecting.isEmpty { self.faults.append("two attempts at a time") }
      self.connecting.insert(connection)
    }
    while let (call, _) = self.state.nextFailure(now: self.now) {
      if self.waiting.remove(call) == nil { self.faults.append("\(call) didn't wait") }
      self.ended[call, default: 0] += 1
    }
    var hasClosed = false
    while let connection = self.state.nextClose() {
      if self.open.values.contains(connection) { self.faults.append("closed with calls") }
      self.forget(connection)
      hasClosed = true
    }
    if hasClosed { self.settle() }
  }

  private mutating func check() {
    if self.open.count > Self.limits.callsInFlight { self.faults.append("too many in flight") }
    if self.open.count != self.state.callsInFlightCount { self.faults.append("miscounted calls") }
    if self.waiting.count != self.state.waitingCount { self.faults.append("miscounted waiting") }
    let usable = self.ready.keys.filter { !self.retired.contains($0) }
    if usable.count + self.connecting.count > Self.limits.connections {
      self.faults.append("too many connections")
    }
    // Nothing waits for nothing.
    if !self.waiting.isEmpty && self.connecting.isEmpty && usable.isEmpty
      && self.open.count < Self.limits.callsInFlight
    {
      self.faults.append("calls wait for nothing")
    }
  }

  private mutating func begin(_ call: CallID, _ connection: ConnectionID) {
    let others = self.open.values.filter { $0 == connection }.count
    if others >= self.ready[connection] ?? 0 { self.faults.append("no room on \(connection)") }
    if self.retired.contains(connection) { self.faults.append("\(connection) is retired") }
    if self.resting.contains(connection) { self.faults.append("\(connection) rests") }
    self.open[call] = connection
  }

  private mutating func submit() {
    let call = CallID(self.nextCall)
    self.nextCall += 1
    switch self.state.submit(call, now: self.now) {
    case .start(let connection): self.begin(call, connection)
    case .wait: self.waiting.insert(call)
    case .refuse: self.ended[call, default: 0] += 1
    }
    if self.waiting.count > Self.limits.callsWaiting + Self.limits.callsInFlight {
      self.faults.append("too many waiting")
    }
  }

  private mutating func close(_ call: CallID) {
    guard let connection = self.open.removeValue(forKey: call) else { return }
    self.state.closeCall(on: connection)
    self.ended[call, default: 0] += 1
  }

  private mutating func endOpenCall() {
    if let call = self.open.keys.sorted().randomElement(using: &self.generator) { self.close(call) }
  }

  private mutating func refuseOpenCall() {
    guard let call = self.open.keys.sorted().randomElement(using: &self.generator),
      let connection = self.open.removeValue(forKey: call)
    else { return }
    self.state.closeCall(on: connection)
    if self.state.refuse(call, on: connection) != nil { self.resting.insert(connection) }
    self.waiting.insert(call)
  }

  private mutating func endCoolDown() {
    guard let connection = self.resting.sorted().randomElement(using: &self.generator) else {
      return
    }
    self.resting.remove(connection)
    self.state.endCoolDown(connection)
  }

  private mutating func cancelWaitingCall() {
    guard let call = self.waiting.sorted().randomElement(using: &self.generator) else { return }
    self.waiting.remove(call)
    self.state.leave(call)
    self.ended[call, default: 0] += 1
  }

  private mutating func finishAttempt() {
    guard let connection = self.connecting.first else { return }
    if Bool.random(using: &self.generator) {
      self.allow(connection, Int.random(in: 0...3, using: &self.generator))
    } else {
      self.remove(connection)
    }
  }

  private mutating func allow(_ connection: ConnectionID, _ calls: Int) {
    self.connecting.remove(connection)
    self.ready[connection] = calls
    self.state.allow(connection, calls: calls, now: self.now, using: &self.generator)
  }

  private mutating func changeLimit() {
    guard let connection = self.ready.keys.sorted().randomElement(using: &self.generator) else {
      return
    }
    self.allow(connection, Int.random(in: 0...3, using: &self.generator))
  }

  private mutating func retire() {
    guard let connection = self.ready.keys.sorted().randomElement(using: &self.generator) else {
      return
    }
    self.state.retire(connection)
    self.retired.insert(connection)
  }

  private mutating func lose() {
    guard let connection = self.ready.keys.sorted().randomElement(using: &self.generator) else {
      return
    }
    self.remove(connection)
  }

  private mutating func remove(_ connection: ConnectionID) {
    self.state.remove(connection, reason: "gone", now: self.now, using: &self.generator)
    for (call, other) in self.open where other == connection {
      self.open[call] = nil
      self.ended[call, default: 0] += 1
    }
    self.drop(connection)
  }

  private mutating func forget(_ connection: ConnectionID) {
    self.state.remove(connection, reason: "closed", now: self.now, using: &self.generator)
    self.drop(connection)
  }

  private mutating func drop(_ connection: ConnectionID) {
    self.connecting.remove(connection)
    self.ready[connection] = nil
    self.retired.remove(connection)
  }
}
