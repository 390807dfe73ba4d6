/// The lifecycle of one pooled connection: whether it takes calls, and when it must be closed. Pure.
struct PooledConnectionState {
  private enum State {
    /// Being opened, up to the endpoint's SETTINGS.
    case connecting
    /// Takes calls. Valid transitions: draining, closing.
    case ready(limit: Int)
    /// Takes no calls any more, finishes those it has. Valid transition: closing.
    case draining
    /// The shell is closing it.
    case closing
  }

  private var state = State.connecting
  /// Streams that are open on it.
  private(set) var openCalls = 0
  /// Whether a call ever began on it.
  private(set) var wasUsed = false
  /// Consecutive refused streams, since the last response.
  private(set) var refusals = 0
  /// Whether it takes no calls for a while, because the endpoint refused one.
  private(set) var isCoolingDown = false

  var isConnecting: Bool {
    if case .connecting = self.state { true } else { false }
  }

  var isReady: Bool {
    if case .ready = self.state { true } else { false }
  }

  /// Whether it has, or may get, room for calls.
  var isUsable: Bool { self.isConnecting || self.isReady }

  var hasRoom: Bool {
    if case .ready(let limit) = self.state {
      self.openCalls < limit && !self.isCoolingDown
    } else {
      false
    }
  }

  /// Whether it takes no more calls and has none left.
  var isSpent: Bool {
    if case .draining = self.state { self.openCalls == 0 } else { false }
  }

  /// The endpoint's SETTINGS arrived (again): it allows this many streams at a time. A limit below
  /// the current number only prevents new ones (RFC 9113 §5.1.2).
  mutating func allow(_ limit: Int) {
    switch self.state {
    case .connecting, .ready: self.state = .ready(limit: limit)
    case .draining, .closing: break
    }
  }

  /// Begins a call on it. Requires `hasRoom`.
  mutating func openCall() {
    precondition(self.hasRoom, "a call was opened on a connection at capacity")
    self.openCalls += 1
    self.wasUsed = true
  }

  /// The stream of a call closed.
  mutating func closeCall() {
    precondition(self.openCalls > 0, "a call was closed twice")
    self.openCalls -= 1
  }

  /// The endpoint refused a stream within its limit: it counts streams a little longer than the
  /// bridge does, or lacks resources. It gets no calls until `endCoolDown`.
  mutating func coolDown() {
    self.refusals += 1
    self.isCoolingDown = true
  }

  mutating func endCoolDown() {
    self.isCoolingDown = false
  }

  /// The endpoint began its response to a call.
  mutating func responded() {
    self.refusals = 0
  }

  /// Takes no more calls from now on: the endpoint sent GOAWAY, or the pool is shutting down.
  mutating func drain() {
    switch self.state {
    case .connecting, .ready: self.state = .draining
    case .draining, .closing: break
    }
  }

  /// Marks it as being closed by the shell.
  mutating func close() {
    self.state = .closing
  }
}
