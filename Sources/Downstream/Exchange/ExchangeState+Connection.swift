/// The connection around the exchanges: its end, from either side, and its deadlines.
extension ExchangeState {
  /// Whether the connection has to be closed now.
  enum CloseAction: Equatable {
    case close
    case none
  }

  /// The client will send nothing more. What it sent completely is still answered.
  mutating func inputClosed() -> CloseAction {
    self.isInputClosed = true
    switch self.state {
    case .calling, .streaming:
      return .none
    case .idle, .receiving, .relaying, .discarding, .lingering, .closed:
      self.state = .closed
      return .close
    }
  }

  /// The client will send nothing more, but requests that it sent ahead wait for their turn. They are
  /// answered; `inputClosed` follows with the last one.
  mutating func inputClosedAhead() {
    self.isInputClosedAhead = true
  }

  /// The process is to end: an idle connection closes now, a busy one after its answer.
  mutating func drain() -> CloseAction {
    self.isDraining = true
    guard case .idle = self.state, !self.hasPartialHead else { return .none }
    self.state = .closed
    return .close
  }

  enum DeadlineAction: Equatable {
    /// Answer with 408.
    case refuse
    case close
    case none
  }

  /// The deadline of `wait` has passed.
  mutating func deadlinePassed() -> DeadlineAction {
    switch self.state {
    case .idle where self.hasPartialHead, .receiving:
      return .refuse
    case .calling where self.mayBeGone, .streaming where self.mayBeGone,
      .relaying where self.isInputClosedAhead:
      self.state = .closed
      return .close
    case .idle, .discarding, .lingering:
      self.state = .closed
      return .close
    case .relaying, .calling, .streaming, .closed:
      return .none
    }
  }

  /// The connection is gone.
  mutating func closed() {
    self.state = .closed
  }
}
