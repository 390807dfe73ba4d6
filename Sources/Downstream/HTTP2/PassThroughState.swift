internal import NIOCore
internal import Upstream

/// Where one gRPC call that is passed through stands, between its client's stream and its own.
///
/// Pure: events of both sides go in, what to do comes out. A call begins when the read that brought
/// its head has been looked at to its end, so that a request that came at once leaves at once, and can
/// be sent again should the endpoint refuse its stream.
///
///     opening ─start─▶ calling ─end of the call─▶ answered ─end of the stream─▶ closed
struct PassThroughState {
  private enum State {
    case opening
    case calling
    /// The end of the answer is queued.
    case responded
    case closed
  }

  private var state = State.opening
  /// What of the request came while `opening`.
  private var body: ByteBuffer?
  /// Whether the client has ended its side.
  private var isRequestComplete = false
  /// Bytes given to the call that the client's window hasn't got back.
  private var owedBytes = 0
  /// Whether the endpoint takes less than the client sends.
  private var isRequestHeld = false
  private var hasHead = false
  /// Whether the client takes less than the endpoint sends.
  private(set) var isReplyPaused = false
  private var isReset = false

  /// Bytes of a reply that wait for the client from which on the endpoint is held back. 256 KiB: what
  /// one write of a connection takes.
  static let replyMark = 256 << 10
  /// The same while more than `crowdedByteCount` of all replies of its connection wait.
  static let crowdedReplyMark = 16 << 10
  /// 4 MiB: sixteen replies at their mark.
  static let crowdedByteCount = 4 << 20

  // MARK: The request

  enum DataAction: Equatable {
    /// It's kept until the call starts.
    case none
    case send
    /// The answer is known already: nobody wants it.
    case drop
  }

  /// The client sent a part of the request.
  mutating func dataReceived(_ bytes: ByteBuffer) -> DataAction {
    switch self.state {
    case .opening:
      if self.body == nil {
        self.body = bytes
      } else {
        self.body?.writeImmutableBuffer(bytes)
      }
      return .none
    case .calling:
      return .send
    case .responded, .closed:
      return .drop
    }
  }

  /// The client ended its side.
  ///
  /// - Returns: whether the call must be notified.
  mutating func endReceived() -> Bool {
    self.isRequestComplete = true
    if case .calling = self.state { return true }
    return false
  }

  /// What a call begins with.
  struct Start: Equatable {
    var body: ByteBuffer?
    var isComplete: Bool
  }

  /// The read that brought the head is over.
  ///
  /// - Returns: how to start the call; nil when there's nothing to start any more.
  mutating func start() -> Start? {
    guard case .opening = self.state else { return nil }
    self.state = .calling
    let start = Start(body: self.body, isComplete: self.isRequestComplete)
    self.body = nil
    return start
  }

  /// Bytes of the request were given to the call.
  ///
  /// - Parameter unsent: what the call hasn't sent yet.
  /// - Returns: how many the client's window gets back now.
  mutating func given(byteCount: Int, unsent: Int) -> Int {
    self.owedBytes += byteCount
    self.isRequestHeld = unsent > WriteBufferWaterMark.high
    return self.isRequestHeld ? 0 : self.settle()
  }

  /// The endpoint has taken most of what it was given.
  ///
  /// - Returns: how many bytes the client's window gets back.
  mutating func roomMade() -> Int {
    self.isRequestHeld = false
    return self.settle()
  }

  private mutating func settle() -> Int {
    let count = self.owedBytes
    self.owedBytes = 0
    return count
  }

  // MARK: The reply

  /// The head of the reply came.
  ///
  /// - Returns: whether it's to be sent.
  mutating func headReceived() -> Bool {
    guard case .calling = self.state, !self.hasHead else { return false }
    self.hasHead = true
    return true
  }

  /// A part of the reply was queued for the client.
  ///
  /// - Parameters:
  ///   - unsent: what waits for the client in all.
  ///   - mark: how much may.
  /// - Returns: whether the call has to pause.
  mutating func replyQueued(unsent: Int, mark: Int = Self.replyMark) -> Bool {
    guard unsent > mark, !self.isReplyPaused else { return false }
    self.isReplyPaused = true
    return true
  }

  /// Some of what was queued has been sent.
  ///
  /// - Returns: whether the call has to go on.
  mutating func replySent(unsent: Int, mark: Int = Self.replyMark) -> Bool {
    guard unsent <= mark / 2, self.isReplyPaused else { return false }
    self.isReplyPaused = false
    return true
  }

  enum EndAction: Equatable {
    /// Head and trailers in one block: there was no head before.
    case trailersOnly
    case trailers
    case ignore
  }

  /// The call has ended, or the bridge has an answer of its own.
  mutating func callEnded() -> EndAction {
    switch self.state {
    case .opening, .calling:
      self.state = .responded
      self.body = nil
      self.isReplyPaused = false
      return self.hasHead ? .trailers : .trailersOnly
    case .responded, .closed:
      return .ignore
    }
  }

  /// Whether the answer is queued to its end, and the client still sends.
  var awaitsEnd: Bool {
    if case .responded = self.state { !self.isRequestComplete && !self.isReset } else { false }
  }

  /// The answer was sent to its end.
  ///
  /// - Returns: whether to tell the client that the rest of its request isn't wanted: RST_STREAM with
  ///   NO_ERROR (RFC 9113 §8.1).
  mutating func responseSent() -> Bool {
    guard self.awaitsEnd else { return false }
    self.isReset = true
    return true
  }

  // MARK: The stream

  enum CloseAction: Equatable {
    /// The client gave up, or its connection is gone, before the answer.
    case cancel
    case none
  }

  /// The client's stream is gone.
  mutating func closed() -> CloseAction {
    defer {
      self.state = .closed
      self.body = nil
    }
    switch self.state {
    case .opening, .calling: return .cancel
    case .responded, .closed: return .none
    }
  }
}
