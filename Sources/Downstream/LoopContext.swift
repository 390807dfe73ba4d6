package import AccessLogging
package import BridgeConfiguration
internal import Codec
internal import HTTPFields
package import NIOCore
internal import Routing
package import TLS
internal import Time
package import Upstream

/// What the connections of one event loop share: the table, the upstreams, the transcoder and the
/// memory that each request borrows. Touched on its loop only.
package final class LoopContext {
  package let eventLoop: any EventLoop
  private(set) var table: ServingTable
  /// One list for each of `table.services`, in their order: one upstream for each group of its endpoints.
  private(set) var upstreams: [[any Upstream]]
  let limits: Configuration.Limits
  let recorder: (any AccessRecorder)?
  /// What's spoken inside tunnels to port 443; nil: nothing.
  let tls: ReloadableTLSContext?
  /// The names that are served on loopback.
  let trustedHosts: TrustedHosts
  /// The last one of them that a request named: nearly always that of the next one, too.
  var trustedHost = ""
  private let report: @Sendable (String) -> Void
  let transcoder = Transcoder()

  /// The message on its way to the endpoint, in its gRPC frame.
  var input = ByteSink(capacity: 4096)
  /// The body of an answer.
  var output = ByteSink(capacity: 4096)
  var routeScratch = RouteScratch()
  var requestIDs: RequestIDs
  /// A header name, or a decoded value.
  var bytes: [UInt8] = []
  private(set) var date = DateLine()

  /// How often `tick` is called.
  static let tickInterval = TimeAmount.milliseconds(500)
  /// A buffer or sink that one large message has made larger than this is given back.
  static let keptByteCount = 256 << 10
  /// How long a connection that the bridge has closed waits for the client to close it as well.
  private static let lingerTime = TimeAmount.seconds(2)

  private var connections: ContiguousArray<any DownstreamConnection> = []
  private var unflushed: ContiguousArray<ExchangeDriver> = []
  private(set) var ticks: Int64 = 0
  private var isDraining = false
  private var handshakeNotes = HandshakeFailureLogLimiter()
  private var bufferEvictionLog = BufferEvictionLog()
  private var whenEmpty: [() -> Void] = []

  /// Puts together what a loop needs.
  ///
  /// - Parameters:
  ///   - upstreams: on this loop, one for each of the table's services, in their order.
  ///   - recorder: where access entries go; nil: nowhere.
  ///   - trustedHosts: the names that are served on loopback.
  ///   - tls: what's spoken inside tunnels to port 443.
  ///   - report: takes what the operator should know and no client is sent.
  package init(
    eventLoop: any EventLoop, table: ServingTable, upstreams: [[any Upstream]],
    limits: Configuration.Limits, recorder: (any AccessRecorder)? = nil,
    trustedHosts: TrustedHosts = TrustedHosts(), tls: ReloadableTLSContext? = nil,
    report: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    precondition(upstreams.count == table.services.count, "one upstream for each service")
    self.eventLoop = eventLoop
    self.table = table
    self.upstreams = upstreams
    self.limits = limits
    self.recorder = recorder
    self.trustedHosts = trustedHosts
    self.tls = tls
    self.report = report
    var generator = SystemRandomNumberGenerator()
    self.requestIDs = RequestIDs(seededBy: &generator)
    self.bytes.reserveCapacity(64)
    self.date.update(to: DateLine.now())
  }

  /// Serves another table from now on. Exchanges whose head has come keep the service, the route and
  /// the upstream that they began with.
  ///
  /// - Parameter upstreams: one for each of the table's services, in their order; nil: those of before,
  ///   where the services are the same in number and order.
  package func serve(_ table: ServingTable, upstreams: [[any Upstream]]? = nil) {
    self.eventLoop.assertInEventLoop()
    let upstreams = upstreams ?? self.upstreams
    precondition(upstreams.count == table.services.count, "one upstream for each service")
    self.table = table
    self.upstreams = upstreams
  }

  // MARK: Connections

  /// Open client connections.
  package var connectionCount: Int { self.connections.count }

  /// Takes a connection in; false where there are too many, or the process is about to end.
  func admit(_ connection: any DownstreamConnection) -> Bool {
    guard self.connections.count < self.limits.clientConnections, !self.isDraining else {
      return false
    }
    connection.slot = self.connections.count
    self.connections.append(connection)
    return true
  }

  /// Puts the connection of a protocol in the place of the one that found out which it is.
  func replace(_ connection: any DownstreamConnection, by other: any DownstreamConnection) {
    guard let slot = connection.slot else { return }
    connection.slot = nil
    other.slot = slot
    self.connections[slot] = other
  }

  /// Forgets a connection that is closed.
  func remove(_ connection: any DownstreamConnection) {
    guard let slot = connection.slot, let last = self.connections.popLast() else { return }
    connection.slot = nil
    if last !== connection {
      self.connections[slot] = last
      last.slot = slot
    }
    if self.connections.isEmpty {
      let waiting = self.whenEmpty
      self.whenEmpty = []
      for resume in waiting { resume() }
    }
  }

  /// A client didn't get through its TLS handshake.
  func handshakeFailed(_ failure: TLSHandshakeError, client: SocketAddress?) {
    let address = client.flatMap { client in
      client.ipAddress.map { Configuration.Endpoint(host: $0, port: client.port ?? 0) }
    }
    let note = self.handshakeNotes.failed(
      failure.reason, client: address?.description ?? "(unknown)", tick: self.ticks)
    if let note { self.report(note) }
  }

  /// Closes idle connections now and busy ones after their answer, and takes in no others.
  ///
  /// - Parameter done: called when the last one is closed.
  package func drain(_ done: @escaping () -> Void) {
    self.isDraining = true
    self.whenEmpty.append(done)
    for connection in self.connections { connection.drain() }
    if self.connections.isEmpty {
      let waiting = self.whenEmpty
      self.whenEmpty = []
      for resume in waiting { resume() }
    }
  }

  /// Closes all connections, whatever they are doing.
  package func closeAll() {
    for connection in self.connections { connection.closeNow() }
  }

  // MARK: Time

  /// Moves the coarse clock on: deadlines of connections that have passed are acted on.
  package func tick() {
    self.ticks += 1
    self.date.update(to: DateLine.now())
    for connection in self.connections where connection.deadline <= self.ticks {
      connection.deadlinePassed()
    }
    for connection in self.connections where connection.heartbeat <= self.ticks {
      connection.heartbeatDue()
    }
    self.endLargestHolders()
  }

  /// Closes the connections that hold most, where all of them together hold too much.
  private func endLargestHolders() {
    let limit = self.limits.clientBufferBytes
    let held = self.connections.reduce(0) { $0 + $1.heldBytes }
    guard held > limit else { return }
    let each = self.connections.map(\.heldBytes)
    let indices = BufferBudget(limit: limit).excess(of: each)
    // Closing changes the list.
    let closed = indices.map { self.connections[$0] }
    for connection in closed { connection.closeNow() }
    let note = self.bufferEvictionLog.closed(
      connectionCount: indices.count, byteCount: indices.reduce(0) { $0 + each[$1] }, limit: limit,
      tick: self.ticks)
    if let note { self.report(note) }
  }

  /// The tick at which so much time, which isn't zero, will have passed.
  func tick(after time: Duration) -> Int64 {
    self.ticks + max(1, TimeAmount(clamping: time).nanoseconds / Self.tickInterval.nanoseconds)
  }

  /// The tick by which a wait of this kind has taken too long.
  func deadline(of wait: ExchangeState.Wait) -> Int64 {
    let time: TimeAmount
    switch wait {
    case .nothing: return .max
    case .request: time = TimeAmount(clamping: self.limits.idleTimeout)
    case .rest: time = TimeAmount(clamping: self.limits.requestReadTimeout)
    case .halfClosed: time = TimeAmount(clamping: self.limits.halfClosedTimeout)
    case .close: time = Self.lingerTime
    }
    // One more, because the present tick has begun already.
    return self.ticks + time.nanoseconds / Self.tickInterval.nanoseconds + 1
  }

  // MARK: Memory and flushing

  /// A buffer for an answer.
  func buffer(capacity: Int) -> ByteBuffer {
    ByteBufferAllocator().buffer(capacity: capacity)
  }

  /// Flushes a connection's stream when this turn of the loop is over, so that messages that came
  /// together leave together.
  func flushLater(_ connection: ExchangeDriver) {
    self.unflushed.append(connection)
    guard self.unflushed.count == 1 else { return }
    self.eventLoop.assumeIsolated().execute {
      let unflushed = self.unflushed
      self.unflushed.removeAll(keepingCapacity: true)
      for connection in unflushed { connection.flushStream() }
    }
  }

  /// Gives back the memory that one large message took.
  func shrinkSinks() {
    self.input.shrink(to: Self.keptByteCount)
    self.output.shrink(to: Self.keptByteCount)
  }
}
