internal import Addresses
internal import BridgeConfiguration
internal import GRPCWire
internal import NIOCore

/// What the pools of both protocols have in common: the calls and their deadlines, the connections and
/// their dialers, probes and the drain, around a `PoolState` that decides.
///
/// Confined to the pool's event loop. The pool performs what `nextAction` returns after every event.
final class PoolCore<Call: PooledCall, Connection: PooledConnection> {
  /// An action that depends on the protocol.
  enum Action {
    case start(Call, on: ConnectionID)
    case dial(ConnectionID)
  }

  let eventLoop: any EventLoop
  /// The endpoint, and how to dial it; its family is that of the last connection to a name.
  var target: Dialer<Connection>.Target
  /// Performs the pending actions of the pool. Called for events that the pool doesn't see: timers, and
  /// failed dialers. It keeps the pool until the pool is drained; a weak reference would make each of the
  /// pool's references slower.
  var onChange: () -> Void = {}
  var onReachability: ((Reachability) -> Void)?
  private(set) var connections: [Connection] = []

  private(set) var state: PoolState
  /// Whether `onReachability` was last called with `reached`.
  private var isReached = false
  /// The dialers of connections being opened.
  private(set) var dialers: [Dialer<Connection>] = []
  /// Calls that haven't ended, by their identifiers.
  private var calls: [Call?] = []
  private var freeIDs: [CallID] = []
  private var deadlines: TimerWheel
  /// Checks the deadlines.
  private var ticking: RepeatedTask?
  /// The calls whose deadlines have passed, for the duration of a tick.
  private var due: [Int] = []
  /// Checks the ages of connections periodically.
  private var checking: Scheduled<Void>?
  private var probes: [EventLoopPromise<Bool>] = []
  private var drained: [EventLoopPromise<Void>] = []

  init(
    eventLoop: any EventLoop, _ target: Dialer<Connection>.Target, limits: PoolState.Limits
  ) {
    self.eventLoop = eventLoop
    self.target = target
    self.state = PoolState(limits: limits)
    self.deadlines = TimerWheel(now: eventLoop.now)
  }

  // MARK: Calls

  /// Allocates the identifier of the next call.
  func takeID() -> CallID {
    if let id = self.freeIDs.popLast() { return id }
    self.calls.append(nil)
    return CallID(self.calls.count - 1)
  }

  /// Registers a call, which starts, waits or fails.
  ///
  /// - Returns: the connection on which to start it now; nil if it waits or fails.
  func submit(_ call: Call) -> ConnectionID? {
    self.calls[call.id.rawValue] = call
    let now = self.eventLoop.now
    if let deadline = call.deadline {
      guard deadline > now else {
        self.failLater(call, call.deadlineStatus)
        return nil
      }
      self.deadlines.schedule(call.id.rawValue, at: deadline)
      self.startTicking()
    }
    switch self.state.submit(call.id, yields: call.isSheddable, now: now) {
    case .start(let connection): return connection
    case .wait: self.onChange()
    case .refuse(let status): self.failLater(call, status)
    }
    return nil
  }

  /// Registers a call that fails, but not within the function that starts it.
  func reject(_ call: Call, _ status: GRPCStatus) {
    self.calls[call.id.rawValue] = call
    self.failLater(call, status)
  }

  private func failLater(_ call: Call, _ status: GRPCStatus) {
    self.eventLoop.assumeIsolated().execute { call.fail(status) }
  }

  /// Marks a call whose client may have disconnected.
  func makeYield(_ call: Call) {
    self.state.yield(call.id)
    guard self.state.waitingCount > 0 else { return }
    self.eventLoop.assumeIsolated().execute { self.onChange() }
  }

  /// The next action of the state that the pool performs; the others are performed here. Nil when nothing
  /// is left, which is nearly always the case.
  func nextAction(now: NIODeadline) -> Action? {
    while let step = self.state.nextStep(now: now) {
      switch step {
      case .start(let id, let connection):
        if let call = self.calls[id.rawValue] { return .start(call, on: connection) }
      case .connect(let id):
        return .dial(id)
      case .fail(let id, let status):
        self.calls[id.rawValue]?.fail(status)
      case .yield(let id):
        // Later, because the end of one call may start another.
        if let call = self.calls[id.rawValue] { self.failLater(call, .yielded) }
      case .close(let id):
        self.connections.first { $0.id == id }?.close()
        self.dialers.first { $0.id == id }?.cancel("closed by the bridge")
      }
    }
    return nil
  }

