internal import GRPCWire
internal import NIOCore

/// A call as its pool sees it.
protocol PooledCall: AnyObject {
  /// Its place in the pool's table, and its number for the pool's state and its timer.
  var id: Int { get }
  var deadline: NIODeadline? { get }
  /// How it ends at its deadline, as it stands.
  var deadlineStatus: GRPCStatus { get }
  /// Whether its client may be gone.
  var isSheddable: Bool { get }

  /// Ends it without an answer of the endpoint.
  func fail(_ status: GRPCStatus)
  /// Ends it at its deadline.
  func expire()
}

/// A connection as its pool sees it; until it's one, an attempt that has a dialer.
protocol PooledConnection: DialAttempt {
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
  var connector: any Connector { get }
  var connectTimeout: TimeAmount { get }
  /// The first thing that comes of an endpoint, for messages.
  static var greeting: String { get }
  var state: PoolState { get set }
  var connections: [Connection] { get set }
  /// Whether `onReachability` last reported the endpoint as reached.
  var isReached: Bool { get set }
  /// What becomes connections.
  var dialers: [Dialer<Connection>] { get set }
  /// That of the last connection by name.
  var addressFamily: AddressFamily { get set }
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

  /// The handler of an attempt to connect.
  func makeConnection(_ dialer: Dialer<Connection>, attempt: Int) -> Connection
  /// Sends a call over a connection of this number.
  func start(_ call: Call, on connection: Int)
  /// Does what the state asks for after any event, until it asks for nothing.
  func performPendingActions()
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
  func submit(_ call: Call) {
    let now = self.eventLoop.now
    if let deadline = call.deadline {
      guard deadline > now else { return self.failLater(call, call.deadlineStatus) }
      self.deadlines.schedule(call.id, at: deadline)
      self.startTicking()
    }
    switch self.state.submit(call.id, yields: call.isSheddable, now: now) {
    case .start(let connection): self.start(call, on: connection)
    case .wait: self.performPendingActions()
    case .refuse(let status): self.failLater(call, status)
    }
  }

  /// The client of a call may be gone from now on.
  func makeYield(_ call: Call) {
    self.state.yield(call.id)
    guard self.state.waitingCount > 0 else { return }
    self.eventLoop.assumeIsolated().execute { self.performPendingActions() }
  }

  /// Part of `performPendingActions`: does what the state asks for. One question for all of it, because nearly always
  /// there's nothing.
  func takeSteps(now: NIODeadline) {
    while let step = self.state.nextStep(now: now) {
      switch step {
      case .start(let id, let connection):
        if let call = self.calls[id] { self.start(call, on: connection) }
      case .connect(let id):
        self.dial(id)
      case .fail(let id, let status):
        self.calls[id]?.fail(status)
      case .yield(let id):
        // Later, because the end of one may be the beginning of another.
        if let call = self.calls[id] { self.failLater(call, .yielded) }
      case .close(let id):
        self.close(id)
      }
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
    self.state.requeue(call.id)
    self.eventLoop.assumeIsolated().execute { self.performPendingActions() }
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
    self.state.requestConnection(isUrgent: isUrgent)
    self.performPendingActions()
  }

  /// Opens a connection of this number.
  func dial(_ id: Int) {
    let target = Dialer<Connection>.Target(
      endpoint: self.endpoint, connector: self.connector, timeout: self.connectTimeout,
      greeting: Self.greeting, family: self.addressFamily)
    let dialer = Dialer<Connection>(id: id, target, on: self.eventLoop) { dialer, attempt in
      self.makeConnection(dialer, attempt: attempt)
    } onEnd: { outcome in
      self.dialers.removeAll { $0.id == id }
      switch outcome {
      case .connected(let connection, let address):
        switch address {
        case .v4: self.addressFamily = .ipv4
        case .v6: self.addressFamily = .ipv6
        case .unixDomainSocket: break
        }
        self.connections.append(connection)
        self.reportReachability(nil)
      case .failed(let reason):
        self.remove(id, reason: reason)
        self.reportReachability(reason)
        self.performPendingActions()
      }
    }
    self.dialers.append(dialer)
    dialer.start()
    self.startChecking()
  }

  /// Closes a connection, or what would become it, soon. It has no calls.
  func close(_ id: Int) {
    self.connections.first { $0.id == id }?.close()
    self.dialers.first { $0.id == id }?.cancel("closed by the bridge")
  }

  /// A connection is gone.
  func remove(_ connection: Connection, reason: String) {
    self.connections.removeAll { $0 === connection }
    self.remove(connection.id, reason: reason)
  }

  private func remove(_ id: Int, reason: String) {
    var generator = SystemRandomNumberGenerator()
    self.state.remove(id, reason: reason, now: self.eventLoop.now, using: &generator)
  }

  /// Tells, if someone wants to know, whether there's a connection.
  ///
  /// - Parameter fault: what has just gone wrong.
  func reportReachability(_ fault: String?) {
    guard let report = self.onReachability else { return }
    if !self.connections.isEmpty {
      if !self.isReached { report(.reached) }
      self.isReached = true
    } else if let fault {
      self.isReached = false
      report(.lost(fault))
    } else if self.isReached {
      self.isReached = false
      report(.idle)
    }
  }

  /// Stops reporting whether the endpoint can be reached.
  private func endReachability() {
    self.onReachability?(.left)
    self.onReachability = nil
  }

  /// The reason of the last failed attempt; without one only that there's no connection.
  var lastTrouble: String {
    if case .failing(let reason) = self.state.connectivity(now: self.eventLoop.now) {
      return reason
    }
    return "no connection to \(self.endpoint)"
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
      self.performPendingActions()
      if !self.connections.isEmpty || !self.dialers.isEmpty { self.startChecking() }
    }
  }

  // MARK: Probes and the end

  /// Whether the endpoint can be reached, once that's known.
  func beginProbe() -> EventLoopFuture<Bool> {
    self.eventLoop.assertInEventLoop()
    let promise = self.eventLoop.makePromise(of: Bool.self)
    self.probes.append(promise)
    self.state.requestConnection()
    self.performPendingActions()
    return promise.futureResult
  }

  /// Takes no new calls; done when those that are there have ended and the connections are closed.
  func beginDrain() -> EventLoopFuture<Void> {
    self.eventLoop.assertInEventLoop()
    let promise = self.eventLoop.makePromise(of: Void.self)
    self.drained.append(promise)
    self.endReachability()
    self.state.drain()
    self.performPendingActions()
    return promise.futureResult
  }

  /// Part of `performPendingActions`: completes probe and drain promises whose condition is met.
  func notifyWaiters() {
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
    self.endReachability()
    self.state.drain()
    let status = GRPCStatus(.unavailable, "the bridge is shutting down", origin: .transport)
    for call in self.calls { call?.fail(status) }
    for connection in self.connections { connection.close() }
    for dialer in self.dialers { dialer.cancel("closed by the bridge") }
    self.checking?.cancel()
    self.checking = nil
    self.performPendingActions()
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
        call.expire()
      }
    }
    let hasFired = !self.due.isEmpty
    self.due.removeAll(keepingCapacity: true)
    if hasFired { self.performPendingActions() }
    if self.deadlines.isEmpty {
      self.ticking?.cancel()
      self.ticking = nil
    }
  }
}

extension GRPCStatus {
  /// The call made room for another one.
  static let yielded = GRPCStatus(
    .unavailable,
    "the client has closed its sending side and may be gone, and other calls have no place "
      + "(limits.calls_in_flight, limits.calls_waiting)", origin: .shed)
}
