/// The life of one client connection over HTTP/2: what it's waited for, and how it ends. Pure.
///
///     serving ─drain─▶ announcing ─notice over─▶ leaving ─last stream─▶ (closed)
///        └─idle───────────────────────────────────▶┘
///        └─session over─▶ lingering ─client's close─▶ (closed)
struct HTTP2ServerConnectionState {
  private enum State {
    case serving
    /// GOAWAY announces the end; streams that the client opens meanwhile are served.
    case announcing
    /// GOAWAY is sent.
    case leaving
    /// The session is over without our doing; the client is given the time to read why.
    case lingering
  }

  /// What the connection waits for, and so which deadline holds.
  enum Wait: Equatable {
    /// A call.
    case request
    /// Nothing: calls are under way.
    case nothing
    /// The client has to hear that the connection ends before it does.
    case notice
    /// Everything is said; the socket has to take it.
    case close
  }

  private var state = State.serving
  private var openStreams = 0
  /// Calls that have no answer yet.
  private var openCalls = 0

  /// What it waits for now.
  var wait: Wait {
    switch self.state {
    case .serving: self.openCalls == 0 ? .request : .nothing
    case .announcing: .notice
    case .leaving: self.openStreams == 0 ? .close : .nothing
    case .lingering: .close
    }
  }

  mutating func streamOpened() {
    self.openStreams += 1
  }

  mutating func streamClosed() {
    self.openStreams -= 1
  }

  mutating func callStarted() {
    self.openCalls += 1
  }

  mutating func callEnded() {
    self.openCalls -= 1
  }

  /// How a connection is ended.
  enum Action: Equatable {
    /// Say that there'll be no more streams soon (RFC 9113 §6.8: a GOAWAY with the highest stream).
    case announce
    /// Send GOAWAY, and close when the last stream has ended.
    case goAway
    /// Close our side, and read on for a while: a close with unread bytes would become a reset, and the
    /// client might lose our GOAWAY (RFC 9113 §5.4.1).
    case linger
    case close
    case none
  }

  /// The process is to end.
  mutating func drain() -> Action {
    switch self.state {
    case .serving where self.openStreams == 0:
      self.state = .leaving
      return .goAway
    case .serving:
      self.state = .announcing
      return .announce
    case .announcing, .leaving, .lingering:
      return .none
    }
  }

  /// The session takes nothing more, and what it had to say is written.
  mutating func sessionEnded() -> Action {
    switch self.state {
    case .serving, .announcing:
      self.state = .lingering
      return .linger
    case .leaving:
      return .close
    case .lingering:
      return .none
    }
  }

  /// The deadline of `wait` has passed.
  mutating func deadlinePassed() -> Action {
    switch self.state {
    case .serving where self.openCalls > 0:
      return .none
    case .serving where self.openStreams > 0:
      // All is answered, and the client has taken nothing of it for all that time.
      return .close
    case .serving, .announcing:
      self.state = .leaving
      return .goAway
    case .leaving:
      return self.openStreams == 0 ? .close : .none
    case .lingering:
      return .close
    }
  }
}
