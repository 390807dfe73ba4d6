internal import NIOCore

/// A call as its pool sees it.
protocol PooledCall: AnyObject {
  /// Its place in the pool's table, and its number for the pool's state and its timer.
  var id: Int { get }
  var deadline: NIODeadline? { get }

  /// Ends it without an answer of the endpoint.
  func fail(_ status: GRPCStatus)
  /// Ends it at its deadline.
  func expire(_ status: GRPCStatus)
}

/// A connection as its pool sees it.
protocol PooledConnection: AnyObject {
  /// The pool's number for it.
  var id: Int { get }

  /// Closes it soon. It has no calls.
  func close()
}

/// What the pools of both protocols do alike around a `PoolState`: numbers and deadlines of calls, ages of
/// connections, probes, the drain.
protocol PoolShell: EndpointPool, SendableMetatype {
  associatedtype Call: PooledCall
  associatedtype Connection: PooledConnection

  var eventLoop: any EventLoop { get }
  var state: PoolState { get set }
  var connections: [Connection] { get set }
  /// Calls that haven't ended, by their numbers.
  var calls: [Call?] { get set }
  var freeIDs: [Int] { get set }
  var deadlines: TimerWheel { get set }
  /// Looks at the deadlines.
  var ticking: RepeatedTask? { get set }
  /// The numbers of calls whose deadlines have passed, for the length of a tick.
  var due: [Int] { get set }
  /// Looks at the ages of connections now and then.
  var checking: Scheduled<Void>? { get set }
  var probes: [EventLoopPromise<Bool>] { get set }
  var drained: [EventLoopPromise<Void>] { get set }

  /// Sends a call over a connection of this number.
  func start(_ call: Call, on connection: Int)
  /// Does what the state asks for after any event, until it asks for nothing.
  func settle()
}

extension PoolShell {
  // MARK: Calls

  /// The number of the next call.
  func takeID() -> Int {
    if let id = self.freeIDs.popLast() { return id }
    self.calls.append(nil)
    return self.calls.count - 1
  }

  /// A call that's in the table begins, waits or fails.
  func enter(_ call: Call) {
    let now = self.eventLoop.now
    if let deadline = call.deadline {
      guard deadline > now else { return self.failLater(call, .deadlineExceeded) }
      self.deadlines.schedule(call.id, at: deadline)
      self.startTicking()
    }
    switch self.state.arrive(call.id, now: now) {
    case .start(let connection): self.start(call, on: connection)
    case .wait: self.settle()
    case .refuse(let status): self.failLater(call, status)
    }
  }

  /// Not within the function that starts the call.
  func failLater(_ call: Call, _ status: GRPCStatus) {
    self.eventLoop.assumeIsolated().execute { call.fail(status) }
  }

  /// The connection that a call is to start on.
  func connection(_ id: Int) -> Connection {
    guard let connection = self.connections.first(where: { $0.id == id }) else {
      preconditionFailure("a call was given to a connection that isn't there")
    }
    return connection
  }

  /// A connection took no call, and nothing of it was sent: the call begins again on another one.
  func startElsewhere(_ call: Call, than connection: Int) {
    self.state.closeCall(on: connection)
    self.state.retire(connection)
    self.state.comeBack(call.id)
    self.eventLoop.assumeIsolated().execute { self.settle() }
  }

  /// Takes a call out of the table: it has ended.
  func leave(_ call: Call) {
    self.deadlines.cancel(call.id)
    self.state.leave(call.id)
    self.calls[call.id] = nil
    self.freeIDs.append(call.id)
  }

  // MARK: Connections

  /// Opens a connection where none is there or under way, within the backoff only if it's urgent.
  func connectIfNoneIsUsable(isUrgent: Bool) {
    self.eventLoop.assertInEventLoop()
    guard !self.state.hasUsable else { return }
    self.state.want(isUrgent: isUrgent)
    self.settle()
  }

