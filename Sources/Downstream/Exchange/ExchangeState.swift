/// The state of one client connection with respect to its requests and their responses.
///
/// Pure: events go in, actions come out. One exchange is in progress at a time; parts of pipelined
/// requests wait in the handler while `acceptsParts` is false.
///
///     idle ─head─▶ receiving ─end─▶ calling ─first message─▶ streaming ─end─▶ idle
///                      └─response─▶ discarding ─end─▶ idle          └─close─▶ closed
///                      └─response, closing─▶ lingering ─▶ closed
///
/// A request that is a stream of messages takes another path: it is `relaying` from its head on, while
/// its call and possibly its response are in progress, and becomes `calling` or `streaming` at its end.
///
/// A request for another protocol (a WebSocket, or the tunnel of a CONNECT) is `upgrading` from its head on,
/// `switching` at its end, and `upgraded` once the protocol has the connection; a refused one gets an ordinary
/// response.
struct ExchangeState {
  /// The properties of a request that are known once its head has been read.
  struct Request: Equatable {
    var framing: RequestHeaders.Framing
    /// Whether the connection may serve another request afterwards.
    var keepsAlive: Bool
    /// Whether the client waits for `100 Continue` before it sends the body.
    var expectsContinue: Bool
  }

  /// What the connection waits for, which determines the deadline in effect.
  enum Wait: Equatable {
    /// Another request.
    case request
    /// The rest of a request that has begun.
    case rest
    /// Nothing: it's the endpoint's turn.
    case nothing
    /// The response is pending, but the client has closed its side and may have disconnected.
    case halfClosed
    /// The client's close, after ours.
    case close
  }

  enum State {
    case idle
    case receiving(Receiving)
    case relaying(Relaying)
    /// The request for another protocol is being received. Valid transitions: switching, or those of
    /// `receiving` by a response.
    case upgrading(Receiving)
    /// It's complete, and the response that switches the protocol is due. Valid transitions: upgraded, or
    /// those of `calling` by another response.
    case switching(Calling)
    /// Another protocol has the connection: nothing follows.
    case upgraded
    case calling(Calling)
    case streaming(Calling)
    case discarding(left: Int)
    case lingering(left: Int)
    case closed
  }

  /// The body is being received.
  struct Receiving {
    var request: Request
    var received = 0
    /// Known once the request has been accepted.
    var limit = Int.max
    var isServerStreaming = false
    /// Whether `100 Continue` has been sent or isn't needed.
    var isContinued = true
  }

  /// The request is complete and the endpoint has it.
  struct Calling {
    var keepsAlive: Bool
    var isServerStreaming: Bool
    var messageCount = 0

    init(_ receiving: Receiving) {
      self.keepsAlive = receiving.request.keepsAlive
      self.isServerStreaming = receiving.isServerStreaming
    }
  }

  /// The messages of the request are forwarded to the endpoint as they arrive.
  struct Relaying {
    var receiving: Receiving
    var calling: Calling
    /// Whether the head of a streamed response has been sent.
    var isStreaming = false
  }

  /// The most bytes of a body that are read and discarded to keep a connection alive.
  static let discardLimit = 256 << 10

  var state = State.idle
  /// Whether bytes of the next head have arrived.
  var hasPartialHead = false
  var isInputClosed = false
  /// Whether the client has closed its side after pipelined requests.
  var isInputClosedAhead = false
  var isDraining = false

  /// Whether the next part of a request can be taken; otherwise it must wait.
  var acceptsParts: Bool {
    switch self.state {
    case .idle, .receiving, .relaying, .upgrading, .upgraded, .discarding, .lingering, .closed: true
    case .calling, .switching, .streaming: false
    }
  }

  /// Whether the request in progress is for another protocol, or has switched to it.
  var isUpgrade: Bool {
    switch self.state {
    case .upgrading, .switching, .upgraded: true
    case .idle, .receiving, .relaying, .calling, .streaming, .discarding, .lingering, .closed: false
    }
  }

