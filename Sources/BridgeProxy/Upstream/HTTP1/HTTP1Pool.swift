package import NIOCore

/// The connections of HTTP/1.1 to one endpoint on one event loop: calls of one method go out as POST with
/// the bare message as the body, and a reply of 200 has the bare message of the answer.
///
/// Confined to its event loop: made anywhere, used there only. A connection carries one request at a time
/// and is kept for the next; what has no connection waits. Only unary calls of the configured method are
/// taken; others end with UNIMPLEMENTED.
package final class HTTP1Pool: EndpointPool {
  package let eventLoop: any EventLoop
  package let endpoint: Configuration.Endpoint
  let limits: Configuration.Limits
  package var onConnectivity: ((Connectivity) -> Void)?

  private let connector: any Connector
  private let connectTimeout: TimeAmount
  private let credentials: Credentials?
  private let callPath: String
  private let isIdempotent: Bool
  private let head: HTTP1RequestHead
  private let second: () -> Int64

  private var connectivity = Connectivity.idle
  private var state: PoolState
  private var connections: [HTTP1Connection] = []
  /// Calls that haven't ended, by their numbers.
  private var calls: [HTTP1Call?] = []
  private var freeIDs: [Int] = []
  private var deadlines: TimerWheel
  private var ticking: RepeatedTask?
  private var due: [Int] = []
  private var checking: Scheduled<Void>?
  private var probes: [EventLoopPromise<Bool>] = []
  private var drained: [EventLoopPromise<Void>] = []
  private var generator = SystemRandomNumberGenerator()

  /// - Parameters:
  ///   - transport: what's asked for, and how often connections are opened.
  ///   - callPath: `:path` of the calls that are taken.
  ///   - connections: how long they live.
  ///   - authority: sent as `Host`; nil: host and port of the endpoint.
  ///   - connector: what opens connections.
  ///   - credentials: what authorises the requests.
  ///   - second: the wall clock, for signatures, in seconds since 1970.
  package init(
    eventLoop: any EventLoop, endpoint: Configuration.Endpoint,
    _ transport: Configuration.HTTPProtobuf,
    callPath: String, limits: Configuration.Limits, connections: Configuration.Connections,
    userAgent: String, authority: String? = nil, connector: any Connector = SocketConnector(),
    credentials: Credentials? = nil, second: @escaping () -> Int64 = { WallTime.second }
  ) {
    self.eventLoop = eventLoop
    self.endpoint = endpoint
    self.limits = limits
    self.connector = connector
    self.connectTimeout = TimeAmount(limits.connectTimeout)
    self.credentials = credentials
    self.callPath = callPath
    self.isIdempotent = transport.isIdempotent
    self.second = second
    self.head = HTTP1RequestHead(
      path: transport.path, host: authority ?? endpoint.authority, userAgent: userAgent)
    self.state = PoolState(
      limits: PoolState.Limits(
        callsInFlight: limits.callsInFlight, callsWaiting: limits.callsWaiting,
        connections: max(transport.connectionLimit, connections.count),
        spread: connections.count, opening: Self.opening,
        idleTimeout: connections.idleTimeout.map { TimeAmount($0) },
        maxAge: connections.maxAge.map { TimeAmount($0) }))
    self.deadlines = TimerWheel(now: eventLoop.now)
  }

  // MARK: Calls

  package func start(
    _ request: CallRequest, observer: any CallObserver
  ) -> any UpstreamCall {
    self.eventLoop.assertInEventLoop()
    let call = HTTP1Call(id: self.takeID(), pool: self, request: request, observer: observer)
    self.calls[call.id] = call
    guard self.takes(request) else {
      self.failLater(
        call,
        GRPCStatus(
          .unimplemented,
          "this endpoint is called by HTTP/1.1 for \(self.callPath) alone, and not by gRPC"))
      return call
    }
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

  private func takes(_ request: CallRequest) -> Bool {
    guard let message = request.message else { return false }
    return !request.isRaw && request.isComplete && request.path == self.callPath
      && message.readableBytes >= GRPCMessage.prefixByteCount
      // Not compressed.
      && message.getInteger(at: message.readerIndex, as: UInt8.self) == 0
  }

  private func start(_ call: HTTP1Call, on id: Int) {
    guard let connection = self.connections.first(where: { $0.id == id }) else {
      preconditionFailure("a call was given to a connection that isn't there")
    }
    var body = call.request.message ?? ByteBuffer()
    body.moveReaderIndex(forwardBy: min(GRPCMessage.prefixByteCount, body.readableBytes))
    let head = self.head.make(
      for: body, metadata: call.request.metadata, credentials: self.credentials,
      second: self.second())
    call.connection = connection
    guard
      !connection.begin(call, head, body: body, replyByteLimit: call.request.replyByteLimit)
    else { return }
    // It's gone, and nothing was sent (RFC 9110 §9.2.2 lets it begin again).
    call.connection = nil
    self.state.closeCall(on: id)
    self.state.retire(id)
    self.state.comeBack(call.id)
    self.eventLoop.assumeIsolated().execute { self.settle() }
  }

  private func failLater(_ call: HTTP1Call, _ status: GRPCStatus) {
    self.eventLoop.assumeIsolated().execute { call.fail(status) }
  }

  /// The call has ended.
  func forget(_ call: HTTP1Call) {
    self.deadlines.cancel(call.id)
    self.state.leave(call.id)
    self.calls[call.id] = nil
    self.freeIDs.append(call.id)
  }

  private func takeID() -> Int {
    if let id = self.freeIDs.popLast() { return id }
    self.calls.append(nil)
    return self.calls.count - 1
  }

  // MARK: For connections

  func connectionReady(_ connection: HTTP1Connection) {
    self.state.allow(
      connection.id, calls: 1, now: self.eventLoop.now, using: &self.generator)
    self.settle()
  }

  /// A reply is complete.
  ///
  /// - Parameter keeps: whether the connection takes another request.
  func requestEnded(on connection: HTTP1Connection, keeps: Bool) {
    if !keeps { self.state.retire(connection.id) }
    self.state.closeCall(on: connection.id)
  }

  func connectionEnded(_ connection: HTTP1Connection, reason: String) {
    self.state.remove(
      connection.id, reason: reason, now: self.eventLoop.now, using: &self.generator)
    self.connections.removeAll { $0 === connection }
  }

  /// The connection of a call is gone.
  ///
  /// - Parameter mayBeStale: whether it had been kept since another request and nothing was answered:
  ///   the endpoint may have closed it before it saw the request.
  func callLost(_ call: HTTP1Call, reason: String, mayBeStale: Bool) {
    call.connection = nil
    if mayBeStale, self.isIdempotent, call.takeSecondChance() {
      // On a fresh one: those that were kept as long are as dead.
      self.state.retireIdle()
      self.state.comeBack(call.id)
      return
    }
    call.fail(GRPCStatus(.unavailable, reason, origin: .transport))
  }

  /// Does what the state asks for after any event, until it asks for nothing.
  func settle() {
    let now = self.eventLoop.now
    while let (call, connection) = self.state.nextStart() {
      if let call = self.calls[call] { self.start(call, on: connection) }
    }
    while let id = self.state.nextConnect(now: now) {
      let connection = HTTP1Connection(id: id, pool: self)
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
    if !self.probes.isEmpty { self.answerProbes() }
    if !self.drained.isEmpty && self.state.isFinished {
      let drained = self.drained
      self.drained = []
      for promise in drained { promise.succeed() }
    }
    if self.onConnectivity != nil { self.tellConnectivity(now) }
  }

  private func tellConnectivity(_ now: NIODeadline) {
    var connectivity = self.state.connectivity(now: now)
    switch connectivity {
    case .idle, .connecting:
      // An endpoint that closes behind each reply is as good as one that keeps connections: the next
      // call opens one.
      if self.connectivity == .ready { connectivity = .ready }
    case .ready, .failing:
      break
    }
    guard connectivity != self.connectivity else { return }
    self.connectivity = connectivity
    self.onConnectivity?(connectivity)
  }

  // MARK: For its owner

  package func connect(isUrgent: Bool) {
    self.eventLoop.assertInEventLoop()
    guard !self.state.hasUsable else { return }
    self.state.want(isUrgent: isUrgent)
    self.settle()
  }

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

  package func drain() -> EventLoopFuture<Void> {
    self.eventLoop.assertInEventLoop()
    let promise = self.eventLoop.makePromise(of: Void.self)
    self.drained.append(promise)
    self.state.drain()
    self.settle()
    return promise.futureResult
  }

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

  // MARK: Deadlines

  /// The call's end is settled, though its owner may not have heard of it.
  func settled(_ call: HTTP1Call) {
    self.deadlines.cancel(call.id)
    self.state.leave(call.id)
  }

  private func startTicking() {
    guard self.ticking == nil else { return }
    let pool = NIOLoopBound(self, eventLoop: self.eventLoop)
    self.ticking = self.eventLoop.scheduleRepeatedTask(
      initialDelay: TimerWheel.tick, delay: TimerWheel.tick
    ) { _ in pool.value.tick() }
  }

  /// Ends the calls whose deadlines have passed. Stops when there's nothing to wait for.
  private func tick() {
    let now = self.eventLoop.now
    self.deadlines.advance(to: now, into: &self.due)
    let due = self.due
    self.due.removeAll(keepingCapacity: true)
    for id in due {
      // One that ended over another's end may have left its number to a new call.
      if let call = self.calls[id], let deadline = call.request.deadline, deadline <= now {
        call.fail(Self.deadlineExceeded)
      }
    }
    if !due.isEmpty { self.settle() }
    if self.deadlines.isEmpty {
      self.ticking?.cancel()
      self.ticking = nil
    }
  }

  private static let deadlineExceeded = GRPCStatus(
    .deadlineExceeded, "the deadline passed", origin: .deadline)
  /// Connections on their way at a time: a burst isn't served one handshake after the other.
  private static let opening = 8
}

extension WallTime {
  /// Seconds since 1970.
  package static var second: Int64 { Int64(Self.now().seconds) }
}
