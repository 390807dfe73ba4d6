internal import Codec
internal import HTTP2
internal import HTTPFields
internal import NIOCore

/// One exchange over HTTP/2: passes a stream's request to an exchange driver and frames its response.
///
/// Confined to the loop of its connection.
final class HTTP2ServerStream: DownstreamStream {
  let stream: HTTP2Stream

  private let connection: HTTP2ServerConnection
  private let driver: ExchangeDriver
  private var isRequestComplete = false
  private var isOpen = true
  private var canWrite = true
  /// Bytes of the announced body that aren't queued yet; nil: the body ends with `finish`.
  private var bodyLeft: Int?
  /// Whether the end of the response is queued.
  private var isComplete = false
  private(set) var writtenByteCount = 0
  /// Payload bytes passed on and not yet returned to the client's window.
  private var owedBytes = 0
  /// Whether the stream was reset or closed.
  private var isReset = false
  /// The tick by which a client that still sends after its response must finish.
  private var endDeadline = Int64.max

  /// Watches whether the client reads the response, once all of it is queued.
  private var sending = WriteWatch()

  init(_ stream: HTTP2Stream, on connection: HTTP2ServerConnection) {
    self.stream = stream
    self.connection = connection
    self.driver = ExchangeDriver(connection.loop, checksHost: connection.checksHost)
  }

  var deadline: Int64 { min(self.driver.deadline, self.endDeadline, self.sending.deadline) }
  var heartbeat: Int64 { self.driver.heartbeat }
  var heldBytes: Int { self.driver.heldBytes }

  func deadlinePassed() {
    guard !self.isOpen else { return self.driver.deadlinePassed() }
    let loop = self.connection.loop
    if self.sending.deadline <= loop.ticks,
      self.sending.isStalled(taken: -self.unsentByteCount, next: loop.writeDeadline),
      self.unsentByteCount > 0
    {
      self.isReset = true
      self.connection.session.reset(self.stream, errorCode: HTTP2ErrorCode.cancel)
      self.connection.driver.scheduleFlush()
    }
    guard self.endDeadline <= loop.ticks else { return }
    self.endDeadline = .max
    guard self.awaitsEnd else { return }
    // RFC 9113 §8.1: the rest of the request isn't needed. Not at once, because some clients fail on a
    // reset while they send, before they have read the response.
    self.isReset = true
    self.connection.session.reset(self.stream, errorCode: HTTP2ErrorCode.noError)
    self.connection.driver.scheduleFlush()
  }

  func heartbeatDue() {
    self.driver.heartbeatDue()
  }

  // MARK: The request

  /// Passes the head to the driver.
  func begin(_ head: RequestHead) {
    self.driver.begin(self)
    self.driver.receive(.head(head))
  }

  func begin() {}

  func receive(_ bytes: ByteBuffer) {
    guard self.isOpen else { return }
    self.owedBytes += bytes.readableBytes
    self.driver.receive(.body(bytes))
    // Otherwise the driver calls `read()` when it takes more.
    if self.isOpen, self.driver.mayRead() { self.read() }
  }

  func receiveEnd() {
    self.isRequestComplete = true
    if self.isOpen { self.driver.receive(.end) }
  }

  /// Whether all of the response is queued and the client still sends.
  private var awaitsEnd: Bool {
    !self.isOpen && !self.isRequestComplete && !self.isReset
  }

  func streamAdvanced() -> Bool {
    let session = self.connection.session
    guard session.isKnown(self.stream) else { return false }
    if self.isOpen, !self.canWrite,
      session.unsentBytes(self.stream) <= self.connection.replyMark / 2
    {
      self.canWrite = true
      self.driver.writabilityChanged()
    }
    return self.isOpen && !self.canWrite
  }

  // MARK: The end

  func receiveClosed() {
    // Nothing more can be sent.
    self.isReset = true
    self.closeNow()
  }

  /// Ends the exchange, and resets the stream if the response is incomplete.
  func closeNow() {
    guard self.isOpen else { return }
    self.isOpen = false
    if !self.isComplete, !self.isReset {
      // A truncated response must not look complete.
      self.isReset = true
      self.connection.session.reset(self.stream, errorCode: HTTP2ErrorCode.internalError)
    }
    self.connection.callEnded()
    self.driver.connectionLost()
    if !self.isReset, self.unsentByteCount > 0 {
      let until = self.connection.loop.writeDeadline
      self.sending.begin(taken: -self.unsentByteCount, until: until)
    }
    if self.awaitsEnd { self.endDeadline = self.connection.loop.deadline(of: .close) }
    self.connection.driver.scheduleFlush()
  }
}

// MARK: The response

extension HTTP2ServerStream: ResponseWriter {
  var isWritable: Bool { self.canWrite }
  var remoteAddress: SocketAddress? { self.connection.remoteAddress }
  var upgradableConnection: HTTP1ServerHandler? { nil }
  var isWritingLast: Bool { false }

  /// Response bytes that wait for the client's window.
  var unsentByteCount: Int {
    let session = self.connection.session
    return session.isKnown(self.stream) ? session.unsentBytes(self.stream) : 0
  }

  func writeContinue() {
    var head = HeaderBlock()
    head.append(":status", "100")
    self.connection.session.submitInterim(self.stream, head)
    self.connection.driver.scheduleFlush()
  }

  func begin(_ head: borrowing ResponseHead, closes: Bool) {
    var block = HeaderBlock()
    block.append(":status", String(head.status))
    block.append(contentsOf: head.fields)
    block.append("date".utf8, self.connection.loop.date.value)
    switch head.body {
    case .none: self.bodyLeft = 0
    case .length(let count): self.bodyLeft = count
    case .stream: self.bodyLeft = nil
    }
    if head.omitsBody { self.bodyLeft = 0 }
    self.isComplete = self.bodyLeft == 0
    self.writtenByteCount += block.bytes.count
    self.connection.session.submitResponse(self.stream, block, endsStream: self.isComplete)
  }

  func write(_ bytes: consuming ByteBuffer) {
    guard !self.isComplete, bytes.readableBytes > 0 else { return }
    if let left = self.bodyLeft {
      self.bodyLeft = left - bytes.readableBytes
      self.isComplete = self.bodyLeft == 0
    }
    self.writtenByteCount += bytes.readableBytes
    self.connection.session.send(self.stream, bytes, endsStream: self.isComplete)
  }

  func finish(_ trailers: HeaderBlock) {
    guard !self.isComplete else { return }
    self.isComplete = true
    self.writtenByteCount += trailers.bytes.count
    self.connection.session.finish(self.stream, trailers: trailers.isEmpty ? nil : trailers)
  }

  /// Schedules a write. Bytes beyond the client's window wait in the session.
  func flush() {
    guard self.isOpen else { return }
    self.connection.driver.scheduleFlush()
    if self.canWrite, self.unsentByteCount > self.connection.replyMark {
      self.canWrite = false
      self.connection.driver.watch(self.stream)
      self.driver.writabilityChanged()
    }
  }

  /// A stream carries one exchange, so it ends whatever `after` is.
  func flush(_ after: ExchangeState.After) {
    self.closeNow()
  }

  /// Returns the owed bytes to the client's window: the driver takes more of the request.
  func read() {
    self.connection.returnWindow(self.stream, byteCount: self.owedBytes)
    self.owedBytes = 0
  }
}
