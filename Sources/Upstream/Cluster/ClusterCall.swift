internal import BridgeConfiguration
internal import GRPCWire
internal import HTTP2
internal import NIOCore
internal import Time

/// One call of a cluster, over as many attempts as it takes: performs what `ClusterCallState` decides.
final class ClusterCall: UpstreamCall {
  private let cluster: Cluster
  private var request: CallRequest
  /// The hash of the call, for a ring.
  let hash: UInt64?
  /// Nil once the call has ended or was cancelled.
  private var observer: (any CallObserver)?
  private var state: ClusterCallState
  /// The attempt in flight, and the member that it's on.
  private var attempt: (any UpstreamCall)?
  private var member = MemberID(0)
  private var isPaused = false
  /// Whether the owner waits for `callCanSend`.
  private var isOwnerHeld: Bool
  /// Set while the call waits for an endpoint or for the next attempt, or an attempt has a time limit of its own.
  private var timer: Scheduled<Void>?

  init(
    _ request: CallRequest, cluster: Cluster, hash: UInt64?, _ observer: any CallObserver
  ) {
    self.request = request
    self.request.message = nil
    self.cluster = cluster
    self.hash = hash
    self.observer = observer
    self.state = ClusterCallState(
      first: request.message, holdsReply: request.options.buffersReply && cluster.policy != nil)
    self.isOwnerHeld = (request.message?.readableBytes ?? 0) > WriteBufferWaterMark.high
  }

  /// Members that the call has failed on, in that order.
  var tried: [MemberID] { self.state.tried }

  // MARK: For its owner

  func send(_ message: ByteBuffer, isLast: Bool) {
    guard !self.state.hasEnded, !self.request.isComplete else { return }
    self.request.isComplete = isLast
    self.state.send(message)
    if self.state.isCommitted { self.cancelTimer() }
    self.attempt?.send(message, isLast: isLast)
    if self.unsentBytes > WriteBufferWaterMark.high { self.isOwnerHeld = true }
  }

  var unsentBytes: Int { self.attempt?.unsentBytes ?? self.state.replay.byteCount }

  func cancel() {
    self.observer = nil
    switch self.state.cancel() {
    case .none:
      return
    case .dequeue:
      self.cluster.dequeue(self)
    case .cancelAttempt(let member):
      self.attempt.take()?.cancel()
      self.cluster.attemptEnded(on: member, isFailure: nil)
    }
    self.cancelTimer()
  }

  func pauseReading() {
    self.isPaused = true
    self.attempt?.pauseReading()
  }

  func resumeReading() {
    self.isPaused = false
    self.attempt?.resumeReading()
  }

  func markSheddable() {
    self.request.options.isSheddable = true
    self.attempt?.markSheddable()
  }

  // MARK: For the cluster

  /// An endpoint was found.
  func begin(on member: MemberID, _ pool: any EndpointPool) {
    guard let beginning = self.state.begin(on: member) else {
      return self.cluster.attemptEnded(on: member, isFailure: nil)
    }
    self.cancelTimer()
    self.member = member
    var request = self.request
    request.message = beginning.first
    request.isComplete = request.isComplete && beginning.rest.isEmpty
    if beginning.previousAttempts > 0 {
      request.metadata.append("grpc-previous-rpc-attempts", "\(beginning.previousAttempts)")
    }
    let attempt = pool.start(request, observer: self)
    self.attempt = attempt
    if self.isPaused { attempt.pauseReading() }
    for (index, message) in beginning.rest.enumerated() {
      attempt.send(
        message, isLast: self.request.isComplete && index == beginning.rest.count - 1)
    }
    if let timeout = self.cluster.policy?.timeout, !self.state.isCommitted {
      self.schedule(in: TimeAmount(clamping: timeout)) { self.attemptTimedOut(timeout) }
    }
  }

  /// No endpoint is available now.
  func wait(atMost time: TimeAmount) {
    guard self.timer == nil else { return }
    let limit = self.cluster.eventLoop.now + time
    if let deadline = self.request.deadline, deadline < limit {
      self.schedule(at: deadline) { self.cluster.deadlinePassed(self, self.request.limit) }
    } else {
      self.schedule(at: limit) { self.cluster.waitedTooLong(self) }
    }
  }

  /// Ends the call, which has no attempt in flight.
  func fail(_ status: GRPCStatus) {
    self.state.end()
    self.finish(status, HeaderBlock())
  }

