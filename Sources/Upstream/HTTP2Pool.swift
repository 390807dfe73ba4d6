package import BridgeConfiguration
package import GRPCWire
package import HTTP2
package import NIOCore
internal import Time

/// The connections to one endpoint on one event loop, and the calls on them.
///
/// Confined to its event loop; may be created anywhere. Connections are opened on demand, kept, and
/// replaced when they close. A call waits for a connection for at most the duration of one attempt;
/// after a failed attempt calls fail immediately with its reason, until the backoff has passed.
package final class HTTP2Pool: EndpointPool {
  package let eventLoop: any EventLoop
  package let endpoint: Configuration.Endpoint
  /// The service's path in the configuration, `services.bench`, for messages that name a setting.
  let key: String
  let limits: Configuration.Limits
  /// The credentials of the calls; nil: none.
  private let credentials: Credentials?
  /// The mapping of HTTP statuses without `grpc-status`.
  let statuses: HTTPStatusMapping
  private let sessionOptions: HTTP2Session.Options
  let flushQueue: FlushQueue
  /// Whether its connections use TLS.
  let isSecure: Bool
  let keepalive: KeepaliveState.Options
  package var onConnectivity: ((Connectivity) -> Void)?
  package var onReachability: ((Reachability) -> Void)? {
    get { self.core.onReachability }
    set { self.core.onReachability = newValue }
  }
  let core: PoolCore<HTTP2PooledCall, HTTP2ClientConnection>
  private var connectivity = Connectivity.idle
  /// The number of calls that end when their connection drains.
  private var yieldingCount = 0

  /// Header fields before and after `:path`, the same for all calls.
  private let headPrefix: HeaderBlock
  private let headSuffix: HeaderBlock
  /// The fields after `:path` of a raw call, whose other fields are its client's.
  private let rawHeadSuffix: HeaderBlock
  /// The fields after the client's: for a call received over HTTP/1.1, and for a raw one over HTTP/2.
  private let via: HeaderBlock
  private let rawVia: HeaderBlock
  /// The fields that the last call shares with others of its path.
  private var lastPath = ""
  private var lastHead = HeaderBlock()
  /// Scratch: the header block of the call being started.
  private var head = HeaderBlock()
  private var timeout: [UInt8] = []

  /// - Parameters:
  ///   - connections: their number and lifetime.
  ///   - userAgent: sent as `user-agent`: `bridge-proxy`.
  ///   - authority: sent as `:authority`; nil: the endpoint's host and port.
  ///   - connector: opens the connections.
  ///   - credentials: the credentials of the calls.
  ///   - statuses: the mapping of HTTP statuses without `grpc-status`.
  ///   - key: the service's path in the configuration.
  ///   - via: the bridge's name in the `via` field of calls; nil: the field isn't sent.
  ///   - flushQueue: that of the loop's other connections; nil: one of its own.
  package init(
    eventLoop: any EventLoop, endpoint: Configuration.Endpoint,
    limits: Configuration.Limits = Configuration.Limits(),
    connections: Configuration.Connections = Configuration.Connections(), userAgent: String,
    authority: String? = nil, connector: any Connector = SocketConnector(),
    credentials: Credentials? = nil, statuses: HTTPStatusMapping = .grpc, key: String = "",
    via: String? = nil, flushQueue: FlushQueue? = nil
  ) {
    self.eventLoop = eventLoop
    self.endpoint = endpoint
    self.key = key
    self.limits = limits
    self.isSecure = connector.scheme == "https"
    self.credentials = credentials
    self.statuses = statuses
    self.flushQueue = flushQueue ?? FlushQueue(eventLoop: eventLoop)
    var options = HTTP2Session.Options()
    options.headerByteLimit = limits.endpointHeaderBytes
    options.streamWindow = max(
      Self.leastWindow, min(Self.streamWindow, limits.endpointWindowBytes))
    options.windowByteLimit = 2 * limits.endpointWindowBytes
    self.sessionOptions = options
    self.core = PoolCore(
      eventLoop: eventLoop,
      Dialer.Target(
        endpoint: endpoint, connector: connector,
        timeout: TimeAmount(clamping: limits.connectTimeout), setting: "limits.connect_timeout",
        greeting: "HTTP/2 SETTINGS"),
      limits: PoolState.Limits(
        callsInFlight: limits.callsInFlight, callsWaiting: limits.callsWaiting,
        connections: max(limits.endpointConnections, connections.count),
        spread: connections.count,
        idleTimeout: connections.idleTimeout.map { TimeAmount(clamping: $0) },
        maxAge: connections.maxAge.map { TimeAmount(clamping: $0) }))
    self.keepalive = KeepaliveState.Options(connections)
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
    var ends = (via: HeaderBlock(), raw: HeaderBlock())
    if let via {
      ends.via.append("via", "1.1 \(via)")
      ends.raw.append("via", "2 \(via)")
    }
    (self.via, self.rawVia) = ends
    self.core.onChange = { self.performPendingActions() }
  }

  /// The initial window of a stream. 256 KiB: nearly all responses are smaller, and it bounds what
  /// the bridge buffers per call for a client that never reads.
  private static let streamWindow = 256 << 10
  /// The default SETTINGS_INITIAL_WINDOW_SIZE.
  private static let leastWindow = 65_535

  // MARK: Calls

  package func start(
    _ request: consuming CallRequest, observer: any CallObserver
  ) -> any UpstreamCall {
    self.eventLoop.assertInEventLoop()
    if request.options.endsOnDrain { self.yieldingCount += 1 }
    let call = HTTP2PooledCall(
      id: self.core.takeID(), pool: self, request: request, observer: observer)
    if let connection = self.core.submit(call) { self.start(call, on: connection) }
    return call
  }

  private func start(_ call: HTTP2PooledCall, on id: ConnectionID) {
    self.writeHead(of: call)
    guard !call.start(on: self.core.connection(id), head: self.head) else { return }
    // No stream could be opened: the connection's identifiers are used up.
    self.core.startElsewhere(call, than: id)
  }

  private func writeHead(of call: HTTP2PooledCall) {
    // Moved out once, not accessed for each field.
    var head = HeaderBlock()
    swap(&head, &self.head)
    head.removeAll()
    if call.isRaw {
      head.append(contentsOf: self.headPrefix)
      head.append(":path", call.path)
      head.append(contentsOf: self.rawHeadSuffix)
    } else {
      // Calls of one method follow each other.
      if call.path != self.lastPath { self.writeHead(of: call.path) }
      head.append(contentsOf: self.lastHead)
    }
    if let deadline = call.deadline {
      self.timeout.removeAll(keepingCapacity: true)
      GRPCTimeout.write(deadline - self.eventLoop.now, into: &self.timeout)
      head.append("grpc-timeout".utf8, self.timeout)
    }
    if let encoding = call.encoding { head.append("grpc-encoding", "\(encoding)") }
    head.append(contentsOf: call.metadata)
    head.append(contentsOf: call.isRaw ? self.rawVia : self.via)
    if let credentials = self.credentials { head.append(contentsOf: credentials.fields) }
    self.head = head
  }

  /// Writes the fields that all calls of a path have in common.
  private func writeHead(of path: String) {
    self.lastPath = path
    self.lastHead.removeAll()
    self.lastHead.append(contentsOf: self.headPrefix)
    self.lastHead.append(":path", path)
    self.lastHead.append(contentsOf: self.headSuffix)
  }

  /// Queues a refused call again.
  func requeue(_ call: HTTP2PooledCall, refusedBy connection: HTTP2ClientConnection) {
    self.core.requeue(call, refusedBy: connection.id)
  }

  /// The endpoint began its response to a call on this connection.
  func callResponded(on connection: HTTP2ClientConnection) {
    self.core.responded(on: connection)
  }

  /// Removes a call that has ended.
  func forget(_ call: HTTP2PooledCall) {
    if call.endsOnDrain { self.yieldingCount -= 1 }
    self.core.leave(call)
  }

  // MARK: Connections

  func performPendingActions() {
    let now = self.eventLoop.now
    while let action = self.core.nextAction(now: now) {
      switch action {
      case .start(let call, let connection): self.start(call, on: connection)
      case .dial(let id): self.dial(id)
      }
    }
    if self.yieldingCount > 0 {
      for connection in self.core.connections where self.core.isDraining(connection) {
        connection.endYieldingCalls()
      }
    }
    self.core.notifyWaiters()
    if self.onConnectivity != nil { self.reportConnectivity(now) }
  }

  private func reportConnectivity(_ now: NIODeadline) {
    let connectivity = self.core.connectivity(now: now)
    guard connectivity != self.connectivity else { return }
    self.connectivity = connectivity
    self.onConnectivity?(connectivity)
  }

  private func dial(_ id: ConnectionID) {
    self.core.dial(id) { dialer, attempt in
      HTTP2ClientConnection(dialer, attempt: attempt, pool: self, options: self.sessionOptions)
    }
  }

  func connectionAllows(_ connection: HTTP2ClientConnection, calls: Int) {
    self.core.allow(connection, calls: calls)
  }

  func connectionRetired(_ connection: HTTP2ClientConnection) {
    self.core.retire(connection)
  }

  func streamClosed(on connection: HTTP2ClientConnection) {
    self.core.closeCall(on: connection)
  }

  /// - Parameter isOrderly: whether the bridge closed it, or the endpoint sent a GOAWAY without an
  ///   error.
  func connectionEnded(_ connection: HTTP2ClientConnection, reason: String, isOrderly: Bool) {
    self.core.remove(connection, reason: reason)
    self.core.reportReachability(isOrderly ? nil : reason)
  }

  /// Marks a call whose client may have disconnected.
  func makeYield(_ call: HTTP2PooledCall) {
    self.core.makeYield(call)
  }

  /// Clears the deadline of a call whose end is decided.
  func clearDeadline(of call: HTTP2PooledCall) {
    self.core.clearDeadline(of: call)
  }

  // MARK: For its owner

  package func connect(isUrgent: Bool) {
    self.core.connectIfNoneIsUsable(isUrgent: isUrgent)
  }

  package var trouble: String { self.core.lastTrouble }

  package func probe() -> EventLoopFuture<Bool> { self.core.probe() }

  package func drain() -> EventLoopFuture<Void> { self.core.drain() }

  package func closeNow() {
    self.core.closeNow()
  }
}
