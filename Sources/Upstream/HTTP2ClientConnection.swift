internal import BridgeConfiguration
internal import GRPCWire
internal import HTTP2
internal import NIOCore
internal import NIOSSL
internal import TLS

/// An HTTP/2 connection to the endpoint.
///
/// One-shot: it begins as one of a dialer's attempts, and after it closes the pool creates a new one.
/// Confined to the pool's event loop.
final class HTTP2ClientConnection: ChannelInboundHandler, PooledConnection,
  HTTP2ConnectionOwner
{
  /// How far it is. It also is a dialer's attempt until it's ready.
  private enum Phase {
    /// The socket connects, or TLS shakes hands. Valid transitions: greeting, ended.
    case connecting(Dialer<HTTP2ClientConnection>)
    /// The preface is sent; the endpoint's SETTINGS are due. Valid transitions: ready, ended.
    case greeting(Dialer<HTTP2ClientConnection>)
    /// Carries calls. Valid transition: ended.
    case ready
    /// The dialer or the pool knows that it's over.
    case ended
  }

  /// An end that was announced before the connection closes.
  private struct AnnouncedEnd {
    var reason: String
    /// Whether it doesn't count against the endpoint.
    var isOrderly: Bool
  }

  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  let id: ConnectionID
  private let pool: HTTP2Pool
  private let attempt: Int
  /// Moves bytes and events.
  private let driver: HTTP2ConnectionDriver
  private let session: HTTP2Session
  private var phase: Phase
  private var announcedEnd: AnnouncedEnd?
  /// Calls by the slots of their streams.
  private var calls: [HTTP2PooledCall?] = []
  private var keepalive: KeepaliveState
  private var keepaliveCheck: Scheduled<Void>?
  /// The number of reads, to detect whether anything was received during a period.
  private(set) var readCount = 0
  private var estimator: WindowEstimator
  /// Consumed payload that has been reported to the estimator.
  private var estimatedBytes = 0

  /// Creates an attempt of a dialer, which becomes a connection of the same identifier.
  init(
    _ dialer: Dialer<HTTP2ClientConnection>, attempt: Int, pool: HTTP2Pool,
    options: HTTP2Session.Options
  ) {
    self.id = dialer.id
    self.phase = .connecting(dialer)
    self.attempt = attempt
    self.pool = pool
    self.session = HTTP2Session(role: .client, options: options)
    self.driver = HTTP2ConnectionDriver(self.session, flushQueue: pool.flushQueue)
    self.keepalive = KeepaliveState(pool.keepalive)
    let most = max(options.streamWindow, pool.limits.endpointWindowBytes)
    self.estimator = WindowEstimator(window: min(Self.firstGrownWindow, most), most: most)
    self.session.setStreamWindow(self.estimator.window)
  }

  /// The size to which the window of a stream that's read may grow now, in bytes.
  var grownWindow: Int { self.estimator.window }

  // MARK: For the dialer

  var progress: DialProgress {
    if case .greeting = self.phase { return .greeting }
    return self.driver.context?.channel.isActive == true ? .securing : .connecting
  }

  func connectFailed(_ reason: String) {
    self.end(reason)
  }

  func giveUp() {
    self.phase = .ended
    self.driver.end()
    self.driver.context?.close(promise: nil)
  }

  // MARK: For the pool and its calls

  /// Opens a stream for a call.
  ///
  /// - Returns: false if the connection can't open any.
  func open(_ call: HTTP2PooledCall, head: HeaderBlock, body: ByteBuffer?, endsStream: Bool) -> Bool
  {
    guard case .ready = self.phase,
      let stream = self.session.submitRequest(head, body: body, endsStream: endsStream)
    else { return false }
    while self.calls.count <= stream.slot { self.calls.append(nil) }
    self.calls[stream.slot] = call
    call.begin(on: self, stream)
    self.driver.scheduleFlush()
    return true
  }

  func send(_ stream: HTTP2Stream, _ message: ByteBuffer, isLast: Bool) {
    self.session.send(stream, message, endsStream: isLast)
    self.driver.scheduleFlush()
  }

  /// Bytes of a call that haven't been written.
  func unsentBytes(_ stream: HTTP2Stream) -> Int {
    self.session.unsentBytes(stream)
  }

  /// Notifies the call once its unsent bytes are at most `WriteBufferWaterMark.low`.
  func watch(_ stream: HTTP2Stream) {
    self.driver.watch(stream)
  }

  func returnWindow(_ stream: HTTP2Stream, byteCount: Int) {
    self.session.returnWindow(stream, byteCount: byteCount)
    if self.session.wantsWrite { self.driver.scheduleFlush() }
  }

  /// Detaches a call that has ended from its stream. If either side of the stream is open, it's
  /// reset.
  func release(_ stream: HTTP2Stream, isOpen: Bool) {
    guard self.session.isKnown(stream) else { return }
    self.calls[stream.slot] = nil
    if isOpen || !self.session.isSent(stream) {
      self.session.reset(stream, errorCode: HTTP2ErrorCode.cancel)
      self.driver.scheduleFlush()
    }
  }

  /// Ends the calls that would keep it open while it drains.
  func endYieldingCalls() {
    for call in self.calls {
      guard let call, call.endsOnDrain else { continue }
      call.fail(GRPCStatus(.unavailable, "the connection is draining", origin: .transport))
    }
  }

  /// Closes it soon, once what is queued has been written. It has no calls.
  func close() {
    self.pool.eventLoop.assumeIsolated().execute {
      self.announcedEnd = AnnouncedEnd(
        reason: self.announcedEnd?.reason ?? "closed by the bridge", isOrderly: true)
      self.session.goAway()
      self.driver.flush()
      self.end("closed by the bridge")
    }
  }

  // MARK: Channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.driver.attach(context, to: self)
    if context.channel.isActive { self.channelActive(context: context) }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.driver.detach()
  }

  func channelActive(context: ChannelHandlerContext) {
    guard case .connecting(let dialer) = self.phase else {
      context.close(promise: nil)
      return
    }
    self.phase = .greeting(dialer)
    self.driver.open()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.readCount &+= 1
    self.keepalive.didReceive()
    if self.session.returnedBytes != self.estimatedBytes { self.measure() }
    self.driver.receive(Self.unwrapInboundIn(data))
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    self.driver.readComplete()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    self.driver.writabilityChanged()
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.end(self.closedReason)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if case NIOSSLError.uncleanShutdown = error {
      // The socket was closed without close_notify, as is common: the channel closes next.
      return
    }
    if !self.isReady, let failure = TLSHandshakeError(error) {
      self.end(self.pool.endpoint.describe(failure))
    } else {
      let reason = TLSHandshakeError(error)?.reason ?? "\(error)"
      self.end("the connection to \(self.pool.endpoint) failed: \(reason)")
    }
  }

  // MARK: Private

  private var isReady: Bool {
    if case .ready = self.phase { true } else { false }
  }

  /// The reason for a connection closed by the endpoint, with a hint at the likely cause.
  private var closedReason: String {
    let hint: String
    if self.isReady {
      hint = ""
    } else if self.pool.isSecure {
      // In TLS 1.3 the server verifies the client's certificate after the client's handshake is
      // complete.
      hint =
        " right after the TLS handshake; does it require a client certificate (set tls.certificate"
        + " and tls.key), or another one?"
    } else {
      hint = " before it sent HTTP/2 SETTINGS; does it require TLS (tls: on)?"
    }
    return "the endpoint \(self.pool.endpoint) closed the connection\(hint)"
  }

  private var doneReason: String {
    if let announced = self.announcedEnd { return announced.reason }
    let complaint = self.session.complaint.map { " (\($0))" } ?? ""
    return "\(self.pool.endpoint) doesn't speak valid HTTP/2\(complaint)"
  }

  // MARK: Events

  func receive(_ events: [HTTP2Event], of bytes: ByteBuffer) {
    for event in events {
      switch event {
      case .settings:
        self.settingsReceived()
      case .headers(let stream, let fields, let endsStream):
        self.call(of: stream)?.receiveHeaders(
          self.session.headers, fields, endsStream: endsStream)
      case .headersTooLarge(let stream):
        self.call(of: stream)?.receiveTooLargeHeaders()
      case .data(let stream, let range):
        let start = bytes.readerIndex + range.lowerBound
        if let payload = bytes.getSlice(at: start, length: range.count),
          self.call(of: stream)?.receiveData(payload) == true
        {
          // The end of the read schedules the write of a WINDOW_UPDATE.
          self.session.returnWindow(stream, byteCount: range.count)
        }
      case .pong(let data):
        if data == WindowEstimator.ping,
          let window = self.estimator.receivePong(now: self.pool.eventLoop.now)
        {
          self.session.setStreamWindow(window)
          self.driver.scheduleFlush()
        }
      case .endOfStream(let stream):
        self.call(of: stream)?.receiveEnd()
      case .closed(let stream, let errorCode):
        self.streamClosed(stream, errorCode)
      case .goAway(_, let errorCode):
        let name = HTTP2ErrorCode.name(errorCode)
        self.announcedEnd = AnnouncedEnd(
          reason: "the endpoint \(self.pool.endpoint) sent GOAWAY with \(name)",
          isOrderly: errorCode == HTTP2ErrorCode.noError)
        if self.isReady { self.pool.connectionRetired(self) }
      case .invalidRequest:
        break  // Occurs only for servers.
      }
    }
  }

  func eventsCleared() {
    self.pool.performPendingActions()
  }

  func streamAdvanced(_ stream: HTTP2Stream) -> Bool {
    if self.session.unsentBytes(stream) > WriteBufferWaterMark.low { return true }
    self.call(of: stream)?.receiveRoom()
    return false
  }

  func flushed(hasWritten: Bool) {}

  func sessionEnded() {
    self.end(self.doneReason)
  }

  private func call(of stream: HTTP2Stream) -> HTTP2PooledCall? {
    let calls = self.calls
    guard stream.slot < calls.count, let call = calls[stream.slot], call.stream == stream
    else { return nil }
    return call
  }

  private func settingsReceived() {
    if case .greeting(let dialer) = self.phase {
      self.phase = .ready
      dialer.succeeded(self.attempt)
      self.keepAlive(self.keepalive.start())
    }
    self.pool.connectionAllows(self, calls: self.session.peerConcurrentStreams)
  }

  // MARK: Keepalive

  /// Sends a PING: a call reached its deadline while nothing was received.
  func probeNow() {
    guard self.isReady,
      let action = self.keepalive.probeNow(now: self.pool.eventLoop.now)
    else { return }
    self.keepAlive(action)
  }

  /// The window of a stream, once its payload has proved to be consumed: enough for 1 GB/s at 1 ms
  /// round trip.
  private static let firstGrownWindow = 1 << 20

  /// Reports consumed payload to the estimator, which may request a PING. Payload that isn't consumed
  /// says nothing about the path.
  private func measure() {
    let count = self.session.returnedBytes - self.estimatedBytes
    self.estimatedBytes = self.session.returnedBytes
    if self.estimator.receive(count, now: { self.pool.eventLoop.now }) {
      self.session.ping(WindowEstimator.ping)
      self.driver.scheduleFlush()
    }
  }

  private func keepAlive(_ action: KeepaliveState.Action) {
    let time: TimeAmount?
    switch action {
    case .wait(let wait):
      time = wait
    case .ping(let timeout):
      self.session.ping()
      self.driver.scheduleFlush()
      time = timeout
    case .giveUp:
      let timeout = self.pool.keepalive.timeout.nanoseconds / 1_000_000
      return self.end(
        "the endpoint \(self.pool.endpoint) didn't acknowledge a PING within \(timeout) ms")
    }
    self.keepaliveCheck?.cancel()
    self.keepaliveCheck = nil
    guard let time else { return }
    self.keepaliveCheck = self.pool.eventLoop.assumeIsolated().scheduleTask(in: time) {
      guard self.isReady else { return }
      self.keepAlive(self.keepalive.check(hasCalls: self.calls.contains { $0 != nil }))
    }
  }

  private func streamClosed(_ stream: HTTP2Stream, _ errorCode: UInt32) {
    let call = self.call(of: stream)
    if call != nil { self.calls[stream.slot] = nil }
    self.pool.streamClosed(on: self)
    call?.receiveClosed(errorCode, violation: self.session.violation(on: stream))
  }

  /// Ends the connection, with the first reason found: closes the channel and notifies the pool and
  /// the calls.
  private func end(_ reason: String) {
    let dialer: Dialer<HTTP2ClientConnection>?
    switch self.phase {
    case .connecting(let pending), .greeting(let pending): dialer = pending
    case .ready: dialer = nil
    case .ended: return
    }
    let progress = self.progress
    let reason = self.announcedEnd?.reason ?? reason
    self.phase = .ended
    self.driver.end()
    self.keepaliveCheck?.cancel()
    self.keepaliveCheck = nil
    self.driver.context?.close(promise: nil)
    if let dialer { return dialer.failed(self.attempt, reason, progress) }
    let calls = self.calls
    self.calls = []
    self.pool.connectionEnded(
      self, reason: reason, isOrderly: self.announcedEnd?.isOrderly ?? false)
    for call in calls {
      call?.connectionLost(GRPCStatus(.unavailable, reason, origin: .transport))
    }
    self.pool.performPendingActions()
  }
}
