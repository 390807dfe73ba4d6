internal import GRPCWire
internal import NIOCore

/// The pool's view of a call.
protocol PooledCall: AnyObject {
  /// Its index in the pool's table, and its number for the pool's state and timer.
  var id: Int { get }
  var deadline: NIODeadline? { get }
  /// The status with which it would end at its deadline now.
  var deadlineStatus: GRPCStatus { get }
  /// Whether its client may have disconnected.
  var isSheddable: Bool { get }

  /// Ends it without a response of the endpoint.
  func fail(_ status: GRPCStatus)
  /// Ends it at its deadline.
  func expire()
}

/// The pool's view of a connection, which is a dialer's attempt until it succeeds.
protocol PooledConnection: DialAttempt {
  /// The pool's number for it.
  var id: Int { get }

  /// Closes it soon. It has no calls.
  func close()
}

/// The shell around a `PoolState` that the pools of both protocols share: numbers and deadlines of
/// calls, ages of connections, probes, the drain.
protocol PoolShell: EndpointPool, SendableMetatype {
  associatedtype Call: PooledCall
  associatedtype Connection: PooledConnection

  var eventLoop: any EventLoop { get }
  var connector: any Connector { get }
  var connectTimeout: TimeAmount { get }
  /// The first data that an endpoint sends, for messages.
  static var greeting: String { get }
  var state: PoolState { get set }
  var connections: [Connection] { get set }
  /// Whether `onReachability` was last called with `reached`.
  var isReached: Bool { get set }
  /// The dialers of connections being opened.
  var dialers: [Dialer<Connection>] { get set }
  /// The address family of the last connection to a name.
  var addressFamily: AddressFamily { get set }
  /// Calls that haven't ended, by their numbers.
  var calls: [Call?] { get set }
  var freeIDs: [Int] { get set }
  var deadlines: TimerWheel { get set }
  /// Checks the deadlines.
  var ticking: RepeatedTask? { get set }
  /// The numbers of calls whose deadlines have passed, for the duration of a tick.
  var due: [Int] { get set }
  /// Checks the ages of connections periodically.
  var checking: Scheduled<Void>? { get set }
  var probes: [EventLoopPromise<Bool>] { get set }
  var drained: [EventLoopPromise<Void>] { get set }

  /// Creates the handler of an attempt to connect.
  func makeConnection(_ dialer: Dialer<Connection>, attempt: Int) -> Connection
  /// Sends a call over a connection of this number.
  func start(_ call: Call, on connection: Int)
  /// Performs the actions of the state after any event, until there are none.
  func performPendingActions()
}

extension PoolShell {
  // MARK: Calls

  /// Allocates the number of the next call.
  func takeID() -> Int {
    if let id = self.freeIDs.popLast() { return id }
    self.calls.append(nil)
    return self.calls.count - 1
  }

  /// Starts, queues or fails a call that's in the table.
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

  /// Marks a call whose client may have disconnected.
  func makeYield(_ call: Call) {
    self.state.yield(call.id)
    guard self.state.waitingCount > 0 else { return }
    self.eventLoop.assumeIsolated().execute { self.performPendingActions() }
  }

  /// Part of `performPendingActions`: performs the actions of the state. A single query for all of
  /// them, because there's nearly always none.
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
        // Later, because the end of one call may start another.
        if let call = self.calls[id] { self.failLater(call, .yielded) }
      case .close(let id):
        self.close(id)
      }
    }
  }

  /// Fails a call later, not within the function that starts it.
  func failLater(_ call: Call, _ status: GRPCStatus) {
    self.eventLoop.assumeIsolated().execute { call.fail(status) }
  }

  /// The connection on which to start a call.
  func connection(_ id: Int) -> Connection {
    guard let connection = self.connections.first(where: { $0.id == id }) else {
      preconditionFailure("a call was assigned to a connection that doesn't exist")
    }
    return connection
  }

  /// Queues a call again that a connection couldn't take and of which nothing was sent.
  func startElsewhere(_ call: Call, than connection: Int) {
    self.state.closeCall(on: connection)
    self.state.retire(connection)
    self.state.requeue(call.id)
    self.eventLoop.assumeIsolated().execute { self.performPendingActions() }
  }

  /// Removes a call that has ended from the table.
  func leave(_ call: Call) {
    self.deadlines.cancel(call.id)
    self.state.leave(call.id)
    self.calls[call.id] = nil
    self.freeIDs.append(call.id)
  }

  // MARK: Connections

  /// Opens a connection if none is open or being opened, within the backoff only if it's urgent.
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

  /// Closes a connection, or its dialer, soon. It has no calls.
  func close(_ id: Int) {
    self.connections.first { $0.id == id }?.close()
    self.dialers.first { $0.id == id }?.cancel("closed by the bridge")
  }

  /// Removes a closed connection.
  func remove(_ connection: Connection, reason: String) {
    self.connections.removeAll { $0 === connection }
    self.remove(connection.id, reason: reason)
  }

  private func remove(_ id: Int, reason: String) {
    var generator = SystemRandomNumberGenerator()
    self.state.remove(id, reason: reason, now: self.eventLoop.now, using: &generator)
  }

  /// Reports to `onReachability`, if set, whether there's a connection.
  ///
  /// - Parameter fault: the error that has just occurred.
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

  /// Reports that the endpoint was removed, and stops reporting its reachability.
  private func endReachability() {
    self.onReachability?(.left)
    self.onReachability = nil
  }

  /// The reason of the last failed attempt or, without one, only that there's no connection.
  var lastTrouble: String {
    if case .failing(let reason) = self.state.connectivity(now: self.eventLoop.now) {
      return reason
    }
    return "no connection to \(self.endpoint)"
  }

  /// A connection is ready, or the endpoint's limit of calls has changed.
  func allow(_ connection: Connection, calls: Int) {
    var generator = SystemRandomNumberGenerator()
    self.state.allow(connection.id, calls: calls, now: self.eventLoop.now, using: &generator)
  }

  /// Checks the connections' ages periodically until there are none.
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

  /// Probes whether the endpoint can be reached; completes once that's known.
  func beginProbe() -> EventLoopFuture<Bool> {
    self.eventLoop.assertInEventLoop()
    let promise = self.eventLoop.makePromise(of: Bool.self)
    self.probes.append(promise)
    self.state.requestConnection()
    self.performPendingActions()
    return promise.futureResult
  }

  /// Rejects new calls; completes when the remaining ones have ended and the connections are closed.
  func beginDrain() -> EventLoopFuture<Void> {
    self.eventLoop.assertInEventLoop()
    let promise = self.eventLoop.makePromise(of: Void.self)
    self.drained.append(promise)
    self.endReachability()
    self.state.drain()
    self.performPendingActions()
    return promise.futureResult
  }

  /// Part of `performPendingActions`: completes the probes and drains that are done.
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

  /// Ends the calls whose deadlines have passed. Stops ticking when no deadline is left, which
  /// doesn't happen while calls follow in quick succession.
  private func tick() {
    let now = self.eventLoop.now
    self.deadlines.advance(to: now, into: &self.due)
    for id in self.due {
      // A call that another's end has ended may have left its number to a new call.
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
  /// The status of a call that made room for another one.
  static let yielded = GRPCStatus(
    .unavailable,
    "the client has half-closed and may have disconnected, and other calls need capacity "
      + "(limits.calls_in_flight, limits.calls_waiting)", origin: .shed)
}