  /// The same after this turn of the loop: no event reaches the owner within a function that it calls.
  func failLater(_ status: GRPCStatus) {
    self.cluster.eventLoop.assumeIsolated().execute { self.fail(status) }
  }

  // MARK: Private

  private func attemptTimedOut(_ timeout: Duration) {
    guard let attempt = self.attempt, !self.state.isCommitted else { return }
    self.attempt = nil
    attempt.cancel()
    let endpoint = self.cluster.endpoint(of: self.member).map { " from \($0)" } ?? ""
    let status = GRPCStatus(
      .deadlineExceeded,
      "no response\(endpoint) within \(TimeAmount(clamping: timeout).text) "
        + "(\(self.cluster.key).retry.per_try_timeout)",
      origin: .deadline)
    self.attemptFailed(status, HeaderBlock(), isTimeout: true)
  }

  private func attemptFailed(_ status: GRPCStatus, _ trailers: HeaderBlock, isTimeout: Bool) {
    self.cluster.attemptEnded(
      on: self.member, isFailure: isTimeout ? true : Self.isFailure(status))
    let wasCommitted = self.state.isCommitted
    let action = self.cluster.evaluate(&self.state, status, isTimeout: isTimeout, self.request)
    switch action {
    case .end(let held):
      self.deliver(held)
      self.finish(wasCommitted ? status : self.counted(status), trailers)
    case .again(let time):
      guard time > .zero else { return self.cluster.place(self) }
      self.schedule(in: time) {
        if self.state.resume() { self.cluster.place(self) }
      }
    }
  }

  /// The status of the last attempt, with the number of attempts if there were several.
  private func counted(_ status: GRPCStatus) -> GRPCStatus {
    let attempts = self.state.failedAttempts
    guard attempts > 1, let policy = self.cluster.policy else { return status }
    var status = status
    status.message += " (attempt \(attempts) of \(policy.attempts))"
    return status
  }

  private func finish(_ status: GRPCStatus, _ trailers: HeaderBlock) {
    self.cancelTimer()
    self.attempt = nil
    guard let observer = self.observer.take() else { return }
    observer.callEnded(status, trailers: trailers)
  }

  /// Passes on what was held.
  private func deliver(_ held: ClusterCallState.HeldReply) {
    switch held {
    case .nothing:
      break
    case .head(let head):
      self.observer?.callReceivedHead(head)
    case .message(let head, let message):
      self.observer?.callReceivedHead(head)
      self.observer?.callReceivedMessage(message)
    }
  }

  private func schedule(in time: TimeAmount, _ action: @escaping () -> Void) {
    self.schedule(at: self.cluster.eventLoop.now + time, action)
  }

  private func schedule(at deadline: NIODeadline, _ action: @escaping () -> Void) {
    self.timer?.cancel()
    self.timer = self.cluster.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
      self.timer = nil
      guard !self.state.hasEnded else { return }
      action()
    }
  }

  private func cancelTimer() {
    self.timer.take()?.cancel()
  }

  /// Whether an end counts against the endpoint rather than the call; nil: neither.
  private static func isFailure(_ status: GRPCStatus) -> Bool? {
    switch status.origin {
    case .shed: nil
    case .notConnected, .transport: status.code == .cancelled ? nil : true
    case .deadline: true
    case .endpoint: status.code == .unavailable
    }
  }
}

extension ClusterCall: CallObserver {
  func callReceivedHead(_ metadata: HeaderBlock) {
    // The endpoint is responding: the time limit of the attempt no longer applies.
    self.cancelTimer()
    guard case .pass = self.state.receiveHead(metadata) else { return }
    self.observer?.callReceivedHead(metadata)
  }

  func callReceivedMessage(_ message: ByteBuffer) {
    switch self.state.receiveMessage(message) {
    case .hold:
      break
    case .pass:
      self.observer?.callReceivedMessage(message)
    case .passAfter(let held):
      self.deliver(held)
      self.observer?.callReceivedMessage(message)
    }
  }

  func callCanSend() {
    guard self.isOwnerHeld else { return }
    self.isOwnerHeld = false
    self.observer?.callCanSend()
  }

  func callEnded(_ status: GRPCStatus, trailers: HeaderBlock) {
    self.attempt = nil
    self.cancelTimer()
    guard status.isOK else { return self.attemptFailed(status, trailers, isTimeout: false) }
    self.cluster.attemptEnded(on: self.member, isFailure: false)
    self.deliver(self.state.succeeded())
    self.finish(status, trailers)
  }
}