  /// Whether a request or its response is in progress.
  var isBusy: Bool {
    switch self.state {
    case .idle, .upgraded, .closed: false
    case .receiving, .relaying, .upgrading, .switching, .calling, .streaming, .discarding,
      .lingering:
      true
    }
  }

  /// Whether the head of a streamed response has been sent.
  var isStreaming: Bool {
    switch self.state {
    case .streaming: true
    case .relaying(let relaying): relaying.isStreaming
    case .idle, .receiving, .upgrading, .switching, .upgraded, .calling, .discarding, .lingering,
      .closed:
      false
    }
  }

  var wait: Wait {
    switch self.state {
    case .idle: self.hasPartialHead ? .rest : .request
    case .receiving, .upgrading, .discarding: .rest
    // Messages may arrive at any time; the call's deadline bounds them all.
    case .relaying: self.isInputClosedAhead ? .halfClosed : .nothing
    case .calling, .switching, .streaming: self.mayBeGone ? .halfClosed : .nothing
    case .lingering: .close
    case .upgraded, .closed: .nothing
    }
  }

  /// Whether the client will send nothing more and may have disconnected.
  var mayBeGone: Bool { self.isInputClosed || self.isInputClosedAhead }

  // MARK: The request

  /// Bytes have arrived that don't complete a head yet.
  mutating func partialHeadReceived() {
    if case .idle = self.state { self.hasPartialHead = true }
  }

  /// A head has arrived.
  ///
  /// - Returns: false if the connection takes no more requests: the head is ignored.
  mutating func headReceived(_ request: Request) -> Bool {
    guard case .idle = self.state else { return false }
    self.hasPartialHead = false
    var receiving = Receiving(request: request)
    receiving.isContinued = !request.expectsContinue || request.framing == .none
    self.state = .receiving(receiving)
    return true
  }

  /// The request has a route and its body may arrive.
  ///
  /// - Parameters:
  ///   - isClientStreaming: whether its call begins now and takes messages as they arrive.
  ///   - limit: the most bytes that a collected body may have.
  /// - Returns: whether `100 Continue` must be sent now.
  mutating func accepted(
    isServerStreaming: Bool, isClientStreaming: Bool = false, limit: Int
  ) -> Bool {
    guard case .receiving(var receiving) = self.state else { return false }
    let sendsContinue = !receiving.isContinued
    receiving.isContinued = true
    receiving.isServerStreaming = isServerStreaming
    receiving.limit = limit
    self.state =
      isClientStreaming
      ? .relaying(Relaying(receiving: receiving, calling: Calling(receiving)))
      : .receiving(receiving)
    return sendsContinue
  }

  /// The request is for another protocol, which the connection switches to at its end. It has no body.
  mutating func acceptedUpgrade() {
    guard case .receiving(let receiving) = self.state else { return }
    self.state = .upgrading(receiving)
  }

  /// Another protocol has taken over the connection.
  mutating func upgraded() {
    self.state = .upgraded
  }

  enum BodyAction: Equatable {
    case collect
    /// Forward the messages in it.
    case relay
    /// Over the limit: respond with 413.
    case refuse
    case discard
    /// Too much to be worth discarding.
    case close
  }

  mutating func bodyReceived(byteCount: Int) -> BodyAction {
    switch self.state {
    case .receiving(var receiving):
      receiving.received += byteCount
      self.state = .receiving(receiving)
      return receiving.received > receiving.limit ? .refuse : .collect
    case .relaying(var relaying):
      relaying.receiving.received += byteCount
      self.state = .relaying(relaying)
      return .relay
    case .discarding(let left):
      guard left >= byteCount else {
        self.state = .closed
        return .close
      }
      self.state = .discarding(left: left - byteCount)
      return .discard
    case .lingering(let left):
      guard left >= byteCount else {
        self.state = .closed
        return .close
      }
      self.state = .lingering(left: left - byteCount)
      return .discard
    case .idle, .upgrading, .switching, .upgraded, .calling, .streaming, .closed:
      return .discard
    }
  }

