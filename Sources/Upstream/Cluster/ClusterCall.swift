internal import BridgeConfiguration
internal import GRPCWire
internal import HTTP2
internal import NIOCore
internal import Time

/// One call of a cluster, over as many attempts as it takes.
final class ClusterCall: UpstreamCall {
  private let cluster: Cluster
  private var request: CallRequest
  /// Of what a ring goes by.
  let hash: UInt64?
  /// Nil once the call has ended or was cancelled.
  private var observer: (any CallObserver)?
  /// The attempt under way, and the member that it's on.
  private var attempt: (any UpstreamCall)?
  private var member = 0
  /// Members that it has failed on.
  private(set) var tried: [Int] = []
  private var retry = RetryState()
  /// Whether it can't begin again: something was answered, or not all that was sent is kept.
  private var isCommitted = false
  /// Messages behind the first, for another attempt.
  private var kept: [ByteBuffer] = []
  private var keptBytes = 0
  /// Whether a reply is held until its end is known.
  private let holdsReply: Bool
  private var heldHead: HeaderBlock?
  private var heldMessage: ByteBuffer?
  private var isPaused = false
  /// Whether the owner waits for `callCanSend`.
  private var isOwnerHeld: Bool
  /// While it waits for an endpoint or for the next attempt, or while an attempt has a time of its own.
  private var timer: Scheduled<Void>?

  init(
    _ request: CallRequest, cluster: Cluster, hash: UInt64?, _ observer: any CallObserver
  ) {
    self.request = request
    self.cluster = cluster
    self.hash = hash
    self.observer = observer
    self.holdsReply = request.buffersReply && cluster.policy != nil
    self.isOwnerHeld = (request.message?.readableBytes ?? 0) > WriteBufferWaterMark.high
  }

  // MARK: For its owner

  func send(_ message: ByteBuffer, isLast: Bool) {
    guard self.observer != nil, !self.request.isComplete else { return }
    self.request.isComplete = isLast
    if !self.isCommitted {
      self.kept.append(message)
      self.keptBytes += message.readableBytes
      if self.attempt != nil, self.keptBytes > Self.keptByteLimit { self.commit() }
    }
    self.attempt?.send(message, isLast: isLast)
    if self.unsentBytes > WriteBufferWaterMark.high { self.isOwnerHeld = true }
  }

  var unsentBytes: Int {
    if let attempt = self.attempt { return attempt.unsentBytes }
    return self.keptBytes + (self.request.message?.readableBytes ?? 0)
  }

  func cancel() {
    guard self.observer != nil else { return }
    self.observer = nil
    self.cancelTimer()
    if let attempt = self.attempt {
      self.attempt = nil
      attempt.cancel()
      self.cluster.attemptEnded(on: self.member, isFailure: nil)
    } else {
      self.cluster.dequeue(self)
    }
    self.forget()
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
    self.request.isSheddable = true
    self.attempt?.markSheddable()
  }

  // MARK: For the cluster

  /// An endpoint was found.
  func begin(on member: Int, _ pool: any EndpointPool) {
    guard self.observer != nil else {
      return self.cluster.attemptEnded(on: member, isFailure: nil)
    }
    self.cancelTimer()
    self.member = member
    var request = self.request
    request.isComplete = self.request.isComplete && self.kept.isEmpty
    if self.retry.attempts > 0 {
      // gRFC A6: so that an endpoint can tell.
      request.metadata.append("grpc-previous-rpc-attempts", "\(self.retry.attempts)")
    }
    let attempt = pool.start(request, observer: self)
    self.attempt = attempt
    if self.isPaused { attempt.pauseReading() }
    for (index, message) in self.kept.enumerated() {
      attempt.send(message, isLast: self.request.isComplete && index == self.kept.count - 1)
    }
    if self.cluster.policy == nil, !self.kept.isEmpty || !self.request.isComplete {
      // Nothing will be sent twice but what never left, and of that the pool keeps the first message.
      if self.keptBytes > Self.keptByteLimit { self.commit() }
    }
    if let timeout = self.cluster.policy?.timeout {
      self.schedule(in: TimeAmount(clamping: timeout)) { self.attemptTimedOut() }
    }
  }

  /// No endpoint can be had now.
  func wait(atMost time: TimeAmount) {
    guard self.timer == nil else { return }
    let limit = self.cluster.eventLoop.now + time
    if let deadline = self.request.deadline, deadline < limit {
      self.schedule(at: deadline) { self.cluster.deadlinePassed(self, self.request.limit) }
    } else {
      self.schedule(at: limit) { self.cluster.waitedTooLong(self) }
    }
  }

  /// Ends the call without an attempt under way.
  func fail(_ status: GRPCStatus) {
    self.finish(status, HeaderBlock())
  }

  /// The same after this turn of the loop: no event reaches the owner within a function that it calls.
  func failLater(_ status: GRPCStatus) {
    self.cluster.eventLoop.assumeIsolated().execute { self.fail(status) }
  }

  // MARK: Private

