/// State machine of a client connection over HTTP/2: what it waits for and how it ends. Pure.
///
///     serving ─drain─▶ announcing ─notice over─▶ leaving ─last stream─▶ (closed)
///        └─idle───────────────────────────────────▶┘
///        └─session over─▶ lingering ─client's close─▶ (closed)
struct HTTP2ServerConnectionState {
  private enum State {
    case serving
    /// GOAWAY announces the end; streams that the client opens meanwhile are served.
    case announcing
    /// The final GOAWAY is sent.
    case leaving
    /// The session ended on an error or the client's GOAWAY; the client is given time to read the
    /// reason.
    case lingering
  }

  /// What the connection waits for, which determines its deadline.
  enum Wait: Equatable {
    /// A call.
    case request
    /// Nothing: calls are under way.
    case nothing
    /// The client receives the announcing GOAWAY before the connection ends.
    case notice
    /// Everything is queued; it must be written, and the client must close.
    case close
  }

  private var state = State.serving
  private var openStreams = 0
  /// Calls without a complete response.
  private var openCalls = 0

  /// The current wait.
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
    /// Announce the end (RFC 9113 §6.8: a GOAWAY with the highest stream identifier).
    case announce
    /// Send GOAWAY, and close when the last stream has ended.
    case goAway
    /// Close the output side and keep reading for a while: closing with unread bytes would send a TCP
    /// reset, and the client might lose the GOAWAY (RFC 9113 §5.4.1).
    case linger
    case close
    case none
  }

  /// The process is shutting down.
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

  /// The session has ended, and its last frames are written.
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
      // All responses are queued, and the client has read nothing in all that time.
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