  /// The connection on which to start a call.
  func connection(_ id: ConnectionID) -> Connection {
    guard let connection = self.connections.first(where: { $0.id == id }) else {
      preconditionFailure("a call was assigned to a connection that doesn't exist")
    }
    return connection
  }

  /// Queues a call again that a connection couldn't take and of which nothing was sent.
  func startElsewhere(_ call: Call, than connection: ConnectionID) {
    self.state.closeCall(on: connection)
    self.state.retire(connection)
    self.state.requeue(call.id)
    self.eventLoop.assumeIsolated().execute { self.onChange() }
  }

  /// Queues a call again that the endpoint hasn't processed: its kept connection was closed. Others that
  /// were kept as long are probably closed too, so that it gets a new one.
  func restart(_ call: Call) {
    self.state.retireIdle()
    self.state.requeue(call.id)
  }

  /// Queues a call again whose stream the endpoint refused; its connection takes no calls for a while.
  func requeue(_ call: Call, refusedBy connection: ConnectionID) {
    guard let coolDown = self.state.refuse(call.id, on: connection) else { return }
    self.eventLoop.assumeIsolated().scheduleTask(in: coolDown) {
      self.state.endCoolDown(connection)
      self.onChange()
    }
  }

  /// Clears the deadline of a call whose end is decided, though its owner hasn't read all of the response.
  func clearDeadline(of call: Call) {
    self.deadlines.cancel(call.id.rawValue)
    self.state.releaseSlot(of: call.id)
  }

  /// Removes a call whose outcome is decided from the queue, though its owner isn't notified yet.
  func settle(_ call: Call) {
    self.deadlines.cancel(call.id.rawValue)
    self.state.leave(call.id)
  }

  /// Removes a call that has ended.
  func leave(_ call: Call) {
    self.settle(call)
    self.calls[call.id.rawValue] = nil
    self.freeIDs.append(call.id)
  }

  // MARK: Connections

  /// Requests a connection if none is open or being opened, within the backoff only if it's urgent.
  func connectIfNoneIsUsable(isUrgent: Bool) {
    self.eventLoop.assertInEventLoop()
    guard !self.state.hasUsable else { return }
    self.state.requestConnection(isUrgent: isUrgent)
    self.onChange()
  }

  /// Opens a connection of this identifier.
  func dial(
    _ id: ConnectionID, make: @escaping (Dialer<Connection>, _ attempt: Int) -> Connection
  ) {
    let dialer = Dialer<Connection>(id: id, self.target, on: self.eventLoop, make: make) {
      outcome in
      self.dialers.removeAll { $0.id == id }
      switch outcome {
      case .connected(let connection, let address):
        switch address {
        case .v4: self.target.family = .ipv4
        case .v6: self.target.family = .ipv6
        case .unixDomainSocket: break
        }
        self.connections.append(connection)
        self.reportReachability(nil)
      case .failed(let reason):
        self.remove(id, reason: reason)
        self.reportReachability(reason)
        self.onChange()
      }
    }
    self.dialers.append(dialer)
    dialer.start()
    self.startChecking()
  }

  /// A connection is ready, or the endpoint's limit of calls has changed.
  func allow(_ connection: Connection, calls: Int) {
    var generator = SystemRandomNumberGenerator()
    self.state.allow(connection.id, calls: calls, now: self.eventLoop.now, using: &generator)
  }

  /// A connection takes no more calls.
  func retire(_ connection: Connection) {
    self.state.retire(connection.id)
  }

  /// The endpoint began its response to a call on this connection.
  func responded(on connection: Connection) {
    self.state.responded(on: connection.id)
  }

  /// The stream of a call closed.
  func closeCall(on connection: Connection) {
    self.state.closeCall(on: connection.id)
  }

  /// Whether a connection takes no more calls and is about to close.
  func isDraining(_ connection: Connection) -> Bool {
    self.state.isDraining(connection.id)
  }

  /// Removes a closed connection.
  func remove(_ connection: Connection, reason: String) {
    self.connections.removeAll { $0 === connection }
    self.remove(connection.id, reason: reason)
  }

