internal import GRPCWire

/// Where a WebSocket (RFC 6455) and its call stand.
///
/// Pure: events go in, what to do comes out. One call for each connection; both end together. After
/// our Close frame the client's is awaited, and what comes in front of it is passed over.
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
    /// Whether the method still takes a message.
    var takesMessages: Bool
    var replyCount = 0
    /// Whether a ping was sent and nothing came since.
    var awaitsPong = false
  }

  private var state: State

  /// - Parameters:
  ///   - takesMessages: whether the client sends the request; otherwise path and query are all of it.
  init(isClientStreaming: Bool, isServerStreaming: Bool, takesMessages: Bool) {
    self.state = .open(
      Open(
        isClientStreaming: isClientStreaming, isServerStreaming: isServerStreaming,
        takesMessages: takesMessages))
  }

  var isOpen: Bool {
    if case .open = self.state { true } else { false }
  }

  /// Whether our Close frame was sent and the client's is awaited.
  var isClosing: Bool {
    if case .closing = self.state { true } else { false }
  }

  // MARK: The client

  enum MessageAction: Equatable {
    /// Send it on.
    case send
    /// Send it on: it's the only one that the method takes.
    case sendOnly
    /// It was empty: the requests are complete.
    case end
    /// Nothing is taken any more.
    case refuse
    case ignore
  }

  /// A data frame came, or all parts of one.
  mutating func messageReceived(isEmpty: Bool) -> MessageAction {
    guard case .open(var open) = self.state else { return .ignore }
    open.awaitsPong = false
    defer { self.state = .open(open) }
    guard open.takesMessages else { return .refuse }
    if open.isClientStreaming, !isEmpty { return .send }
    open.takesMessages = false
    return open.isClientStreaming ? .end : .sendOnly
  }

  /// A ping or pong came.
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

  /// A Close frame came.
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
    /// Keep it: whether it counts is known when the call has ended.
    case hold
    /// A second reply to a unary call.
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
    /// Write the reply that was held, then close.
    case writeReply
    /// A call that ended well without the one reply it should have.
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

  /// Our Close frame is to be sent.
  ///
  /// - Returns: false where it was sent before, or the connection is gone.
  mutating func closing() -> Bool {
    guard self.isOpen else { return false }
    self.state = .closing
    return true
  }

  enum PingAction: Equatable {
    case ping
    /// Nothing came since the last one: the client is gone.
    case giveUp
    case ignore
  }

  /// Nothing was written for a while.
  mutating func pingDue() -> PingAction {
    guard case .open(var open) = self.state else { return .ignore }
    if open.awaitsPong { return .giveUp }
    open.awaitsPong = true
    self.state = .open(open)
    return .ping
  }

  /// The connection is gone.
  mutating func closed() {
    self.state = .closed
  }
}

/// Why a WebSocket is closed: the code of its Close frame and the text behind it.
struct WebSocketClose: Equatable {
  var code: UInt16
  var reason: String

  /// The most bytes of the text (RFC 6455 §5.5: a control frame holds 125).
  private static let reasonByteLimit = 123

  /// - Parameter reason: cut where it's too long.
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

  /// The end of a call. RFC 6455 §7.4.2 leaves 4000 to 4999 to those who agree on them: 4000 and the
  /// gRPC code. A good end is 1000.
  init(_ code: GRPCStatus.Code, _ message: String) {
    self.init(code == .ok ? 1000 : 4000 + UInt16(code.rawValue), code == .ok ? "" : message)
  }
}
