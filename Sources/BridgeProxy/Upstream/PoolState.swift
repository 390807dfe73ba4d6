internal import DequeModule
internal import NIOCore

/// Which call goes to which connection, which calls wait, and when connections are opened. Pure.
///
/// Calls and connections are numbers of the owner's. Events come in by the verbs; what is to be done
/// is pulled out by the `next…` functions, which the owner asks after every event until they
/// say nil. Then holds: whenever calls wait, a connection is being opened, or all there are
/// (or the limit of calls in flight) are full or rest after a refusal. Nothing waits for nothing.
struct PoolState {
  /// Bounds, all of them per event loop.
  struct Limits {
    /// Calls on connections; more wait.
    var callsInFlight: Int
    /// Calls that wait; more are shed.
    var callsWaiting: Int
    /// Connections that take calls or are being opened.
    var connections: Int
  }

  /// What becomes of a new call.
  enum Arrival: Equatable {
    case start(connection: Int)
    case wait
    case refuse(GRPCStatus)
  }

  private struct Connection {
    let id: Int
    var state = ConnectionState()
  }

  private let limits: Limits
  private let backoff: Backoff
  private var connections: [Connection] = []
  private var nextID = 0
  private var waiting: Deque<Int> = []
  private var callsInFlight = 0
  /// Attempts in a row that gave no connection to call on.
  private var failures = 0
  /// No attempt before this; nil: any time.
  private var retryAt: NIODeadline?
  /// Why the last attempt failed.
  private var lastFailure = ""
  /// Whether a connection is wanted though no call waits.
  private var isWanted = false
  private var isDraining = false

  init(limits: Limits, backoff: Backoff = .standard) {
    self.limits = limits
    self.backoff = backoff
  }

  // MARK: Calls

  /// A new call. It's counted as open on the connection it's started on.
  mutating func arrive(_ call: Int, now: NIODeadline) -> Arrival {
    guard !self.isDraining else {
      return .refuse(
        GRPCStatus(.unavailable, "the bridge is shutting down", origin: .notConnected))
    }
    if self.waiting.isEmpty, let connection = self.takeRoom() {
      return .start(connection: connection)
    }
    guard self.mayConnectOrIsUsable(now) else { return .refuse(self.notConnected) }
    guard self.waiting.count < self.limits.callsWaiting else {
      return .refuse(
        GRPCStatus(
          .unavailable, "\(self.waiting.count) calls wait for this endpoint already", origin: .shed)
      )
    }
    self.waiting.append(call)
    return .wait
  }

  /// A call that the endpoint has certainly not processed begins again, ahead of the others. It was
  /// let in once and isn't shed.
  mutating func comeBack(_ call: Int) {
    self.waiting.prepend(call)
  }

  /// The endpoint refused the stream of a call (REFUSED_STREAM), which begins again, ahead of the
  /// others. The connection takes no calls for a while, twice as long after each refusal in a row:
  /// starting again at once would only be refused again.
  ///
  /// - Returns: how long it rests; `endRest` must follow then.
  mutating func refuse(_ call: Int, on connection: Int) -> TimeAmount? {
    self.waiting.prepend(call)
    guard let index = self.index(of: connection), !self.connections[index].state.isResting else {
      return nil
    }
    self.connections[index].state.rest()
    let doublings = min(self.connections[index].state.refusals - 1, Self.restDoublings)
    return .nanoseconds(Self.shortestRest.nanoseconds << Int64(doublings))
  }

  /// A connection that rested takes calls again.
  mutating func endRest(_ connection: Int) {
    guard let index = self.index(of: connection) else { return }
    self.connections[index].state.endRest()
  }

  /// The endpoint began to answer a call on this connection.
  mutating func answered(on connection: Int) {
    guard let index = self.index(of: connection) else { return }
    self.connections[index].state.answered()
  }

  /// After the first refusal: about the time in which an endpoint notices that a stream has ended.
  private static let shortestRest = TimeAmount.milliseconds(2)
  /// 2 ms to 128 ms.
  private static let restDoublings = 6

  /// A call that may be waiting waits no more.
  mutating func leave(_ call: Int) {
    guard let index = self.waiting.firstIndex(of: call) else { return }
    self.waiting.remove(at: index)
  }

  /// The stream of a call is gone.
  mutating func closeCall(on connection: Int) {
    guard let index = self.index(of: connection) else { return }
    self.connections[index].state.closeCall()
    self.callsInFlight -= 1
    self.failures = 0
  }

  // MARK: Connections