  /// A connection is gone.
  func remove(_ connection: Connection, reason: String) {
    var generator = SystemRandomNumberGenerator()
    self.state.remove(
      connection.id, reason: reason, now: self.eventLoop.now, using: &generator)
    self.connections.removeAll { $0 === connection }
  }

  /// A connection is up, or the endpoint says again how many calls it takes.
  func allow(_ connection: Connection, calls: Int) {
    var generator = SystemRandomNumberGenerator()
    self.state.allow(connection.id, calls: calls, now: self.eventLoop.now, using: &generator)
  }

  /// Looks at the connections' ages until there are none.
  func startChecking() {
    guard self.checking == nil, let interval = self.state.checkInterval else { return }
    self.checking = self.eventLoop.assumeIsolated().scheduleTask(in: interval) {
      self.checking = nil
      self.state.check(now: self.eventLoop.now)
      self.settle()
      if !self.connections.isEmpty { self.startChecking() }
    }
  }

  // MARK: Probes and the end

  /// Whether the endpoint can be reached, once that's known.
  func beginProbe() -> EventLoopFuture<Bool> {
    self.eventLoop.assertInEventLoop()
    let promise = self.eventLoop.makePromise(of: Bool.self)
    self.probes.append(promise)
    self.state.want()
    self.settle()
    return promise.futureResult
  }

  /// Takes no new calls; done when those that are there have ended and the connections are closed.
  func beginDrain() -> EventLoopFuture<Void> {
    self.eventLoop.assertInEventLoop()
    let promise = self.eventLoop.makePromise(of: Void.self)
    self.drained.append(promise)
    self.state.drain()
    self.settle()
    return promise.futureResult
  }

  /// Part of `settle`: whoever waits for something that has come about hears of it.
  func tellWaiting() {
    if !self.probes.isEmpty, self.state.hasReady || !self.state.hasUsable {
      let isReachable = self.state.hasReady
      let probes = self.probes
      self.probes = []
      for promise in probes { promise.succeed(isReachable) }
    }
    if !self.drained.isEmpty, self.state.isFinished {
      let drained = self.drained
      self.drained = []
      for promise in drained { promise.succeed() }
    }
  }

  /// Ends all calls with UNAVAILABLE and closes the connections.
  func endAll() {
    self.eventLoop.assertInEventLoop()
    self.state.drain()
    let status = GRPCStatus(.unavailable, "the bridge is shutting down", origin: .transport)
    for call in self.calls { call?.fail(status) }
    for connection in self.connections { connection.close() }
    self.checking?.cancel()
    self.checking = nil
    self.settle()
  }

  // MARK: Deadlines

  private func startTicking() {
    guard self.ticking == nil else { return }
    let pool = NIOLoopBound(self, eventLoop: self.eventLoop)
    self.ticking = self.eventLoop.scheduleRepeatedTask(
      initialDelay: TimerWheel.tick, delay: TimerWheel.tick
    ) { _ in pool.value.tick() }
  }

  /// Ends the calls whose deadlines have passed. Stops ticking when there's nothing to wait for,
  /// which calls in quick succession don't let happen.
  private func tick() {
    let now = self.eventLoop.now
    self.deadlines.advance(to: now, into: &self.due)
    for id in self.due {
      // One that ended over another's end may have left its number to a new call.
      if let call = self.calls[id], let deadline = call.deadline, deadline <= now {
        call.expire(.deadlineExceeded)
      }
    }
    let hasFired = !self.due.isEmpty
    self.due.removeAll(keepingCapacity: true)
    if hasFired { self.settle() }
    if self.deadlines.isEmpty {
      self.ticking?.cancel()
      self.ticking = nil
    }
  }
}

extension GRPCStatus {
  /// The deadline of a call passed, by the bridge's clock.
  static let deadlineExceeded = GRPCStatus(
    .deadlineExceeded, "the deadline passed", origin: .deadline)
}
