internal import NIOCore
internal import Upstream

/// State machine of a gRPC call that is passed through, between the client's stream and the upstream
/// call.
///
/// Pure: takes events of both sides, returns what to do. A call starts after the read that contained its
/// head is processed, so that a request that arrived at once is sent at once, and can be retried if the
/// endpoint refuses its stream.
///
///     opening ─start─▶ calling ─end of the call─▶ responded ─end of the stream─▶ closed
struct PassThroughState {
  private enum State {
    case opening
    case calling
    /// The end of the response is queued.
    case responded
    case closed
  }

  private var state = State.opening
  /// Part of the request that arrived while `opening`.
  private var body: ByteBuffer?
  /// Whether the client has ended its side.
  private var isRequestComplete = false
  /// Bytes passed to the call and not yet returned to the client's window.
  private var owedBytes = 0
  /// Whether the endpoint takes less than the client sends.
  private var isRequestHeld = false
  private var hasHead = false
  /// Whether the client takes less than the endpoint sends.
  private(set) var isReplyPaused = false
  private var isReset = false

  /// Bytes of a response waiting for the client beyond which the endpoint is paused. 256 KiB: as much as
  /// one write of a connection takes.
  static let replyMark = 256 << 10
  /// The same while more than `crowdedByteCount` bytes of the connection's responses wait in total.
  static let crowdedReplyMark = 16 << 10
  /// 4 MiB: sixteen responses at `replyMark`.
  static let crowdedByteCount = 4 << 20

  // MARK: The request

  enum DataAction: Equatable {
    /// Kept until the call starts.
    case none
    case send
    /// The response is already complete: the bytes aren't needed.
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

  /// The start of an upstream call.
  struct Start: Equatable {
    var body: ByteBuffer?
    var isComplete: Bool
  }

  /// The read that contained the head is processed.
  ///
  /// - Returns: how to start the call; nil if it was refused or closed meanwhile.
  mutating func start() -> Start? {
    guard case .opening = self.state else { return nil }
    self.state = .calling
    let start = Start(body: self.body, isComplete: self.isRequestComplete)
    self.body = nil
    return start
  }

  /// Bytes of the request were passed to the call.
  ///
  /// - Parameter unsent: bytes that the call hasn't sent yet.
  /// - Returns: bytes to return to the client's window now.
  mutating func given(byteCount: Int, unsent: Int) -> Int {
    self.owedBytes += byteCount
    self.isRequestHeld = unsent > WriteBufferWaterMark.high
    return self.isRequestHeld ? 0 : self.settle()
  }

  /// The endpoint has taken most of the queued request bytes.
  ///
  /// - Returns: bytes to return to the client's window.
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

  /// The response head arrived.
  ///
  /// - Returns: whether to send it.
  mutating func headReceived() -> Bool {
    guard case .calling = self.state, !self.hasHead else { return false }
    self.hasHead = true
    return true
  }

  /// A part of the response was queued for the client.
  ///
  /// - Parameters:
  ///   - unsent: bytes of the response that wait for the client.
  ///   - mark: how many may wait.
  /// - Returns: whether to pause the call.
  mutating func replyQueued(unsent: Int, mark: Int = Self.replyMark) -> Bool {
    guard unsent > mark, !self.isReplyPaused else { return false }
    self.isReplyPaused = true
    return true
  }

  /// Some of the queued bytes were sent.
  ///
  /// - Returns: whether to resume the call.
  mutating func replySent(unsent: Int, mark: Int = Self.replyMark) -> Bool {
    guard unsent <= mark / 2, self.isReplyPaused else { return false }
    self.isReplyPaused = false
    return true
  }

  enum EndAction: Equatable {
    /// Head and trailers in one block: no head was sent before.
    case trailersOnly
    case trailers
    case ignore
  }

  /// The call has ended, or the bridge responds on its own.
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

  /// Whether all of the response is queued and the client still sends.
  var awaitsEnd: Bool {
    if case .responded = self.state { !self.isRequestComplete && !self.isReset } else { false }
  }

  /// All of the response was sent.
  ///
  /// - Returns: whether to abort the rest of the request: RST_STREAM with NO_ERROR (RFC 9113 §8.1).
  mutating func responseSent() -> Bool {
    guard self.awaitsEnd else { return false }
    self.isReset = true
    return true
  }

  // MARK: The stream

  enum CloseAction: Equatable {
    /// The client cancelled or disconnected before the response was complete.
    case cancel
    case none
  }

  /// The client's stream is closed.
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