  private func attemptTimedOut() {
    guard let attempt = self.attempt, !self.isCommitted else { return }
    self.attempt = nil
    attempt.cancel()
    let time = self.cluster.policy?.timeout.map { TimeAmount(clamping: $0).text } ?? ""
    let endpoint = self.cluster.endpoint(of: self.member).map { " from \($0)" } ?? ""
    let status = GRPCStatus(
      .deadlineExceeded,
      "no answer\(endpoint) within \(time) (\(self.cluster.key).retry.per_try_timeout)",
      origin: .deadline)
    self.attemptFailed(status, HeaderBlock(), isTimeout: true)
  }

  private func attemptFailed(_ status: GRPCStatus, _ trailers: HeaderBlock, isTimeout: Bool) {
    self.cluster.attemptEnded(on: self.member, isFailure: isTimeout ? true : Self.isFailure(status))
    guard !self.isCommitted, !status.isOK else { return self.finish(status, trailers) }
    self.tried.append(self.member)
    switch self.cluster.decide(&self.retry, status, isTimeout: isTimeout, tried: self.tried) {
    case .end:
      self.finish(self.counted(status), trailers)
    case .again(let time):
      if let deadline = self.request.deadline, self.cluster.eventLoop.now + time >= deadline {
        return self.finish(self.counted(status), trailers)
      }
      self.heldHead = nil
      self.heldMessage = nil
      guard time > .zero else { return self.cluster.place(self) }
      self.schedule(in: time) { self.cluster.place(self) }
    }
  }

  /// The status of the last attempt, saying that there were others.
  private func counted(_ status: GRPCStatus) -> GRPCStatus {
    guard self.retry.attempts > 1, let policy = self.cluster.policy else { return status }
    var status = status
    status.message += " (attempt \(self.retry.attempts) of \(policy.attempts))"
    return status
  }

  private func finish(_ status: GRPCStatus, _ trailers: HeaderBlock) {
    self.releaseReply()
    guard let observer = self.observer else { return }
    self.observer = nil
    self.forget()
    observer.callEnded(status, trailers: trailers)
  }

  /// Hands on what was held.
  private func releaseReply() {
    guard let head = self.heldHead else { return }
    self.heldHead = nil
    self.observer?.callReceivedHead(head)
    guard let message = self.heldMessage else { return }
    self.heldMessage = nil
    self.observer?.callReceivedMessage(message)
  }

  private func forget() {
    self.heldHead = nil
    self.heldMessage = nil
    self.cancelTimer()
    self.attempt = nil
    self.kept = []
    self.request.message = nil
  }

  /// From now on the call stands or falls with its attempt.
  private func commit() {
    guard !self.isCommitted else { return }
    self.isCommitted = true
    self.kept = []
    self.keptBytes = 0
    self.request.message = nil
    self.cancelTimer()
  }

  private func schedule(in time: TimeAmount, _ action: @escaping () -> Void) {
    self.schedule(at: self.cluster.eventLoop.now + time, action)
  }

  private func schedule(at deadline: NIODeadline, _ action: @escaping () -> Void) {
    self.timer?.cancel()
    self.timer = self.cluster.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
      self.timer = nil
      guard self.observer != nil else { return }
      action()
    }
  }

  private func cancelTimer() {
    self.timer?.cancel()
    self.timer = nil
  }

  /// Whether an end speaks against the endpoint rather than the call.
  private static func isFailure(_ status: GRPCStatus) -> Bool? {
    switch status.origin {
    case .shed: nil
    case .notConnected, .transport: status.code == .cancelled ? nil : true
    case .deadline: true
    case .endpoint: status.code == .unavailable
    }
  }

  /// What is kept of a stream of requests; gRPC's clients keep 256 KiB by default for a call.
  private static let keptByteLimit = 256 << 10
}

extension ClusterCall: CallObserver {
  func callReceivedHead(_ metadata: HeaderBlock) {
    guard !self.holdsReply || self.isCommitted else {
      // It's answering: what an attempt may take is over.
      self.cancelTimer()
      self.heldHead = metadata
      return
    }
    self.commit()
    self.observer?.callReceivedHead(metadata)
  }

  func callReceivedMessage(_ message: ByteBuffer) {
    if self.heldHead != nil {
      if self.heldMessage == nil {
        self.heldMessage = message
        return
      }
      // More than one: that's for the owner to judge.
      self.commit()
      self.releaseReply()
    }
    self.observer?.callReceivedMessage(message)
  }

  func callCanSend() {
    guard self.isOwnerHeld else { return }
    self.isOwnerHeld = false
    self.observer?.callCanSend()
  }

  func callEnded(_ status: GRPCStatus, trailers: HeaderBlock) {
    self.attempt = nil
    self.cancelTimer()
    if status.isOK {
      self.cluster.attemptEnded(on: self.member, isFailure: false)
      self.finish(status, trailers)
    } else {
      self.attemptFailed(status, trailers, isTimeout: false)
    }
  }
}
