internal import GRPCWire
internal import HTTP2
internal import NIOCore

/// A call of an HTTP/1.1 pool: one request and its outcome.
final class HTTP1PooledCall: UpstreamCall, PooledCall {
  private let pool: HTTP1Pool
  let id: CallID
  private(set) var request: CallRequest
  /// Nil once the call has ended or was cancelled.
  private var observer: (any CallObserver)?
  /// Nil while it waits, and once its response is complete.
  var connection: HTTP1ClientConnection?
  /// Whether it has been resent after a connection turned out to be dead.
  private var isResent = false
  private var isPaused = false
  /// The outcome that's not delivered yet because the owner paused.
  private var outcome: HTTP1ReplyState.Outcome?

  init(id: CallID, pool: HTTP1Pool, request: CallRequest, observer: any CallObserver) {
    self.id = id
    self.pool = pool
    self.request = request
    self.observer = observer
  }

  // MARK: For its owner

  /// The request is complete from the start.
  func send(_ message: ByteBuffer, isLast: Bool) {}

  var unsentBytes: Int { 0 }

  func cancel() {
    guard self.observer != nil else { return }
    self.leave()
  }

  func pauseReading() {
    self.isPaused = true
  }

  func resumeReading() {
    guard self.isPaused else { return }
    self.isPaused = false
    guard self.outcome != nil else { return }
    // Later, so that no event reaches the observer from within this function.
    self.pool.eventLoop.assumeIsolated().execute { self.deliver() }
  }

  func markSheddable() {
    guard self.observer != nil, self.outcome == nil, !self.request.options.isSheddable else {
      return
    }
    self.request.options.isSheddable = true
    self.pool.makeYield(self)
  }

  // MARK: For the pool

  /// Whether it may be restarted although it was sent. Returns true once.
  func takeSecondChance() -> Bool {
    guard self.observer != nil, !self.isResent else { return false }
    self.isResent = true
    return true
  }

  var deadline: NIODeadline? { self.request.deadline }
  /// The most bytes that the response message may have.
  var replyByteLimit: Int {
    switch self.request.framing {
    case .messages(let limit): limit
    case .raw: .max
    }
  }
  var isSheddable: Bool { self.request.options.isSheddable }

  func fail(_ status: GRPCStatus) {
    self.end(.status(status, HeaderBlock()))
  }

  func expire() {
    self.fail(self.deadlineStatus)
  }

  var deadlineStatus: GRPCStatus {
    let missing = self.connection == nil ? "no connection to" : "no response from"
    return .deadlineExceeded(
      "\(missing) \(self.pool.endpoint)", self.request.limit, key: self.pool.key)
  }

  /// Ends the call with its outcome.
  func end(_ outcome: HTTP1ReplyState.Outcome) {
    guard self.observer != nil, self.outcome == nil else { return }
    self.outcome = outcome
    self.pool.settled(self)
    self.release()
    self.deliver()
  }

  private func deliver() {
    guard !self.isPaused, let outcome = self.outcome else { return }
    self.outcome = nil
    switch outcome {
    case .message(let message, let metadata):
      self.observer?.callReceivedHead(metadata)
      self.observer?.callReceivedMessage(message)
      self.finish(GRPCStatus(.ok), HeaderBlock())
    case .status(let status, let metadata):
      self.finish(status, metadata)
    }
  }

  private func finish(_ status: GRPCStatus, _ trailers: HeaderBlock) {
    guard let observer = self.observer else { return }
    self.leave()
    observer.callEnded(status, trailers: trailers)
  }

  /// Detaches it from the connection that it's still on.
  private func release() {
    let connection = self.connection
    self.connection = nil
    connection?.abandon()
  }

  private func leave() {
    self.observer = nil
    self.outcome = nil
    self.request.message = nil
    self.release()
    self.pool.forget(self)
  }
}
