internal import BridgeConfiguration
internal import DequeModule
internal import GRPCWire
internal import HTTP2
internal import NIOCore

/// A call of the pool, from its start to its end, over as many connections as it takes.
final class HTTP2PooledCall: UpstreamCall, PooledCall {
  private let pool: HTTP2Pool
  let id: CallID
  private var request: CallRequest
  /// Nil once the call has ended or was cancelled.
  private var observer: (any CallObserver)?
  private var reply: CallState
  /// Nil while it waits, and once its stream has closed.
  private var connection: HTTP2ClientConnection?
  /// The connection's `readCount` when the call began.
  private var readCount = 0
  /// Valid only with a connection.
  private(set) var stream = HTTP2Stream(id: 0, slot: 0)
  /// Messages sent while it waited.
  private var unsent: Deque<ByteBuffer> = []
  /// Whether a message after the first was sent on a stream; such messages aren't kept to be resent.
  private var sentMore = false
  /// The size of `unsent`, in bytes.
  private var waitingBytes = 0
  /// Whether `WriteBufferWaterMark.high` was exceeded, and the owner waits for `callCanSend`.
  private var isOwnerHeld: Bool
  /// Whether the response has begun.
  private var hasHead = false
  /// Whether it has had a stream.
  private var wasSent = false
  private var requeueCount = 0
  private var isPaused = false
  /// Whether messages are being delivered, further up the stack.
  private var isAdvancing = false
  /// Payload received while paused, not yet returned to the stream's window.
  private var withheldBytes = 0

  init(id: CallID, pool: HTTP2Pool, request: consuming CallRequest, observer: any CallObserver) {
    self.id = id
    self.pool = pool
    self.observer = observer
    switch request.framing {
    case .messages(let limit): self.reply = CallState(byteLimit: limit, mapping: pool.statuses)
    case .raw: self.reply = CallState(byteLimit: .max, isRaw: true, mapping: pool.statuses)
    }
    self.isOwnerHeld = (request.message?.readableBytes ?? 0) > WriteBufferWaterMark.high
    self.request = request
  }

  // MARK: For its owner

  func send(_ message: ByteBuffer, isLast: Bool) {
    guard self.observer != nil, !self.request.isComplete else { return }
    self.request.isComplete = isLast
    if let connection = self.connection {
      self.sentMore = true
      connection.send(self.stream, message, isLast: isLast)
    } else {
      self.unsent.append(message)
      self.waitingBytes += message.readableBytes
    }
    if !self.isOwnerHeld, self.unsentBytes > WriteBufferWaterMark.high {
      self.isOwnerHeld = true
      self.connection?.watch(self.stream)
    }
  }

  var unsentBytes: Int {
    if let connection = self.connection { return connection.unsentBytes(self.stream) }
    return self.waitingBytes + (self.request.message?.readableBytes ?? 0)
  }

  func cancel() {
    guard self.observer != nil else { return }
    self.leave(isOpen: true)
  }

  func pauseReading() {
    self.isPaused = true
  }

  func resumeReading() {
    guard self.isPaused else { return }
    self.isPaused = false
    if self.withheldBytes > 0 {
      self.connection?.returnWindow(self.stream, byteCount: self.withheldBytes)
      self.withheldBytes = 0
    }
    // Later, so that no event reaches the observer from within this function.
    self.pool.eventLoop.assumeIsolated().execute { self.advance() }
  }

  func markSheddable() {
    guard self.observer != nil, !self.request.options.isSheddable else { return }
    self.request.options.isSheddable = true
    self.pool.makeYield(self)
  }

  // MARK: For the pool

  /// The properties that the pool needs to start it.
  var path: String { self.request.path }
  var metadata: HeaderBlock { self.request.metadata }
  var deadline: NIODeadline? { self.request.deadline }
  var encoding: CompressionFormat? { self.request.encoding }
  var isRaw: Bool { self.request.isRaw }
  var isSheddable: Bool { self.request.options.isSheddable }
  var endsOnDrain: Bool { self.request.options.endsOnDrain }

  /// Opens a stream on a connection.
  ///
  /// - Returns: false if it can't open any; the call is unchanged then.
  func start(on connection: HTTP2ClientConnection, head: HeaderBlock) -> Bool {
    guard self.observer != nil else { return true }
    let endsStream = self.request.isComplete && self.unsent.isEmpty
    guard
      connection.open(self, head: head, body: self.request.message, endsStream: endsStream)
    else { return false }
    while let message = self.unsent.popFirst() {
      self.sentMore = true
      connection.send(
        self.stream, message, isLast: self.request.isComplete && self.unsent.isEmpty)
    }
    self.waitingBytes = 0
    if self.isOwnerHeld { connection.watch(self.stream) }
    return true
  }

  /// Assigns its stream.
  func begin(on connection: HTTP2ClientConnection, _ stream: HTTP2Stream) {
    self.connection = connection
    self.wasSent = true
    self.readCount = connection.readCount
    self.stream = stream
  }

  func expire() {
    if let connection = self.connection, connection.readCount == self.readCount {
      connection.probeNow()
    }
    self.fail(self.deadlineStatus)
  }

  var deadlineStatus: GRPCStatus {
    let missing =
      if self.hasHead {
        "no complete response from"
      } else if self.connection == nil && !self.wasSent {
        "no connection to"
      } else {
        "no response from"
      }
    return .deadlineExceeded(
      "\(missing) \(self.pool.endpoint)", self.request.limit, key: self.pool.key)
  }

