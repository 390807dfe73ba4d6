/// The life of one connection to an endpoint, as the pool sees it: whether it takes calls, and when
/// it's to be closed. Pure.
struct PooledConnectionState {
  private enum State {
    /// Being opened, up to the endpoint's SETTINGS.
    case connecting
    /// Takes calls. Valid transitions: draining, closing.
    case ready(limit: Int)
    /// Takes no calls any more, finishes those it has. Valid transition: closing.
    case draining
    /// The pool is closing it.
    case closing
  }

  private var state = State.connecting
  /// Streams that are open on it.
  private(set) var openCalls = 0
  /// Whether a call ever began on it.
  private(set) var wasUsed = false
  /// Streams refused in a row, since one was last answered.
  private(set) var refusals = 0
  /// Whether it takes no calls for a moment, because the endpoint refused one.
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

  /// Whether nothing holds it open although it takes no calls.
  var isSpent: Bool {
    if case .draining = self.state { self.openCalls == 0 } else { false }
  }

  /// The endpoint's SETTINGS came (again): it allows this many streams at a time. A limit below the
  /// present number only keeps new ones out (RFC 9113 §5.1.2).
  mutating func allow(_ limit: Int) {
    switch self.state {
    case .connecting, .ready: self.state = .ready(limit: limit)
    case .draining, .closing: break
    }
  }

  /// A call begins on it. Only when it `hasRoom`.
  mutating func openCall() {
    precondition(self.hasRoom, "a call was opened on a connection without room")
    self.openCalls += 1
    self.wasUsed = true
  }

  /// The stream of a call is gone.
  mutating func closeCall() {
    precondition(self.openCalls > 0, "a call was closed twice")
    self.openCalls -= 1
  }

  /// The endpoint refused a stream though its limit allowed it: it counts streams a little longer
  /// than we do, or is short of something. It's left alone until `endCoolDown`.
  mutating func coolDown() {
    self.refusals += 1
    self.isCoolingDown = true
  }

  mutating func endCoolDown() {
    self.isCoolingDown = false
  }

  /// The endpoint began to answer a call.
  mutating func responded() {
    self.refusals = 0
  }

  /// It's to take no calls any more: the endpoint sent GOAWAY, or the pool closes down.
  mutating func drain() {
    switch self.state {
    case .connecting, .ready: self.state = .draining
    case .draining, .closing: break
    }
  }

  /// The shell closes it.
  mutating func close() {
    self.state = .closing
  }
}
