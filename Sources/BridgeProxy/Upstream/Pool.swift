package import NIOCore

/// The connections to one endpoint on one event loop, and the calls on them.
///
/// Confined to its event loop: made anywhere, used there only. Connections are opened when calls need
/// them, kept, and replaced when they die. A call waits for a connection for as long as one attempt
/// may take; after a failed attempt calls fail at once with its reason, until the backoff is over.
package final class Pool: EndpointPool {
  package let eventLoop: any EventLoop
  package let endpoint: Configuration.Endpoint
  let limits: Configuration.Limits
  private let connector: any Connector
  /// What authorises the calls; nil: nothing does.
  private let credentials: Credentials?
  /// What HTTP statuses without `grpc-status` mean.
  let statuses: HTTPStatusMapping
  private let sessionOptions: H2Session.Options
  private let connectTimeout: TimeAmount
  let keepalive: KeepaliveState.Options
  package var onConnectivity: ((Connectivity) -> Void)?
  private var connectivity = Connectivity.idle
  /// Looks at the ages of connections now and then.
  private var checking: Scheduled<Void>?

  private var state: PoolState
  private var connections: [UpstreamConnection] = []
  /// Calls that haven't ended, by their numbers.
  private var calls: [PoolCall?] = []
  private var freeIDs: [Int] = []
  /// Calls that end with their connection's drain.
  private var yieldingCount = 0
  private var deadlines: TimerWheel
  private var ticking: RepeatedTask?
  private var due: [Int] = []
  private var probes: [EventLoopPromise<Bool>] = []
  private var drained: [EventLoopPromise<Void>] = []
  private var generator = SystemRandomNumberGenerator()

  /// Header fields in front of and behind `:path`, the same for all calls.
  private let headPrefix: HeaderBlock
  private let headSuffix: HeaderBlock
  /// The same for a raw call, whose other fields are its client's.
  private let rawHeadSuffix: HeaderBlock
  /// The header block of the call being started.
  private var head = HeaderBlock()
  private var timeout: [UInt8] = []

  /// - Parameters:
  ///   - connections: how many there are and how long they live.
  ///   - userAgent: sent as `user-agent`: `bridge-proxy/1.0`.
  ///   - authority: sent as `:authority`; nil: host and port of the endpoint.
  ///   - connector: what opens connections.
  ///   - credentials: what authorises the calls.
  ///   - statuses: what HTTP statuses without `grpc-status` mean.
  package init(
    eventLoop: any EventLoop, endpoint: Configuration.Endpoint,
    limits: Configuration.Limits = Configuration.Limits(),
    connections: Configuration.Connections = Configuration.Connections(), userAgent: String,
    authority: String? = nil, connector: any Connector = SocketConnector(),
    credentials: Credentials? = nil, statuses: HTTPStatusMapping = .grpc
  ) {
    self.eventLoop = eventLoop
    self.endpoint = endpoint
    self.limits = limits
    self.connector = connector
    self.credentials = credentials
    self.statuses = statuses
    self.connectTimeout = TimeAmount(limits.connectTimeout)
    var options = H2Session.Options()
    options.headerByteLimit = limits.endpointHeaderBytes
    self.sessionOptions = options
    self.state = PoolState(
      limits: PoolState.Limits(
        callsInFlight: limits.callsInFlight, callsWaiting: limits.callsWaiting,
        connections: max(limits.endpointConnections, connections.count),
        spread: connections.count, idleTimeout: connections.idleTimeout.map { TimeAmount($0) },
        maxAge: connections.maxAge.map { TimeAmount($0) }))
    self.keepalive = KeepaliveState.Options(connections)
    self.deadlines = TimerWheel(now: eventLoop.now)
    var prefix = HeaderBlock()
    prefix.append(":method", "POST")
    prefix.append(":scheme", connector.scheme)
    self.headPrefix = prefix
    var suffix = HeaderBlock()
    suffix.append(":authority", authority ?? endpoint.authority)
    suffix.append("te", "trailers")
    self.rawHeadSuffix = suffix
    suffix.append("content-type", "application/grpc")
    suffix.append("user-agent", userAgent)
    suffix.append("grpc-accept-encoding", "identity,deflate,gzip")
    self.headSuffix = suffix
  }

  /// Whether its connections are by TLS.
  var isSecure: Bool { self.connector.scheme == "https" }

  // MARK: Calls

  package func start(
    _ request: CallRequest, observer: any CallObserver
  ) -> any UpstreamCall {
    self.eventLoop.assertInEventLoop()
    let call = PoolCall(id: self.takeID(), pool: self, request: request, observer: observer)
    self.calls[call.id] = call
    if request.yieldsToDrain { self.yieldingCount += 1 }
    let now = self.eventLoop.now
    if let deadline = request.deadline {
      guard deadline > now else {
        self.failLater(call, Self.deadlineExceeded)
        return call
      }
      self.deadlines.schedule(call.id, at: deadline)
      self.startTicking()
    }
    switch self.state.arrive(call.id, now: now) {
    case .start(let connection): self.start(call, on: connection)
    case .wait: self.settle()
    case .refuse(let status): self.failLater(call, status)
    }
    return call
  }

  private func start(_ call: PoolCall, on id: Int) {
    guard let connection = self.connections.first(where: { $0.id == id }) else {
      preconditionFailure("a call was given to a connection that isn't there")
    }
    self.writeHead(of: call)
    guard !call.start(on: connection, head: self.head) else { return }
    // No stream could be opened: its identifiers are used up.
    self.state.closeCall(on: id)
    self.state.retire(id)
    self.state.comeBack(call.id)
    self.eventLoop.assumeIsolated().execute { self.settle() }
  }

  private func writeHead(of call: PoolCall) {
    // Lent out once, not for each field.
    var head = HeaderBlock()
    swap(&head, &self.head)
    head.removeAll()
    head.append(contentsOf: self.headPrefix)
    head.append(":path", call.path)
    head.append(contentsOf: call.isRaw ? self.rawHeadSuffix : self.headSuffix)
    if let deadline = call.deadline {
      self.timeout.removeAll(keepingCapacity: true)
      GRPCTimeout.write(deadline - self.eventLoop.now, into: &self.timeout)
      head.append("grpc-timeout".utf8, self.timeout)
    }
    if let encoding = call.encoding { head.append("grpc-encoding", "\(encoding)") }
    head.append(contentsOf: call.metadata)
    if let credentials = self.credentials { head.append(contentsOf: credentials.fields) }
    self.head = head
  }

  private func failLater(_ call: PoolCall, _ status: GRPCStatus) {
    self.eventLoop.assumeIsolated().execute { call.fail(status) }
  }

  /// The call was refused and begins again.
  func comeBack(_ call: PoolCall, refusedBy connection: UpstreamConnection) {
    guard let rest = self.state.refuse(call.id, on: connection.id) else { return }
    let id = connection.id
    self.eventLoop.assumeIsolated().scheduleTask(in: rest) {
      self.state.endRest(id)
      self.settle()
    }
  }

  /// The endpoint began to answer a call on this connection.
  func callAnswered(on connection: UpstreamConnection) {
    self.state.answered(on: connection.id)
  }

  /// The call has ended.
  func forget(_ call: PoolCall) {
    self.deadlines.cancel(call.id)
    self.state.leave(call.id)
    self.calls[call.id] = nil
    if call.yieldsToDrain { self.yieldingCount -= 1 }
    self.freeIDs.append(call.id)
  }

  private func takeID() -> Int {
    if let id = self.freeIDs.popLast() { return id }
    self.calls.append(nil)
    return self.calls.count - 1
  }

  // MARK: Connections

  /// Does what the state asks for after any event, until it asks for nothing.
  func settle() {
    let now = self.eventLoop.now
    while let (call, connection) = self.state.nextStart() {
      if let call = self.calls[call] { self.start(call, on: connection) }
    }
    if let id = self.state.nextConnect(now: now) {
      let connection = UpstreamConnection(id: id, pool: self, options: self.sessionOptions)
      self.connections.append(connection)
      connection.connect(with: self.connector, timeout: self.connectTimeout)
      self.startChecking()
    }
    while let (call, status) = self.state.nextFailure(now: now) {
      self.calls[call]?.fail(status)
    }
    while let id = self.state.nextClose() {
      self.connections.first { $0.id == id }?.close()
    }
    if self.yieldingCount > 0 {
      for connection in self.connections where self.state.isDraining(connection.id) {
        connection.endYieldingCalls()
      }
    }
    if !self.probes.isEmpty { self.answerProbes() }
    if !self.drained.isEmpty && self.state.isFinished {
      for promise in self.drained { promise.succeed() }
      self.drained = []
    }
    if self.onConnectivity != nil { self.tellConnectivity(now) }
  }

  private func tellConnectivity(_ now: NIODeadline) {
    let connectivity = self.state.connectivity(now: now)
    guard connectivity != self.connectivity else { return }
    self.connectivity = connectivity
    self.onConnectivity?(connectivity)
  }

  package func connect(isUrgent: Bool) {
    self.eventLoop.assertInEventLoop()
    guard !self.state.hasUsable else { return }
    self.state.want(isUrgent: isUrgent)
    self.settle()
  }

  /// Looks at the connections' ages until there are none.
  private func startChecking() {
    guard self.checking == nil, let interval = self.state.checkInterval else { return }
    self.checking = self.eventLoop.assumeIsolated().scheduleTask(in: interval) {
      self.checking = nil
      self.state.check(now: self.eventLoop.now)
      self.settle()
      if !self.connections.isEmpty { self.startChecking() }
    }
  }

  func connectionAllows(_ connection: UpstreamConnection, calls: Int) {
    self.state.allow(
      connection.id, calls: calls, now: self.eventLoop.now, using: &self.generator)
  }

  func connectionRetired(_ connection: UpstreamConnection) {
    self.state.retire(connection.id)
  }

  func streamClosed(on connection: UpstreamConnection) {
    self.state.closeCall(on: connection.id)
  }

  func connectionEnded(_ connection: UpstreamConnection, reason: String) {
    self.state.remove(
      connection.id, reason: reason, now: self.eventLoop.now, using: &self.generator)
    self.connections.removeAll { $0 === connection }
  }

  /// Whether the endpoint can be reached: a connection is up, or comes up now. False without an
  /// attempt during the backoff after a failed one.
  package func probe() -> EventLoopFuture<Bool> {
    self.eventLoop.assertInEventLoop()
    let promise = self.eventLoop.makePromise(of: Bool.self)
    self.probes.append(promise)
    self.state.want()
    self.settle()
    return promise.futureResult
  }

  private func answerProbes() {
    guard self.state.hasReady || !self.state.hasUsable else { return }
    let isReachable = self.state.hasReady
    let probes = self.probes
    self.probes = []
    for promise in probes { promise.succeed(isReachable) }
  }

  /// Takes no new calls, lets those under way and waiting finish, then closes the connections.
  ///
  /// - Returns: when nothing is left.
  package func drain() -> EventLoopFuture<Void> {
    self.eventLoop.assertInEventLoop()
    let promise = self.eventLoop.makePromise(of: Void.self)
    self.drained.append(promise)
    self.state.drain()
    self.settle()
    return promise.futureResult
  }

  /// Ends all calls with UNAVAILABLE and closes the connections.
  package func closeNow() {
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

  /// The call's end is settled; its deadline doesn't matter any more.
  func clearDeadline(of call: PoolCall) {
    self.deadlines.cancel(call.id)
  }

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
        call.expire(Self.deadlineExceeded)
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

  private static let deadlineExceeded = GRPCStatus(
    .deadlineExceeded, "the deadline passed", origin: .deadline)
}
