internal import BridgeConfiguration
internal import GRPCWire
internal import HTTP2
internal import NIOCore

/// The life of one call of a cluster over its attempts. Pure.
///
/// Valid transitions:
///
///     queued ──begin──▶ attempting ──failed──▶ backingOff ──resume──▶ queued
///       ▲                  │    └────failed, no wait──▶ queued
///       │                  └─succeeded, or failed for good──▶ ended
///       └─ every state ends by `end` or `cancel`
///
/// An attempt is committed once any of its response was passed on, or the request is too long to be kept:
/// the call then ends as the attempt does.
struct ClusterCallState {
  private enum Phase {
    /// Waits for an endpoint.
    case queued
    /// Has failed and waits before its next attempt.
    case backingOff
    case attempting(Attempt)
    case ended
  }

  private struct Attempt {
    let member: MemberID
    var isCommitted: Bool
    var held = HeldReply.nothing
  }

  /// The part of a response that waits for the end of its attempt.
  enum HeldReply: Equatable {
    case nothing
    case head(HeaderBlock)
    case message(HeaderBlock, ByteBuffer)
  }

  private var phase = Phase.queued
  private var retry = RetryState()
  /// Whether a response is held until its end is known.
  private let holdsReply: Bool
  /// What another attempt would send.
  private(set) var replay: ReplayBuffer
  /// Members that the call has failed on, in that order.
  private(set) var tried: [MemberID] = []

  /// - Parameter holdsReply: whether a response is passed on only once its end is known.
  init(first message: ByteBuffer?, holdsReply: Bool) {
    self.replay = ReplayBuffer(first: message)
    self.holdsReply = holdsReply
  }

  var hasEnded: Bool {
    if case .ended = self.phase { true } else { false }
  }

  /// Whether another attempt is impossible from now on.
  var isCommitted: Bool {
    if case .attempting(let attempt) = self.phase { attempt.isCommitted } else { false }
  }

  /// Attempts that have reached an endpoint and failed.
  var failedAttempts: Int { self.retry.attempts }

  // MARK: Request

  /// What an attempt begins with.
  struct Beginning: Equatable {
    var first: ByteBuffer?
    var rest: [ByteBuffer]
    /// For `grpc-previous-rpc-attempts` (gRFC A6).
    var previousAttempts: Int
  }

  /// An endpoint was found.
  ///
  /// - Returns: what to send; nil if the call has ended meanwhile.
  mutating func begin(on member: MemberID) -> Beginning? {
    switch self.phase {
    case .queued:
      let beginning = Beginning(
        first: self.replay.first, rest: self.replay.rest, previousAttempts: self.retry.attempts)
      self.phase = .attempting(Attempt(member: member, isCommitted: self.replay.isOverfull))
      if self.replay.isOverfull { self.replay.removeAll() }
      return beginning
    case .ended:
      return nil
    case .backingOff, .attempting:
      preconditionFailure("an attempt began on a call that wasn't queued")
    }
  }

  /// A further message of the request.
  mutating func send(_ message: ByteBuffer) {
    switch self.phase {
    case .queued, .backingOff:
      self.replay.append(message)
    case .attempting(let attempt):
      guard !attempt.isCommitted else { return }
      self.replay.append(message)
      if self.replay.isOverfull { self.commit() }
    case .ended:
      break
    }
  }

  // MARK: Response

  /// What to do with a part of a response.
  enum ReplyAction: Equatable {
    /// Nothing: it's kept until the end.
    case hold
    case pass
    /// First pass on what was held.
    case passAfter(HeldReply)
  }

  mutating func receiveHead(_ head: HeaderBlock) -> ReplyAction {
    guard case .attempting(var attempt) = self.phase else { return .hold }
    guard self.holdsReply, !attempt.isCommitted else {
      self.commit()
      return .pass
    }
    attempt.held = .head(head)
    self.phase = .attempting(attempt)
    return .hold
  }

  mutating func receiveMessage(_ message: ByteBuffer) -> ReplyAction {
    guard case .attempting(var attempt) = self.phase else { return .hold }
    switch attempt.held {
    case .nothing:
      return .pass
    case .head(let head):
      attempt.held = .message(head, message)
      self.phase = .attempting(attempt)
      return .hold
    case .message:
      // More than one: the owner has to judge that.
      let held = attempt.held
      attempt.held = .nothing
      self.phase = .attempting(attempt)
      self.commit()
      return .passAfter(held)
    }
  }

  // MARK: End

  /// The attempt ended well; so does the call.
  ///
  /// - Returns: what to pass on before the end.
  mutating func succeeded() -> HeldReply {
    self.end()
  }

  enum FailureAction: Equatable {
    /// The call ends with the failure, after what was held.
    case end(HeldReply)
    /// The call needs an endpoint again, after this time.
    case again(after: TimeAmount)
  }

  /// The attempt failed.
  ///
  /// - Parameters:
  ///   - isTimeout: whether it was cancelled at the policy's limit for one attempt.
  ///   - timeLeft: until the call's deadline; nil: it has none.
  ///   - hasOther: whether there's another endpoint than those in `tried` and this one.
  mutating func failed(
    _ status: GRPCStatus, isTimeout: Bool, timeLeft: TimeAmount?, policy: Configuration.Retry?,
    throttle: inout RetryThrottle?, using generator: inout some RandomNumberGenerator,
    hasOther: ([MemberID]) -> Bool
  ) -> FailureAction {
    guard case .attempting(let attempt) = self.phase, !attempt.isCommitted else {
      return .end(self.end())
    }
    self.tried.append(attempt.member)
    let decision = self.retry.failed(
      status, isTimeout: isTimeout, hasOther: hasOther(self.tried), policy: policy,
      throttle: &throttle, using: &generator)
    guard case .again(let time) = decision, timeLeft.map({ time < $0 }) ?? true else {
      return .end(self.end())
    }
    self.phase = time > .zero ? .backingOff : .queued
    return .again(after: time)
  }

  /// The wait before the next attempt is over.
  ///
  /// - Returns: whether the call needs an endpoint now.
  mutating func resume() -> Bool {
    guard case .backingOff = self.phase else { return false }
    self.phase = .queued
    return true
  }

  enum CancelAction: Equatable {
    case none
    /// It waits in the cluster's queue, or for its next attempt.
    case dequeue
    case cancelAttempt(on: MemberID)
  }

  /// The owner cancels the call.
  mutating func cancel() -> CancelAction {
    defer { _ = self.end() }
    switch self.phase {
    case .queued, .backingOff: return .dequeue
    case .attempting(let attempt): return .cancelAttempt(on: attempt.member)
    case .ended: return .none
    }
  }

  /// The call ends, whatever its state.
  ///
  /// - Returns: what was held.
  @discardableResult mutating func end() -> HeldReply {
    defer {
      self.phase = .ended
      self.replay.removeAll()
    }
    if case .attempting(let attempt) = self.phase { return attempt.held }
    return .nothing
  }

  /// From now on the call ends as its attempt does.
  private mutating func commit() {
    guard case .attempting(var attempt) = self.phase, !attempt.isCommitted else { return }
    attempt.isCommitted = true
    self.phase = .attempting(attempt)
    self.replay.removeAll()
  }
}
