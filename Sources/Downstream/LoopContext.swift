package import AccessLogging
package import BridgeConfiguration
internal import Codec
package import HTTP2
internal import HTTPFields
package import NIOCore
internal import Routing
package import TLS
internal import Time
package import Upstream

/// State shared by the client connections of one event loop: serving table, upstreams, transcoder and
/// the memory that each request borrows. Accessed on its loop only.
package final class LoopContext {
  package let eventLoop: any EventLoop
  private(set) var table: ServingTable
  /// One list per service, in the order of `table.services`: one upstream per group of its endpoints.
  private(set) var upstreams: [[any Upstream]]
  let limits: Configuration.Limits
  let recorder: (any AccessRecorder)?
  /// Writes what is queued during a tick, at its end.
  let flushQueue: FlushQueue
  /// The TLS context for tunnels to port 443; nil: no TLS there.
  let tls: ReloadableTLSContext?
  /// The host names served on loopback.
  let trustedHosts: TrustedHosts
  /// The trusted host of the last request, cached: the next request nearly always names it as well.
  var trustedHost = ""
  private let report: @Sendable (String) -> Void
  let transcoder = Transcoder()

  /// Scratch for the request message, in its gRPC frame.
  var input = ByteSink(capacity: 4096)
  /// Memory for a response body; nil while it's lent.
  private var output: ByteSink? = ByteSink(capacity: 4096)
  /// Memory for the metadata of calls that begin.
  private var blocks: [HeaderBlock] = []
  /// Memory for the head of a response; empty while it's lent.
  private var head = ResponseHead()
  var routeScratch = RouteScratch()
  var requestIDs: RequestIDs
  /// Scratch for a header name or a decoded value.
  var bytes: [UInt8] = []
  private(set) var date = DateLine()

  /// How often `tick` is called.
  static let tickInterval = TimeAmount.milliseconds(500)
  /// A buffer or sink that a large message grew beyond this is released.
  static let keptByteCount = 256 << 10
  /// How long a connection closed by the bridge waits for the client to close it as well.
  private static let lingerTime = TimeAmount.seconds(2)

  private var connections: ContiguousArray<any DownstreamConnection> = []
  private(set) var ticks: Int64 = 0
  private var isDraining = false
  private var handshakeNotes = HandshakeFailureLogLimiter()
  private var bufferEvictionLog = BufferEvictionLog()
  private var whenEmpty: [() -> Void] = []

  /// Creates the state of one loop.
  ///
  /// - Parameters:
  ///   - upstreams: on this loop, one list per service of the table, in their order.
  ///   - flushQueue: that of the upstreams' connections; nil: one of its own.
  ///   - recorder: receives access entries; nil: none are recorded.
  ///   - trustedHosts: the host names served on loopback.
  ///   - tls: for tunnels to port 443.
  ///   - report: receives log lines for the operator; clients never see them.
  package init(
    eventLoop: any EventLoop, table: ServingTable, upstreams: [[any Upstream]],
    limits: Configuration.Limits, flushQueue: FlushQueue? = nil,
    recorder: (any AccessRecorder)? = nil,
    trustedHosts: TrustedHosts = TrustedHosts(), tls: ReloadableTLSContext? = nil,
    report: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    precondition(upstreams.count == table.services.count, "upstreams must match the services")
    self.eventLoop = eventLoop
    self.table = table
    self.upstreams = upstreams
    self.limits = limits
    self.flushQueue = flushQueue ?? FlushQueue(eventLoop: eventLoop)
    self.recorder = recorder
    self.trustedHosts = trustedHosts
    self.tls = tls
    self.report = report
    var generator = SystemRandomNumberGenerator()
    self.requestIDs = RequestIDs(seededBy: &generator)
    self.bytes.reserveCapacity(64)
    self.date.update(to: DateLine.now())
  }

  /// Replaces the serving table. Exchanges whose head has arrived keep their service, route and
  /// upstream.
  ///
  /// - Parameter upstreams: one list per service of the table, in their order; nil: the previous ones,
  ///   if the services are the same in number and order.
  package func serve(_ table: ServingTable, upstreams: [[any Upstream]]? = nil) {
    self.eventLoop.assertInEventLoop()
    let upstreams = upstreams ?? self.upstreams
    precondition(upstreams.count == table.services.count, "upstreams must match the services")
    self.table = table
    self.upstreams = upstreams
  }

  // MARK: Connections

  /// The number of open client connections.
  package var connectionCount: Int { self.connections.count }

  /// Registers a connection; false when there are too many or the loop is draining.
  func admit(_ connection: any DownstreamConnection) -> Bool {
    guard self.connections.count < self.limits.clientConnections, !self.isDraining else {
      return false
    }
    connection.slot = self.connections.count
    self.connections.append(connection)
    return true
  }

  /// Replaces a connection's entry, such as that of the protocol selector by the selected protocol's.
  func replace(_ connection: any DownstreamConnection, by other: any DownstreamConnection) {
    guard let slot = connection.slot else { return }
    connection.slot = nil
    other.slot = slot
    self.connections[slot] = other
  }

  /// Removes a closed connection.
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

  /// Reports a client's failed TLS handshake, rate-limited.
  func handshakeFailed(_ failure: TLSHandshakeError, client: SocketAddress?) {
    let address = client.flatMap { client in
      client.ipAddress.map { Configuration.Endpoint(host: $0, port: client.port ?? 0) }
    }
    let note = self.handshakeNotes.failed(
      failure.reason, client: address?.description ?? "(unknown)", tick: self.ticks)
    if let note { self.report(note) }
  }

  /// Closes idle connections now and busy ones after their response, and admits no new ones.
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

  /// Closes all connections immediately.
  package func closeAll() {
    for connection in self.connections { connection.closeNow() }
  }

  // MARK: Time

  /// Advances the coarse clock: handles expired deadlines and due heartbeats, and enforces the buffer
  /// limit.
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

  /// Closes the connections that hold the most bytes while their total exceeds the limit.
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

  /// The tick at which `time` (more than zero) has elapsed.
  func tick(after time: Duration) -> Int64 {
    self.ticks + max(1, TimeAmount(clamping: time).nanoseconds / Self.tickInterval.nanoseconds)
  }

  /// The tick at which a wait of this kind times out.
  func deadline(of wait: ExchangeState.Wait) -> Int64 {
    let time: TimeAmount
    switch wait {
    case .nothing: return .max
    case .request: time = TimeAmount(clamping: self.limits.idleTimeout)
    case .rest: time = TimeAmount(clamping: self.limits.requestReadTimeout)
    case .halfClosed: time = TimeAmount(clamping: self.limits.halfClosedTimeout)
    case .close: time = Self.lingerTime
    }
    // One more, because the current tick has already begun.
    return self.ticks + time.nanoseconds / Self.tickInterval.nanoseconds + 1
  }

  // MARK: Memory

  /// Allocates a buffer for a response.
  func buffer(capacity: Int) -> ByteBuffer {
    ByteBufferAllocator().buffer(capacity: capacity)
  }

  /// Lends an empty sink for a response body. `recycle` takes it back; a sink that isn't returned is
  /// freed, and the next one is allocated.
  func takeOutput() -> ByteSink {
    self.output.take() ?? ByteSink(capacity: 4096)
  }

  /// Keeps the memory of a sink for the next response body, unless a large message has grown it.
  func recycle(_ sink: consuming ByteSink) {
    sink.removeAll()
    sink.shrink(to: Self.keptByteCount)
    self.output = consume sink
  }

  /// Lends an empty block for the metadata of a call. `recycle` takes it back, so that a connection
  /// holds it only during a request.
  func takeBlock() -> HeaderBlock {
    guard var block = self.blocks.popLast() else { return HeaderBlock() }
    // Not by `recycle`, at which time the call may still hold it: that would copy it.
    block.removeAll()
    return block
  }

  /// Keeps the memory of a block for another call.
  func recycle(_ block: consuming HeaderBlock) {
    guard self.blocks.count < Self.keptBlocks, block.bytes.count <= Self.keptBlockBytes else {
      return
    }
    self.blocks.append(block)
  }

  /// Lends the head for a response.
  func takeHead() -> ResponseHead {
    let head = self.head
    self.head = ResponseHead()
    return head
  }

  /// Keeps the memory of a head for the next response.
  func recycle(_ head: consuming ResponseHead) {
    guard head.fields.bytes.count <= Self.keptBlockBytes else { return }
    self.head = head
  }

  private static let keptBlocks = 32
  private static let keptBlockBytes = 4 << 10
}
