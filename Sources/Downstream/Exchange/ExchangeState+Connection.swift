/// The connection that carries the exchanges: its close, by either side, and its deadlines.
extension ExchangeState {
  /// Whether the connection must be closed now.
  enum CloseAction: Equatable {
    case close
    case none
  }

  /// The client will send nothing more. Requests that it sent completely are still answered.
  mutating func inputClosed() -> CloseAction {
    self.isInputClosed = true
    switch self.state {
    case .calling, .switching, .streaming:
      return .none
    case .idle, .receiving, .relaying, .upgrading, .upgraded, .discarding, .lingering, .closed:
      self.state = .closed
      return .close
    }
  }

  /// The client will send nothing more, but pipelined requests are still waiting. They are answered;
  /// `inputClosed` follows with the last one.
  mutating func inputClosedAhead() {
    self.isInputClosedAhead = true
  }

  /// The process is shutting down: an idle connection closes now, a busy one after its response.
  mutating func drain() -> CloseAction {
    self.isDraining = true
    guard case .idle = self.state, !self.hasPartialHead else { return .none }
    self.state = .closed
    return .close
  }

  enum DeadlineAction: Equatable {
    /// Respond with 408.
    case refuse
    case close
    case none
  }

  /// The deadline of `wait` has passed.
  mutating func deadlinePassed() -> DeadlineAction {
    switch self.state {
    case .idle where self.hasPartialHead, .receiving, .upgrading:
      return .refuse
    case .calling where self.mayBeGone, .switching where self.mayBeGone,
      .streaming where self.mayBeGone,
      .relaying where self.isInputClosedAhead:
      self.state = .closed
      return .close
    case .idle, .discarding, .lingering:
      self.state = .closed
      return .close
    case .relaying, .switching, .upgraded, .calling, .streaming, .closed:
      return .none
    }
  }

  /// The connection is closed, or lost to the protocol that has taken it over.
  mutating func closed() {
    if case .upgraded = self.state { return }
    self.state = .closed
  }
}