  enum EndAction: Equatable {
    case startCall
    case switchProtocol
    /// Forward the last message and mark it as such.
    case endMessages
    /// The response was sent before; the connection is free.
    case next
    case none
  }

  /// The request is complete.
  mutating func endReceived() -> EndAction {
    switch self.state {
    case .receiving(let receiving):
      self.state = .calling(Calling(receiving))
      return .startCall
    case .relaying(let relaying):
      self.state = relaying.isStreaming ? .streaming(relaying.calling) : .calling(relaying.calling)
      return .endMessages
    case .upgrading(let receiving):
      self.state = .switching(Calling(receiving))
      return .switchProtocol
    case .discarding:
      self.state = .idle
      return .next
    case .idle, .switching, .upgraded, .calling, .streaming, .lingering, .closed:
      return .none
    }
  }

  // MARK: The call

  enum MessageAction: Equatable {
    /// The reply of a unary call; the response is sent when the call ends.
    case hold
    /// Send the head of the stream, then the message.
    case begin
    case write
    /// A second reply to a unary call.
    case refuse
    case ignore
  }

  mutating func messageReceived() -> MessageAction {
    switch self.state {
    case .calling(var calling):
      calling.messageCount += 1
      guard calling.isServerStreaming else {
        self.state = .calling(calling)
        return calling.messageCount == 1 ? .hold : .refuse
      }
      self.state = .streaming(calling)
      return .begin
    case .relaying(var relaying):
      guard relaying.calling.isServerStreaming else {
        relaying.calling.messageCount += 1
        self.state = .relaying(relaying)
        return relaying.calling.messageCount == 1 ? .hold : .refuse
      }
      if relaying.isStreaming { return .write }
      relaying.isStreaming = true
      self.state = .relaying(relaying)
      return .begin
    case .streaming:
      return .write
    case .idle, .receiving, .upgrading, .switching, .upgraded, .discarding, .lingering, .closed:
      return .ignore
    }
  }

  enum CallEndAction: Equatable {
    /// Respond with the held message.
    case respondMessage
    /// A unary call that succeeded without a message.
    case respondMissing
    /// Nothing has been sent yet: respond with the status.
    case respondStatus
    /// A stream without a message.
    case respondEmptyStream
    case endStream
    /// Write the status as the last line, then end.
    case endStreamWithStatus
    case ignore
  }

  mutating func callEnded(isOK: Bool) -> CallEndAction {
    let calling: Calling
    switch self.state {
    case .relaying(let relaying) where !relaying.isStreaming:
      // An endpoint may respond before it has received the whole request.
      calling = relaying.calling
    case .calling(let waiting):
      calling = waiting
    case .streaming, .relaying:
      return isOK ? .endStream : .endStreamWithStatus
    case .idle, .receiving, .upgrading, .switching, .upgraded, .discarding, .lingering, .closed:
      return .ignore
    }
    if !isOK { return .respondStatus }
    if calling.isServerStreaming { return .respondEmptyStream }
    return calling.messageCount == 0 ? .respondMissing : .respondMessage
  }

  enum HeartbeatAction: Equatable {
    /// Send the head of the stream, then the keepalive.
    case begin
    case write
    case ignore
  }

  /// A stream has been silent for so long that a keepalive is due.
  mutating func heartbeatDue() -> HeartbeatAction {
    switch self.state {
    case .calling(let calling) where calling.isServerStreaming:
      self.state = .streaming(calling)
      return .begin
    case .relaying(var relaying) where relaying.calling.isServerStreaming:
      if relaying.isStreaming { return .write }
      relaying.isStreaming = true
      self.state = .relaying(relaying)
      return .begin
    case .streaming:
      return .write
    case .idle, .receiving, .relaying, .upgrading, .switching, .upgraded, .calling, .discarding,
      .lingering, .closed:
      return .ignore
    }
  }
}