  func fail(_ status: GRPCStatus) {
    self.finish(status, trailers: HeaderBlock(), isOpen: true)
  }

  // MARK: For its connection

  /// The unsent bytes have dropped below the low water mark.
  func receiveRoom() {
    self.isOwnerHeld = false
    self.observer?.callCanSend()
  }

  func receiveHeaders(_ block: HeaderBlock, _ fields: Range<Int>, endsStream: Bool) {
    let head = self.reply.receiveHeaders(block, fields, endsStream: endsStream)
    if self.reply.hasResponded { self.request.message = nil }
    if self.requeueCount > 0, let connection = self.connection {
      self.pool.callResponded(on: connection)
    }
    if let head {
      self.hasHead = true
      self.observer?.callReceivedHead(head)
    }
    self.advance()
  }

  func receiveTooLargeHeaders() {
    let limit = self.pool.limits.endpointHeaderBytes
    self.reply.fail(
      GRPCStatus(
        .resourceExhausted, "the endpoint's header list is larger than \(limit) bytes",
        origin: .transport), isOpen: true)
    self.advance()
  }

  /// Receives a part of the response.
  ///
  /// - Returns: whether its bytes are to be returned to the stream's window now.
  func receiveData(_ bytes: ByteBuffer) -> Bool {
    self.reply.receiveData(bytes)
    self.advance()
    if self.isPaused { self.withheldBytes += bytes.readableBytes }
    return !self.isPaused
  }

  func receiveEnd() {
    self.reply.receiveEnd()
    self.advance()
  }

  /// Its stream closed.
  ///
  /// - Parameter violation: the endpoint's protocol violation, if that's the reason.
  func receiveClosed(_ errorCode: UInt32, violation: String?) {
    // The usual case: the response's end came in the same read.
    guard self.observer != nil else { return }
    let connection = self.connection
    self.connection = nil
    if errorCode == HTTP2ErrorCode.refusedStream && self.mayRequeue, let connection {
      self.requeueCount += 1
      self.pool.requeue(self, refusedBy: connection)
      return
    }
    self.endReply(violation.map { GRPCStatus(violation: $0) } ?? self.status(ofReset: errorCode))
  }

  func connectionLost(_ status: GRPCStatus) {
    self.connection = nil
    self.endReply(status)
  }

  // MARK: Private

  /// Whether it can be restarted on another stream: REFUSED_STREAM means that nothing was processed
  /// (RFC 9113 §8.7), and everything sent is still available. Bounded, because the next one may be
  /// refused too.
  private var mayRequeue: Bool {
    self.observer != nil && !self.reply.hasResponded && !self.sentMore
      && self.requeueCount < Self.requeueLimit
  }

  /// The status of a reset. An endpoint that enforces the deadline itself cancels the stream when it
  /// passes, possibly a moment before the bridge's timer fires.
  private func status(ofReset errorCode: UInt32) -> GRPCStatus {
    errorCode == HTTP2ErrorCode.cancel && self.isDue
      ? self.deadlineStatus : GRPCStatus(resetCode: errorCode)
  }

  /// Whether the deadline has passed, or may have by the endpoint's clock.
  private var isDue: Bool {
    guard let deadline = self.deadline else { return false }
    return deadline - Self.deadlineSlack <= self.pool.eventLoop.now
  }

  /// Whether the endpoint's status reports the deadline: whose clock was first makes no difference to
  /// the client. A call that's passed through keeps the endpoint's own status.
  private func isDeadline(_ status: GRPCStatus) -> Bool {
    guard status.origin == .endpoint, !self.request.isRaw, status.details.isEmpty else {
      return false
    }
    return (status.code == .deadlineExceeded || status.code == .cancelled) && self.isDue
  }

  /// Ends the response. Data received before is delivered first, however long a paused owner takes:
  /// the deadline applied to the endpoint.
  private func endReply(_ status: GRPCStatus) {
    self.reply.fail(status, isOpen: false)
    self.pool.clearDeadline(of: self)
    self.advance()
  }

  /// Delivers available events, unless the owner paused or ended the call.
  private func advance() {
    guard !self.isAdvancing else { return }
    self.isAdvancing = true
    defer { self.isAdvancing = false }
    while !self.isPaused, let observer = self.observer {
      switch self.reply.next() {
      case .wait:
        return
      case .message(let message):
        observer.callReceivedMessage(message)
      case .end(let status, let trailers, let isOpen):
        self.finish(status, trailers: trailers, isOpen: isOpen)
      }
    }
  }

  private func finish(_ status: GRPCStatus, trailers: HeaderBlock, isOpen: Bool) {
    guard let observer = self.observer else { return }
    self.leave(isOpen: isOpen)
    if !status.isOK, self.isDeadline(status) {
      observer.callEnded(self.deadlineStatus, trailers: trailers)
    } else {
      observer.callEnded(status, trailers: trailers)
    }
  }

  /// Releases everything that the call references and that references the call.
  private func leave(isOpen: Bool) {
    self.observer = nil
    self.request.message = nil
    self.unsent = []
    self.connection?.release(self.stream, isOpen: isOpen)
    self.connection = nil
    self.pool.forget(self)
  }

  /// How often a refused call is restarted: with the cool-downs between, for about half a second.
  private static let requeueLimit = 10
  /// How far an endpoint's clock may be ahead of the bridge's.
  private static let deadlineSlack = TimeAmount.milliseconds(20)
}