  /// The endpoint's SETTINGS came: a connection is ready, or its limit has changed.
  mutating func allow(_ connection: Int, calls: Int) {
    guard let index = self.index(of: connection) else { return }
    self.connections[index].state.allow(calls)
    self.isWanted = false
    self.retryAt = nil
  }

  /// A connection takes no calls any more (GOAWAY, no stream identifiers left).
  mutating func retire(_ connection: Int) {
    guard let index = self.index(of: connection) else { return }
    self.connections[index].state.drain()
  }

  /// A connection is gone, or couldn't be opened. The streams on it are closed.
  ///
  /// One that never got as far as a call counts as a failed attempt: else calls that wait for an
  /// endpoint that accepts and hangs up would keep it and us busy.
  mutating func remove(
    _ connection: Int, reason: String, now: NIODeadline,
    using generator: inout some RandomNumberGenerator
  ) {
    guard let index = self.index(of: connection) else { return }
    let removed = self.connections.remove(at: index).state
    self.callsInFlight -= removed.openCalls
    guard !removed.wasUsed else { return }
    self.failures += 1
    self.lastFailure = reason
    self.isWanted = false
    self.retryAt = now + self.backoff.delay(afterFailures: self.failures, using: &generator)
  }

  /// A connection is wanted even without a call, unless there's one.
  mutating func want() {
    self.isWanted = !self.hasReady
  }

  /// No new calls; connections close when their calls have ended and none wait.
  mutating func drain() {
    self.isDraining = true
    self.isWanted = false
  }

  // MARK: What to do

  /// A waiting call that can start now, and where.
  mutating func nextStart() -> (call: Int, connection: Int)? {
    guard !self.waiting.isEmpty, let connection = self.takeRoom() else { return nil }
    return self.waiting.popFirst().map { ($0, connection) }
  }

  /// A connection to open now.
  mutating func nextConnect(now: NIODeadline) -> Int? {
    // One that said goodbye before it carried a call counts as a failed attempt once it's gone. To
    // open the next one meanwhile would go on without end and without a wait between.
    guard !self.connections.contains(where: { !$0.state.isUsable && !$0.state.wasUsed }) else {
      return nil
    }
    guard self.isWanted || (!self.waiting.isEmpty && self.callsInFlight < self.limits.callsInFlight)
    else { return nil }
    var usable = 0
    for connection in self.connections where connection.state.isUsable {
      if connection.state.isConnecting || connection.state.hasRoom { return nil }
      usable += 1
    }
    guard usable < self.limits.connections, self.retryAt.map({ $0 <= now }) ?? true else {
      return nil
    }
    self.nextID += 1
    self.connections.append(Connection(id: self.nextID))
    return self.nextID
  }

  /// A waiting call for which no connection will be opened soon, and why.
  mutating func nextFailure(now: NIODeadline) -> (call: Int, status: GRPCStatus)? {
    guard !self.waiting.isEmpty, !self.mayConnectOrIsUsable(now) else { return nil }
    return self.waiting.popFirst().map { ($0, self.notConnected) }
  }

  /// A connection to close now.
  mutating func nextClose() -> Int? {
    for index in self.connections.indices {
      if self.isDraining && self.waiting.isEmpty { self.connections[index].state.drain() }
      if self.connections[index].state.isSpent {
        self.connections[index].state.close()
        return self.connections[index].id
      }
    }
    return nil
  }

  // MARK: Reading

  /// Whether a connection is up.
  var hasReady: Bool { self.connections.contains { $0.state.isReady } }

  /// Whether a connection is up or being opened.
  var hasUsable: Bool { self.connections.contains { $0.state.isUsable } }

  /// Whether it was drained and nothing is left.
  var isFinished: Bool {
    self.isDraining && self.connections.isEmpty && self.waiting.isEmpty
  }

  var waitingCount: Int { self.waiting.count }
  var callsInFlightCount: Int { self.callsInFlight }

  private var notConnected: GRPCStatus {
    GRPCStatus(.unavailable, self.lastFailure, origin: .notConnected)
  }

  private func mayConnectOrIsUsable(_ now: NIODeadline) -> Bool {
    self.hasUsable || (self.retryAt.map { $0 <= now } ?? true)
  }

  /// Counts a call on the first connection with room: fewer connections in use mean more calls a
  /// write.
  private mutating func takeRoom() -> Int? {
    guard self.callsInFlight < self.limits.callsInFlight,
      let index = self.connections.firstIndex(where: { $0.state.hasRoom })
    else { return nil }
    self.connections[index].state.openCall()
    self.callsInFlight += 1
    return self.connections[index].id
  }

  private func index(of connection: Int) -> Int? {
    self.connections.firstIndex { $0.id == connection }
  }
}
