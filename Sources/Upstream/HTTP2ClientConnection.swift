internal import BridgeConfiguration
internal import GRPCWire
internal import HTTP2
package import NIOCore
internal import NIOSSL
internal import TLS

/// An HTTP/2 connection to the endpoint: connects socket, session and calls.
///
/// One-shot: it begins as one of a dialer's attempts, and after it closes the pool creates a new one.
/// Confined to the pool's event loop. Everything that calls queue during one tick of the loop is sent
/// in one write at its end.
package final class HTTP2ClientConnection: ChannelInboundHandler, PooledConnection {
  package typealias InboundIn = ByteBuffer
  package typealias OutboundOut = ByteBuffer

  let id: Int
  private let pool: HTTP2Pool
  /// Nil once it's established.
  private var dialer: Dialer<HTTP2ClientConnection>?
  private let attempt: Int
  private let session: HTTP2Session
  /// Calls by the slots of their streams.
  private var calls: [HTTP2PooledCall?] = []
  /// Streams whose owners wait until their unsent bytes drop below the low water mark.
  private var watched: [HTTP2Stream] = []
  /// Nil before the channel exists and after it has closed.
  private var context: ChannelHandlerContext?
  private var keepalive: KeepaliveState
  private var keepaliveCheck: Scheduled<Void>?
  /// The number of reads, to detect whether anything was received during a period.
  private(set) var readCount = 0
  private var estimator: WindowEstimator
  /// Consumed payload that has been reported to the estimator.
  private var estimatedBytes = 0
  private var isReady = false
  /// Whether bytes can be sent: the socket is connected and any TLS handshake is complete.
  private var isOpen = false
  /// Whether a drain is due at the end of this tick.
  private var isDrainDue = false
  /// Whether events are being dispatched or bytes written, further up the stack: neither is
  /// reentrant.
  private var isBusy = false
  /// Whether the pool has been notified that it closed.
  private var hasEnded = false
  /// The reason for closing it, if known before it closes.
  private var endReason: String?
  /// Whether its end doesn't count against the endpoint.
  private var isOrderly = false

  /// Creates an attempt of a dialer, which becomes a connection of the same number.
  init(
    _ dialer: Dialer<HTTP2ClientConnection>, attempt: Int, pool: HTTP2Pool,
    options: HTTP2Session.Options
  ) {
    self.id = dialer.id
    self.dialer = dialer
    self.attempt = attempt
    self.pool = pool
    self.session = HTTP2Session(role: .client, options: options)
    self.keepalive = KeepaliveState(pool.keepalive)
    let most = max(options.streamWindow, pool.limits.endpointWindowBytes)
    self.estimator = WindowEstimator(window: min(Self.firstGrownWindow, most), most: most)
    self.session.setStreamWindow(self.estimator.window)
  }

  /// The size to which the window of a stream that's read may grow now, in bytes.
  var grownWindow: Int { self.estimator.window }

  // MARK: For the dialer

  var progress: DialProgress {
    if self.isOpen { return .greeting }
    return self.context?.channel.isActive == true ? .securing : .connecting
  }

  func connectFailed(_ reason: String) {
    self.end(reason)
  }

  func giveUp() {
    self.dialer = nil
    self.hasEnded = true
    self.context?.close(promise: nil)
  }

  // MARK: For the pool and its calls

  /// Opens a stream for a call.
  ///
  /// - Returns: false if the connection can't open any.
  func open(_ call: HTTP2PooledCall, head: HeaderBlock, body: ByteBuffer?, endsStream: Bool) -> Bool
  {
    guard !self.hasEnded,
      let stream = self.session.submitRequest(head, body: body, endsStream: endsStream)
    else { return false }
    while self.calls.count <= stream.slot { self.calls.append(nil) }
    self.calls[stream.slot] = call
    call.begin(on: self, stream)
    self.scheduleDrain()
    return true
  }

  func send(_ stream: HTTP2Stream, _ message: ByteBuffer, isLast: Bool) {
    self.session.send(stream, message, endsStream: isLast)
    self.scheduleDrain()
  }

  /// Bytes of a call that haven't been written.
  func unsentBytes(_ stream: HTTP2Stream) -> Int {
    self.session.unsentBytes(stream)
  }

  /// Notifies the call once its unsent bytes are at most `WriteBufferWaterMark.low`.
  func watch(_ stream: HTTP2Stream) {
    self.watched.append(stream)
  }

  func returnWindow(_ stream: HTTP2Stream, byteCount: Int) {
    self.session.returnWindow(stream, byteCount: byteCount)
    if self.session.wantsWrite { self.scheduleDrain() }
  }

  /// Detaches a call that has ended from its stream. If either side of the stream is open, it's
  /// reset.
  func release(_ stream: HTTP2Stream, isOpen: Bool) {
    guard self.session.isKnown(stream) else { return }
    self.calls[stream.slot] = nil
    if isOpen || !self.session.isSent(stream) {
      self.session.reset(stream, errorCode: HTTP2ErrorCode.cancel)
      self.scheduleDrain()
    }
  }

  /// Ends the calls that would keep it open while it drains.
  func endYieldingCalls() {
    for call in self.calls {
      guard let call, call.endsOnDrain else { continue }
      call.fail(GRPCStatus(.unavailable, "the connection is to end", origin: .transport))
    }
  }

  /// Closes it soon, once what is queued has been written. It has no calls.
  func close() {
    self.pool.eventLoop.assumeIsolated().execute {
      if self.endReason == nil { self.endReason = "closed by the bridge" }
      self.isOrderly = true
      self.session.goAway()
      self.flush()
      self.end("closed by the bridge")
    }
  }

  // MARK: Channel

  package func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { self.channelActive(context: context) }
  }

  package func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  package func channelActive(context: ChannelHandlerContext) {
    if self.hasEnded {
      context.close(promise: nil)
    } else {
      self.isOpen = true
      self.flush()
    }
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !self.hasEnded else { return }
    let bytes = Self.unwrapInboundIn(data)
    self.readCount &+= 1
    self.keepalive.didReceive()
    self.session.receive(bytes)
    if self.session.returnedBytes != self.estimatedBytes { self.measure() }
    self.dispatch(bytes)
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    if self.session.wantsWrite || self.session.isDone { self.scheduleDrain() }
  }

  package func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { self.flush() }
  }

  package func channelInactive(context: ChannelHandlerContext) {
    self.end(self.closedReason)
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if case NIOSSLError.uncleanShutdown = error {
      // The socket was closed without close_notify, as is common: the channel closes next.
      return
    }
    if !self.isReady, let failure = TLSHandshakeError(error) {
      self.end(self.pool.endpoint.describe(failure))
    } else {
      let reason = TLSHandshakeError(error)?.reason ?? "\(error)"
      self.end("the connection to \(self.pool.endpoint) broke: \(reason)")
    }
  }

  // MARK: Private

  private func scheduleDrain() {
    guard !self.isDrainDue else { return }
    self.isDrainDue = true
    self.pool.eventLoop.assumeIsolated().execute {
      self.isDrainDue = false
      self.flush()
    }
  }

  /// Writes the session's output for as long as the channel is writable, and closes when the session
  /// is done.
  private func flush() {
    guard self.isOpen, let context = self.context, context.channel.isActive, !self.hasEnded
    else { return }
    guard !self.isBusy else { return self.scheduleDrain() }
    var hasMore = true
    while hasMore && context.channel.isWritable && !self.hasEnded {
      hasMore = self.session.drain()
      if self.session.output.readableBytes > 0 {
        self.isBusy = true
        context.writeAndFlush(Self.wrapOutboundOut(self.session.output), promise: nil)
        self.session.clearOutput()
        self.isBusy = false
      }
      if !self.watched.isEmpty { self.notifyWatched() }
      self.dispatch(ByteBuffer())
    }
    if self.session.isDone { self.end(self.doneReason) }
  }

  private func notifyWatched() {
    let watched = self.watched
    self.watched.removeAll(keepingCapacity: true)
    for stream in watched {
      if self.session.unsentBytes(stream) > WriteBufferWaterMark.low {
        self.watched.append(stream)
      } else {
        self.call(of: stream)?.receiveRoom()
      }
    }
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
        " right after the TLS handshake; does it want a client certificate (set tls.certificate and"
        + " tls.key), or another one?"
    } else {
      hint = " before it sent HTTP/2 SETTINGS; does it want TLS (tls: on)?"
    }
    return "the endpoint \(self.pool.endpoint) closed the connection\(hint)"
  }

  private var doneReason: String {
    if let endReason = self.endReason { return endReason }
    let complaint = self.session.complaint.map { " (\($0))" } ?? ""
    return "\(self.pool.endpoint) doesn't speak HTTP/2 as it should\(complaint)"
  }

  /// Dispatches the session's events to their calls.
  private func dispatch(_ bytes: ByteBuffer) {
    guard !self.session.events.isEmpty else { return }
    self.isBusy = true
    // Calls that end may begin others, which queues frames but never adds events.
    self.handle(self.session.events, bytes)
    self.session.clearEvents()
    self.isBusy = false
    self.pool.performPendingActions()
  }

  private func handle(_ events: [HTTP2Event], _ bytes: ByteBuffer) {
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
        if let payload = bytes.getSlice(at: start, length: range.count) {
          self.call(of: stream)?.receiveData(payload)
        }
      case .pong(let data):
        if data == WindowEstimator.ping,
          let window = self.estimator.receivePong(now: self.pool.eventLoop.now)
        {
          self.session.setStreamWindow(window)
          self.scheduleDrain()
        }
      case .endOfStream(let stream):
        self.call(of: stream)?.receiveEnd()
      case .closed(let stream, let errorCode):
        self.streamClosed(stream, errorCode)
      case .goAway(_, let errorCode):
        let name = HTTP2ErrorCode.name(errorCode)
        self.endReason = "the endpoint \(self.pool.endpoint) ended the connection with \(name)"
        self.isOrderly = errorCode == HTTP2ErrorCode.noError
        if self.dialer == nil { self.pool.connectionRetired(self) }
      case .invalidRequest:
        break  // Occurs only for servers.
      }
    }
  }

  private func call(of stream: HTTP2Stream) -> HTTP2PooledCall? {
    let calls = self.calls
    guard stream.slot < calls.count, let call = calls[stream.slot], call.stream == stream
    else { return nil }
    return call
  }

  private func settingsReceived() {
    if !self.isReady {
      self.isReady = true
      if let dialer = self.dialer.take() { dialer.succeeded(self.attempt) }
      self.keepAlive(self.keepalive.start())
    }
    self.pool.connectionAllows(self, calls: self.session.peerConcurrentStreams)
  }

  // MARK: Keepalive

  /// Sends a PING: a call reached its deadline while nothing was received.
  func probeNow() {
    guard self.isReady, !self.hasEnded,
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
      self.scheduleDrain()
    }
  }

  private func keepAlive(_ action: KeepaliveState.Action) {
    let time: TimeAmount?
    switch action {
    case .wait(let wait):
      time = wait
    case .ping(let timeout):
      self.session.ping()
      self.scheduleDrain()
      time = timeout
    case .giveUp:
      let timeout = self.pool.keepalive.timeout.nanoseconds / 1_000_000
      return self.end(
        "the endpoint \(self.pool.endpoint) gave no sign of life within \(timeout) ms")
    }
    self.keepaliveCheck?.cancel()
    self.keepaliveCheck = nil
    guard let time else { return }
    self.keepaliveCheck = self.pool.eventLoop.assumeIsolated().scheduleTask(in: time) {
      guard !self.hasEnded else { return }
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
    guard !self.hasEnded else { return }
    self.hasEnded = true
    self.keepaliveCheck?.cancel()
    self.keepaliveCheck = nil
    let reason = self.endReason ?? reason
    let progress = self.progress
    self.context?.close(promise: nil)
    if let dialer = self.dialer.take() { return dialer.failed(self.attempt, reason, progress) }
    let calls = self.calls
    self.calls = []
    self.watched = []
    self.pool.connectionEnded(self, reason: reason, isOrderly: self.isOrderly)
    for call in calls {
      call?.connectionLost(GRPCStatus(.unavailable, reason, origin: .transport))
    }
    self.pool.performPendingActions()
  }
}
