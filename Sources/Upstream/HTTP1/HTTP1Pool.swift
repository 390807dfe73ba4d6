package import BridgeConfiguration
internal import GRPCWire
package import NIOCore
internal import Time

/// The HTTP/1.1 connections to one endpoint on one event loop: calls of one method are sent as POST
/// with the bare message as the body, and a 200 response contains the bare response message.
///
/// Confined to its event loop; may be created anywhere. A connection carries one request at a time
/// and is kept for the next; calls without a connection wait. Only unary calls of the configured
/// method are accepted; others end with UNIMPLEMENTED.
package final class HTTP1Pool: EndpointPool {
  package let eventLoop: any EventLoop
  package let endpoint: Configuration.Endpoint
  /// The service's path in the configuration, `services.bench`, for messages that name a setting.
  let key: String
  let limits: Configuration.Limits
  package var onConnectivity: ((Connectivity) -> Void)?
  package var onReachability: ((Reachability) -> Void)? {
    get { self.core.onReachability }
    set { self.core.onReachability = newValue }
  }

  private let credentials: Credentials?
  private let callPath: String
  private let isIdempotent: Bool
  private let head: HTTP1RequestHead
  private let second: () -> Int64

  private let core: PoolCore<HTTP1PooledCall, HTTP1ClientConnection>
  private var connectivity = Connectivity.idle

  /// - Parameters:
  ///   - transport: the request's target, and how often connections are opened.
  ///   - callPath: `:path` of the calls that are accepted.
  ///   - connections: their lifetime.
  ///   - authority: sent as `Host`; nil: the endpoint's host and port.
  ///   - connector: opens the connections.
  ///   - credentials: the credentials of the requests.
  ///   - key: the service's path in the configuration.
  ///   - via: the bridge's name in the `via` field of requests; nil: the field isn't sent.
  ///   - second: the wall clock, for signatures, in seconds since 1970.
  package init(
    eventLoop: any EventLoop, endpoint: Configuration.Endpoint,
    _ transport: Configuration.HTTPProtobuf,
    callPath: String, limits: Configuration.Limits, connections: Configuration.Connections,
    userAgent: String, authority: String? = nil, connector: any Connector = SocketConnector(),
    credentials: Credentials? = nil, key: String = "", via: String? = nil,
    second: @escaping () -> Int64 = { WallTime.second }
  ) {
    self.eventLoop = eventLoop
    self.endpoint = endpoint
    self.key = key
    self.limits = limits
    self.credentials = credentials
    self.callPath = callPath
    self.isIdempotent = transport.isIdempotent
    self.second = second
    self.head = HTTP1RequestHead(
      path: transport.path, host: authority ?? endpoint.authority, userAgent: userAgent, via: via)
    self.core = PoolCore(
      eventLoop: eventLoop,
      Dialer.Target(
        endpoint: endpoint, connector: connector,
        timeout: TimeAmount(clamping: limits.connectTimeout), setting: "limits.connect_timeout",
        greeting: "connection"),
      limits: PoolState.Limits(
        callsInFlight: limits.callsInFlight, callsWaiting: limits.callsWaiting,
        connections: max(transport.connectionLimit, connections.count),
        spread: connections.count, opening: Self.opening,
        idleTimeout: connections.idleTimeout.map { TimeAmount(clamping: $0) },
        maxAge: connections.maxAge.map { TimeAmount(clamping: $0) }))
    self.core.onChange = { self.performPendingActions() }
  }

  // MARK: Calls

  package func start(
    _ request: CallRequest, observer: any CallObserver
  ) -> any UpstreamCall {
    self.eventLoop.assertInEventLoop()
    let call = HTTP1PooledCall(
      id: self.core.takeID(), pool: self, request: request, observer: observer)
    guard self.takes(request) else {
      self.core.reject(
        call,
        GRPCStatus(
          .unimplemented,
          "this endpoint is called over HTTP/1.1 for \(self.callPath) only, not by gRPC"))
      return call
    }
    if let connection = self.core.submit(call) { self.start(call, on: connection) }
    return call
  }

  private func takes(_ request: CallRequest) -> Bool {
    guard let message = request.message, case .messages = request.framing else { return false }
    return request.isComplete && request.path == self.callPath
      && message.readableBytes >= GRPCMessage.prefixByteCount
      // Not compressed.
      && message.getInteger(at: message.readerIndex, as: UInt8.self) == 0
  }

  private func start(_ call: HTTP1PooledCall, on id: ConnectionID) {
    let connection = self.core.connection(id)
    var body = call.request.message ?? ByteBuffer()
    body.moveReaderIndex(forwardBy: min(GRPCMessage.prefixByteCount, body.readableBytes))
    let head = self.head.make(
      for: body, metadata: call.request.metadata, credentials: self.credentials,
      second: self.second())
    call.connection = connection
    guard !connection.begin(call, head, body: body) else { return }
    // It has closed, and nothing was sent (RFC 9110 §9.2.2 allows a retry).
    call.connection = nil
    self.core.startElsewhere(call, than: id)
  }

  /// Marks a call whose client may have disconnected.
  func makeYield(_ call: HTTP1PooledCall) {
    self.core.makeYield(call)
  }

  /// Removes a call that has ended.
  func forget(_ call: HTTP1PooledCall) {
    self.core.leave(call)
  }

  /// The call's outcome is decided, though its owner may not have been notified yet.
  func settled(_ call: HTTP1PooledCall) {
    self.core.settle(call)
  }

  // MARK: For connections

  private func dial(_ id: ConnectionID) {
    self.core.dial(id) { dialer, attempt in
      HTTP1ClientConnection(dialer, attempt: attempt, pool: self)
    }
  }

  func connectionReady(_ connection: HTTP1ClientConnection) {
    self.core.allow(connection, calls: 1)
    self.performPendingActions()
  }

  /// A response is complete.
  ///
  /// - Parameter keeps: whether the connection takes another request.
  func requestEnded(on connection: HTTP1ClientConnection, keeps: Bool) {
    if !keeps { self.core.retire(connection) }
    self.core.closeCall(on: connection)
  }

  func connectionEnded(_ connection: HTTP1ClientConnection, reason: String) {
    self.core.remove(connection, reason: reason)
    // An endpoint may close a connection at any time.
    self.core.reportReachability(nil)
  }

  /// The connection of a call closed.
  ///
  /// - Parameter mayBeStale: whether it had been kept since a previous request and received no
  ///   response: the endpoint may have closed it before it read the request.
  func callLost(_ call: HTTP1PooledCall, reason: String, mayBeStale: Bool) {
    call.connection = nil
    if mayBeStale, self.isIdempotent, call.takeSecondChance() {
      self.core.restart(call)
      return
    }
    call.fail(GRPCStatus(.unavailable, reason, origin: .transport))
  }

  func performPendingActions() {
    let now = self.eventLoop.now
    while let action = self.core.nextAction(now: now) {
      switch action {
      case .start(let call, let connection): self.start(call, on: connection)
      case .dial(let id): self.dial(id)
      }
    }
    self.core.notifyWaiters()
    if self.onConnectivity != nil { self.reportConnectivity(now) }
  }

  private func reportConnectivity(_ now: NIODeadline) {
    var connectivity = self.core.connectivity(now: now)
    switch connectivity {
    case .idle, .connecting:
      // An endpoint that closes after each response counts as ready too: the next call opens a
      // connection.
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
    self.core.connectIfNoneIsUsable(isUrgent: isUrgent)
  }

  package var trouble: String { self.core.lastTrouble }

  package func probe() -> EventLoopFuture<Bool> { self.core.probe() }

  package func drain() -> EventLoopFuture<Void> { self.core.drain() }

  package func closeNow() {
    self.core.closeNow()
  }

  /// Connections that may be opening at a time, so that a burst isn't served one handshake after the
  /// other.
  private static let opening = 8
}
