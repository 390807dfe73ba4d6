internal import NIOCore

/// The life of one pooled connection: whether it takes calls, and when it must be closed. Pure.
///
///     connecting ─SETTINGS─▶ ready ─age─▶ expiring
///         └──────────────────┴─GOAWAY, age, idle, shutdown─┴▶ draining ─no calls─▶ closing
struct PooledConnectionState {
  /// The side that ends it.
  enum Side {
    case bridge
    case endpoint
  }

  private enum Phase {
    /// Being opened, up to the endpoint's SETTINGS. Valid transitions: ready, draining.
    case connecting
    /// Takes calls, at most `limit` at a time. Valid transitions: expiring, draining.
    case ready(limit: Int)
    /// Has exceeded its age, and takes calls only until another is ready. Valid transition: draining.
    case expiring(limit: Int)
    /// Takes no calls any more, finishes those it has. Valid transition: closing.
    case draining(by: Side)
    /// The shell is closing it.
    case closing(by: Side)
  }

  private var phase = Phase.connecting
  /// Streams that are open on it.
  private(set) var openCalls = 0
  /// Whether a call ever began on it.
  private(set) var wasUsed = false
  /// Consecutive refused streams, since the last response.
  private(set) var refusals = 0
  /// Whether it takes no calls for a while, because the endpoint refused one.
  private(set) var isCoolingDown = false
  /// Whether it has had calls since the last `check`.
  private var isInUse = false
  /// The time since which it has had no calls.
  private var idleSince = NIODeadline.distantFuture
  /// The time at which to replace it.
  private var expiry = NIODeadline.distantFuture

  // MARK: Reading

  var isConnecting: Bool {
    if case .connecting = self.phase { true } else { false }
  }

  var isReady: Bool {
    switch self.phase {
    case .ready, .expiring: true
    case .connecting, .draining, .closing: false
    }
  }

  var isExpiring: Bool {
    if case .expiring = self.phase { true } else { false }
  }

  /// Whether it has, or may get, room for calls.
  var isUsable: Bool { self.isConnecting || self.isReady }

  var hasRoom: Bool {
    switch self.phase {
    case .ready(let limit), .expiring(let limit): self.openCalls < limit && !self.isCoolingDown
    case .connecting, .draining, .closing: false
    }
  }

  /// Whether it takes no more calls and has none left.
  var isSpent: Bool {
    if case .draining = self.phase { self.openCalls == 0 } else { false }
  }

  /// Whether its end is a failure of the endpoint: it never carried a call, and the bridge didn't end it.
  var isFailure: Bool {
    switch self.phase {
    case .connecting, .ready, .expiring, .draining(by: .endpoint), .closing(by: .endpoint):
      !self.wasUsed
    case .draining(by: .bridge), .closing(by: .bridge): false
    }
  }

  // MARK: Calls

  /// Begins a call on it. Requires `hasRoom`.
  mutating func openCall() {
    precondition(self.hasRoom, "a call was opened on a connection at capacity")
    self.openCalls += 1
    self.wasUsed = true
    self.isInUse = true
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

  // MARK: Transitions

  /// The endpoint's SETTINGS arrived: it allows this many streams at a time. A limit below the current
  /// number only prevents new ones (RFC 9113 §5.1.2).
  mutating func allow(_ limit: Int) {
    switch self.phase {
    case .connecting, .ready: self.phase = .ready(limit: limit)
    case .expiring: self.phase = .expiring(limit: limit)
    case .draining, .closing: break
    }
  }

  /// It's ready from `now` on, and too old from `expiry` on.
  mutating func startAging(now: NIODeadline, expiry: NIODeadline) {
    self.idleSince = now
    self.expiry = expiry
  }

  /// Ends it if it has been idle for `idleTimeout` or is too old. One that's too old and has calls is
  /// replaced by another first.
  mutating func check(now: NIODeadline, idleTimeout: TimeAmount?) {
    guard self.isReady else { return }
    if self.isInUse || self.openCalls > 0 {
      self.isInUse = false
      self.idleSince = now
    }
    if self.openCalls == 0 {
      let isIdle = idleTimeout.map { now - self.idleSince >= $0 } ?? false
      if isIdle || self.expiry <= now { self.drain(by: .bridge) }
    } else if self.expiry <= now, case .ready(let limit) = self.phase {
      self.phase = .expiring(limit: limit)
    }
  }

  /// Takes no more calls from now on: the endpoint sent GOAWAY, or the bridge doesn't need it any more.
  mutating func drain(by side: Side) {
    switch self.phase {
    case .connecting, .ready, .expiring: self.phase = .draining(by: side)
    case .draining, .closing: break
    }
  }

  /// Marks it as being closed by the shell. Requires `isSpent`.
  mutating func close() {
    guard case .draining(let side) = self.phase else {
      preconditionFailure("a connection was closed that takes calls")
    }
    self.phase = .closing(by: side)
  }
}