  private func remove(_ id: ConnectionID, reason: String) {
    var generator = SystemRandomNumberGenerator()
    self.state.remove(id, reason: reason, now: self.eventLoop.now, using: &generator)
  }

  /// Checks the connections' ages periodically until there are none.
  private func startChecking() {
    guard self.checking == nil, let interval = self.state.checkInterval else { return }
    self.checking = self.eventLoop.assumeIsolated().scheduleTask(in: interval) {
      self.checking = nil
      self.state.check(now: self.eventLoop.now)
      self.onChange()
      if !self.connections.isEmpty || !self.dialers.isEmpty { self.startChecking() }
    }
  }

  // MARK: Reachability

  /// Reports to `onReachability`, if set, whether there's a connection.
  ///
  /// - Parameter error: the error that has just occurred.
  func reportReachability(_ error: String?) {
    guard let report = self.onReachability else { return }
    if !self.connections.isEmpty {
      if !self.isReached { report(.reached) }
      self.isReached = true
    } else if let error {
      self.isReached = false
      report(.lost(error))
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

  func connectivity(now: NIODeadline) -> Connectivity {
    self.state.connectivity(now: now)
  }

  /// The reason of the last failed attempt or, without one, only that there's no connection.
  var lastTrouble: String {
    if case .failing(let reason) = self.state.connectivity(now: self.eventLoop.now) {
      return reason
    }
    return "no connection to \(self.target.endpoint)"
  }

  // MARK: Probes and the end

  /// Probes whether the endpoint can be reached; completes once that's known.
  func probe() -> EventLoopFuture<Bool> {
    self.eventLoop.assertInEventLoop()
    let promise = self.eventLoop.makePromise(of: Bool.self)
    self.probes.append(promise)
    self.state.requestConnection()
    self.onChange()
    // `onChange` does nothing any more once the pool is drained.
    self.notifyWaiters()
    return promise.futureResult
  }

  /// Rejects new calls; completes when the remaining ones have ended and the connections are closed.
  func drain() -> EventLoopFuture<Void> {
    self.eventLoop.assertInEventLoop()
    let promise = self.eventLoop.makePromise(of: Void.self)
    self.drained.append(promise)
    self.endReachability()
    self.state.drain()
    self.onChange()
    self.notifyWaiters()
    return promise.futureResult
  }

  /// Completes the probes and drains that are done. Follows the actions.
  func notifyWaiters() {
    if !self.probes.isEmpty, self.state.hasReady || !self.state.hasUsable {
      let isReachable = self.state.hasReady
      let probes = self.probes
      self.probes = []
      for promise in probes { promise.succeed(isReachable) }
    }
    guard self.state.isFinished else { return }
    self.onChange = {}
    let drained = self.drained
    self.drained = []
    for promise in drained { promise.succeed() }
  }

  /// Ends all calls with UNAVAILABLE and closes the connections.
  func closeNow() {
    self.eventLoop.assertInEventLoop()
    self.endReachability()
    self.state.drain()
    let status = GRPCStatus(.unavailable, "the bridge is shutting down", origin: .transport)
    for call in self.calls { call?.fail(status) }
    for connection in self.connections { connection.close() }
    for dialer in self.dialers { dialer.cancel("closed by the bridge") }
    self.checking?.cancel()
    self.checking = nil
    self.onChange()
  }

  // MARK: Deadlines

  private func startTicking() {
    guard self.ticking == nil else { return }
    let core = NIOLoopBound(self, eventLoop: self.eventLoop)
    self.ticking = self.eventLoop.scheduleRepeatedTask(
      initialDelay: TimerWheel.tick, delay: TimerWheel.tick
    ) { _ in core.value.tick() }
  }

  /// Ends the calls whose deadlines have passed. Stops ticking when no deadline is left, which
  /// doesn't happen while calls follow in quick succession.
  private func tick() {
    let now = self.eventLoop.now
    self.deadlines.advance(to: now, into: &self.due)
    for id in self.due {
      // A call that another's end has ended may have left its identifier to a new call.
      if let call = self.calls[id], let deadline = call.deadline, deadline <= now {
        call.expire()
      }
    }
    let hasFired = !self.due.isEmpty
    self.due.removeAll(keepingCapacity: true)
    if hasFired { self.onChange() }
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
