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
package final class HTTP1Pool: EndpointPool, PoolShell {
  package let eventLoop: any EventLoop
  package let endpoint: Configuration.Endpoint
  /// The service's path in the configuration, `services.bench`, for messages that name a setting.
  let key: String
  let limits: Configuration.Limits
  package var onConnectivity: ((Connectivity) -> Void)?
  package var onReachability: ((Reachability) -> Void)?
  var isReached = false

  let connector: any Connector
  let connectTimeout: TimeAmount
  static let greeting = "connection"
  private let credentials: Credentials?
  private let callPath: String
  private let isIdempotent: Bool
  private let head: HTTP1RequestHead
  private let second: () -> Int64

  private var connectivity = Connectivity.idle

  var state: PoolState
  var connections: [HTTP1ClientConnection] = []
  var dialers: [Dialer<HTTP1ClientConnection>] = []
  var addressFamily = AddressFamily.ipv6
  var calls: [HTTP1PooledCall?] = []
  var freeIDs: [Int] = []
  var deadlines: TimerWheel
  var ticking: RepeatedTask?
  var due: [Int] = []
  var checking: Scheduled<Void>?
  var probes: [EventLoopPromise<Bool>] = []
  var drained: [EventLoopPromise<Void>] = []

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
    self.connector = connector
    self.connectTimeout = TimeAmount(clamping: limits.connectTimeout)
    self.credentials = credentials
    self.callPath = callPath
    self.isIdempotent = transport.isIdempotent
    self.second = second
    self.head = HTTP1RequestHead(
      path: transport.path, host: authority ?? endpoint.authority, userAgent: userAgent, via: via)
    self.state = PoolState(
      limits: PoolState.Limits(
        callsInFlight: limits.callsInFlight, callsWaiting: limits.callsWaiting,
        connections: max(transport.connectionLimit, connections.count),
        spread: connections.count, opening: Self.opening,
        idleTimeout: connections.idleTimeout.map { TimeAmount(clamping: $0) },
        maxAge: connections.maxAge.map { TimeAmount(clamping: $0) }))
    self.deadlines = TimerWheel(now: eventLoop.now)
  }

  // MARK: Calls

  package func start(
    _ request: CallRequest, observer: any CallObserver
  ) -> any UpstreamCall {
    self.eventLoop.assertInEventLoop()
    let call = HTTP1PooledCall(id: self.takeID(), pool: self, request: request, observer: observer)
    self.calls[call.id] = call
    guard self.takes(request) else {
      self.failLater(
        call,
        GRPCStatus(
          .unimplemented,
          "this endpoint is called over HTTP/1.1 for \(self.callPath) only, not by gRPC"))
      return call
    }
    self.submit(call)
    return call
  }

  private func takes(_ request: CallRequest) -> Bool {
    guard let message = request.message, case .messages = request.framing else { return false }
    return request.isComplete && request.path == self.callPath
      && message.readableBytes >= GRPCMessage.prefixByteCount
      // Not compressed.
      && message.getInteger(at: message.readerIndex, as: UInt8.self) == 0
  }

  func start(_ call: HTTP1PooledCall, on id: Int) {
    let connection = self.connection(id)
    var body = call.request.message ?? ByteBuffer()
    body.moveReaderIndex(forwardBy: min(GRPCMessage.prefixByteCount, body.readableBytes))
    let head = self.head.make(
      for: body, metadata: call.request.metadata, credentials: self.credentials,
      second: self.second())
    call.connection = connection
    guard !connection.begin(call, head, body: body) else { return }
    // It has closed, and nothing was sent (RFC 9110 §9.2.2 allows a retry).
    call.connection = nil
    self.startElsewhere(call, than: id)
  }

  /// Removes a call that has ended.
  func forget(_ call: HTTP1PooledCall) {
    self.leave(call)
  }

  /// The call's outcome is decided, though its owner may not have been notified yet.
  func settled(_ call: HTTP1PooledCall) {
    self.deadlines.cancel(call.id)
    self.state.leave(call.id)
  }

  // MARK: For connections

  func makeConnection(
    _ dialer: Dialer<HTTP1ClientConnection>, attempt: Int
  ) -> HTTP1ClientConnection {
    HTTP1ClientConnection(dialer, attempt: attempt, pool: self)
  }

  func connectionReady(_ connection: HTTP1ClientConnection) {
    self.allow(connection, calls: 1)
    self.performPendingActions()
  }

  /// A response is complete.
  ///
  /// - Parameter keeps: whether the connection takes another request.
  func requestEnded(on connection: HTTP1ClientConnection, keeps: Bool) {
    if !keeps { self.state.retire(connection.id) }
    self.state.closeCall(on: connection.id)
  }

  func connectionEnded(_ connection: HTTP1ClientConnection, reason: String) {
    self.remove(connection, reason: reason)
    // An endpoint may close a connection at any time.
    self.reportReachability(nil)
  }

  /// The connection of a call closed.
  ///
  /// - Parameter mayBeStale: whether it had been kept since a previous request and received no
  ///   response: the endpoint may have closed it before it read the request.
  func callLost(_ call: HTTP1PooledCall, reason: String, mayBeStale: Bool) {
    call.connection = nil
    if mayBeStale, self.isIdempotent, call.takeSecondChance() {
      // On a new connection: others kept as long are probably dead too.
      self.state.retireIdle()
      self.state.requeue(call.id)
      return
    }
    call.fail(GRPCStatus(.unavailable, reason, origin: .transport))
  }

  func performPendingActions() {
    let now = self.eventLoop.now
    self.takeSteps(now: now)
    self.notifyWaiters()
    if self.onConnectivity != nil { self.reportConnectivity(now) }
  }

  private func reportConnectivity(_ now: NIODeadline) {
    var connectivity = self.state.connectivity(now: now)
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
    self.connectIfNoneIsUsable(isUrgent: isUrgent)
  }

  package var trouble: String { self.lastTrouble }

  package func probe() -> EventLoopFuture<Bool> { self.beginProbe() }

  package func drain() -> EventLoopFuture<Void> { self.beginDrain() }

  package func closeNow() {
    self.endAll()
  }

  /// Connections that may be opening at a time, so that a burst isn't served one handshake after the
  /// other.
  private static let opening = 8
}
