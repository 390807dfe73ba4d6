internal import GRPCWire

/// State machine of a WebSocket (RFC 6455) and its call.
///
/// Pure: takes events, returns what to do. One call per connection; both end together. After the
/// bridge's Close frame, the client's is awaited and what arrives before it is ignored.
///
///     open ─our Close─▶ closing ─its Close, or time─▶ closed
///       └─its Close: answered─▶ closed
struct WebSocketState {
  private enum State {
    case open(Open)
    case closing
    case closed
  }

  private struct Open {
    let isClientStreaming: Bool
    let isServerStreaming: Bool
    /// Whether the method takes another message.
    var takesMessages: Bool
    var replyCount = 0
    /// Whether a ping was sent and nothing has arrived since.
    var awaitsPong = false
  }

  private var state: State

  /// - Parameters:
  ///   - takesMessages: whether the client's messages form the request; otherwise path and query do.
  init(isClientStreaming: Bool, isServerStreaming: Bool, takesMessages: Bool) {
    self.state = .open(
      Open(
        isClientStreaming: isClientStreaming, isServerStreaming: isServerStreaming,
        takesMessages: takesMessages))
  }

  var isOpen: Bool {
    if case .open = self.state { true } else { false }
  }

  /// Whether the bridge's Close frame was sent and the client's is awaited.
  var isClosing: Bool {
    if case .closing = self.state { true } else { false }
  }

  // MARK: The client

  enum MessageAction: Equatable {
    /// Send it to the call.
    case send
    /// Send it to the call as the only message that the method takes.
    case sendOnly
    /// An empty message: the requests are complete.
    case end
    /// No more messages are accepted.
    case refuse
    case ignore
  }

  /// A data message arrived, all fragments of it.
  mutating func messageReceived(isEmpty: Bool) -> MessageAction {
    guard case .open(var open) = self.state else { return .ignore }
    open.awaitsPong = false
    defer { self.state = .open(open) }
    guard open.takesMessages else { return .refuse }
    if open.isClientStreaming, !isEmpty { return .send }
    open.takesMessages = false
    return open.isClientStreaming ? .end : .sendOnly
  }

  /// A ping or pong arrived.
  mutating func lifeSignReceived() {
    guard case .open(var open) = self.state else { return }
    open.awaitsPong = false
    self.state = .open(open)
  }

  enum CloseAction: Equatable {
    /// Cancel the call, send the same Close frame, then close the connection.
    case respond
    case close
    case ignore
  }

  /// A Close frame arrived.
  mutating func closeReceived() -> CloseAction {
    defer { self.state = .closed }
    return switch self.state {
    case .open: .respond
    case .closing: .close
    case .closed: .ignore
    }
  }

  // MARK: The call

  enum ReplyAction: Equatable {
    case write
    /// Keep it until the call has ended, whose status decides whether it's written.
    case hold
    /// A second response message of a unary call.
    case refuse
    case ignore
  }

  mutating func replyReceived() -> ReplyAction {
    guard case .open(var open) = self.state else { return .ignore }
    if open.isServerStreaming { return .write }
    open.replyCount += 1
    self.state = .open(open)
    return open.replyCount == 1 ? .hold : .refuse
  }

  enum CallEndAction: Equatable {
    /// Write the held response message, then close.
    case writeReply
    /// The call ended with OK and without its one response message.
    case closeMissing
    case close
    case closeWithStatus
    case ignore
  }

  /// The call has ended; `closing` follows.
  mutating func callEnded(isOK: Bool) -> CallEndAction {
    guard case .open(let open) = self.state else { return .ignore }
    if !isOK { return .closeWithStatus }
    if open.isServerStreaming { return .close }
    return open.replyCount == 0 ? .closeMissing : .writeReply
  }

  // MARK: The end

  /// The bridge's Close frame is about to be sent.
  ///
  /// - Returns: false if it was sent before or the connection is closed.
  mutating func closing() -> Bool {
    guard self.isOpen else { return false }
    self.state = .closing
    return true
  }

  enum PingAction: Equatable {
    case ping
    /// Nothing has arrived since the last ping: the client is unreachable.
    case giveUp
    case ignore
  }

  /// The keepalive interval has passed without a write.
  mutating func pingDue() -> PingAction {
    guard case .open(var open) = self.state else { return .ignore }
    if open.awaitsPong { return .giveUp }
    open.awaitsPong = true
    self.state = .open(open)
    return .ping
  }

  /// The connection is closed.
  mutating func closed() {
    self.state = .closed
  }
}

/// The reason a WebSocket is closed: its Close frame's code and text.
struct WebSocketClose: Equatable {
  var code: UInt16
  var reason: String

  /// The most bytes of the text (RFC 6455 §5.5: a control frame's payload has at most 125).
  private static let reasonByteLimit = 123

  /// - Parameter reason: truncated if it's too long.
  init(_ code: UInt16, _ reason: String) {
    self.code = code
    guard reason.utf8.count > Self.reasonByteLimit else {
      self.reason = reason
      return
    }
    var cut = ""
    for scalar in reason.unicodeScalars {
      // Room for the ellipsis.
      guard cut.utf8.count + scalar.utf8.count <= Self.reasonByteLimit - 3 else { break }
      cut.unicodeScalars.append(scalar)
    }
    self.reason = cut + "…"
  }

  /// Closes with a call's status: 1000 for OK, otherwise 4000 plus the gRPC code. RFC 6455 §7.4.2
  /// reserves 4000 to 4999 for private use.
  init(_ code: GRPCStatus.Code, _ message: String) {
    self.init(code == .ok ? 1000 : 4000 + UInt16(code.rawValue), code == .ok ? "" : message)
  }
}
