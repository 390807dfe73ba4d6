internal import DequeModule
internal import GRPCWire
internal import NIOCore
internal import Time

/// The state of a pool: assigns calls to connections, queues calls, and decides when to open
/// connections. Pure.
///
/// Events are reported by the mutating functions;
/// the resulting actions are pulled by `nextStep`, which the owner calls after every event until it
/// returns nil. Invariant then: whenever calls are queued, either a connection is being opened, or
/// the limit of calls in flight is reached, or every connection is at capacity or cooling down after
/// a refusal.
struct PoolState {
  private struct Connection {
    let id: ConnectionID
    var state = PooledConnectionState()
  }

  private let limits: Limits
  private let backoff: Backoff
  private var connections: [Connection] = []
  private var connectionCount = 0
  private var waiting: Deque<CallID> = []
  private var callsInFlight = 0
  private var yielding = YieldingCalls()
  /// Consecutive attempts without a usable connection.
  private var failures = 0
  /// No attempt before this; nil: any time.
  private var retryAt: NIODeadline?
  /// No attempt before this unless a call waits; nil: any time.
  private var spareRetryAt: NIODeadline?
  /// The reason that the last attempt failed.
  private var lastFailure = ""
  /// Whether a connection is requested without a waiting call.
  private var isConnectionRequested = false
  private var isDraining = false

  init(limits: Limits, backoff: Backoff = .standard) {
    self.limits = limits
    self.backoff = backoff
  }

  // MARK: Calls

  /// Submits a new call. It counts as open on the connection that it's assigned to.
  ///
  /// - Parameter yields: whether its client may have disconnected; see `yield`.
  mutating func submit(_ call: CallID, yields: Bool = false, now: NIODeadline) -> Arrival {
    guard !self.isDraining else {
      return .refuse(
        GRPCStatus(.unavailable, "the bridge is shutting down", origin: .notConnected))
    }
    if self.waiting.isEmpty, let connection = self.takeRoom() {
      if yields { self.yielding.insertOpen(call) }
      return .start(connection: connection)
    }
    guard self.mayConnectOrIsUsable(now) else { return .refuse(self.notConnected) }
    // Beyond the limit, only as many as there are yielding calls to end for them.
    let displaced = yields ? 0 : self.yielding.count
    guard self.waiting.count < self.limits.callsWaiting + displaced else {
      return .refuse(
        GRPCStatus(
          .unavailable, "\(self.waiting.count) calls already wait for this endpoint", origin: .shed)
      )
    }
    self.waiting.append(call)
    if yields { self.yielding.insertWaiting(call) }
    return .wait
  }

  /// Marks a call whose client may have disconnected: it's ended when other calls lack room.
  mutating func yield(_ call: CallID) {
    if self.waiting.contains(call) {
      self.yielding.insertWaiting(call)
    } else {
      self.yielding.insertOpen(call)
    }
  }

  /// Queues a call that had a stream again, ahead of the others.
  private mutating func putBack(_ call: CallID) {
    self.waiting.prepend(call)
    self.yielding.putBack(call)
  }

  /// Queues a call that the endpoint has certainly not processed again, ahead of the others. It was
  /// admitted before and isn't shed.
  mutating func requeue(_ call: CallID) {
    self.putBack(call)
  }

  /// Queues a call whose stream the endpoint refused (REFUSED_STREAM) again, ahead of the others. The
  /// connection takes no calls for a while, twice as long after each consecutive refusal: an
  /// immediate restart would only be refused again.
  ///
  /// - Returns: the cool-down, after which `endCoolDown` must follow; nil if one is in effect
  ///   already.
  mutating func refuse(_ call: CallID, on connection: ConnectionID) -> TimeAmount? {
    self.putBack(call)
    guard let index = self.index(of: connection), !self.connections[index].state.isCoolingDown
    else {
      return nil
    }
    self.connections[index].state.coolDown()
    // The backoff has no jitter: no number is drawn.
    var generator = SystemRandomNumberGenerator()
    return Backoff.refusedStream.delay(
      afterFailures: self.connections[index].state.refusals, using: &generator)
  }

  /// Ends a connection's cool-down: it takes calls again.
  mutating func endCoolDown(_ connection: ConnectionID) {
    guard let index = self.index(of: connection) else { return }
    self.connections[index].state.endCoolDown()
  }

  /// The endpoint began its response to a call on this connection.
  mutating func responded(on connection: ConnectionID) {
    guard let index = self.index(of: connection) else { return }
    self.connections[index].state.responded()
  }

  /// The stream of a call closed, though its owner hasn't read all of the response: it has no slot
  /// left to yield.
  mutating func releaseSlot(of call: CallID) {
    self.yielding.removeOpen(call)
  }

  /// Removes a call, which may be queued.
  mutating func leave(_ call: CallID) {
    self.releaseSlot(of: call)
    self.yielding.removeWaiting(call)
    guard let index = self.waiting.firstIndex(of: call) else { return }
    self.waiting.remove(at: index)
  }

  /// The stream of a call closed.
  mutating func closeCall(on connection: ConnectionID) {
    guard let index = self.index(of: connection) else { return }
    self.connections[index].state.closeCall()
    self.callsInFlight -= 1
    self.yielding.streamClosed()
    self.failures = 0
  }

  // MARK: Connections

  /// The endpoint's SETTINGS arrived: a connection is ready, or its limit has changed.
  mutating func allow(
    _ connection: ConnectionID, calls: Int, now: NIODeadline,
    using generator: inout some RandomNumberGenerator
  ) {
    guard let index = self.index(of: connection) else { return }
    if self.connections[index].state.isConnecting {
      var expiry = NIODeadline.distantFuture
      if let age = self.limits.maxAge {
        let spread = Double.random(in: 0.9...1.1, using: &generator)
        expiry = now + .nanoseconds(Int64(Double(age.nanoseconds) * spread))
      }
      self.connections[index].state.startAging(now: now, expiry: expiry)
      // The connections that it was opened to replace.
      for index in self.connections.indices where self.connections[index].state.isExpiring {
        self.connections[index].state.drain(by: .bridge)
      }
    }
    self.connections[index].state.allow(calls)
    self.isConnectionRequested = false
    self.retryAt = nil
  }

  /// The interval at which to call `check` while there are connections; nil: never.
  var checkInterval: TimeAmount? {
    let times = [self.limits.idleTimeout, self.limits.maxAge].compactMap { $0?.nanoseconds }
    guard let shortest = times.min() else { return nil }
    return .nanoseconds(
      min(
        max(shortest / 8, Self.shortestCheck.nanoseconds), Self.longestCheck.nanoseconds))
  }

  /// Closes connections that have been idle for too long or are too old. One that's too old and has
  /// calls is replaced by another first.
  mutating func check(now: NIODeadline) {
    for index in self.connections.indices {
      self.connections[index].state.check(now: now, idleTimeout: self.limits.idleTimeout)
    }
  }

  private static let shortestCheck = TimeAmount.milliseconds(20)
  /// Coarse, because it wakes an idle process.
  private static let longestCheck = TimeAmount.seconds(30)

  /// A connection takes no calls any more (GOAWAY, no stream identifiers left).
  mutating func retire(_ connection: ConnectionID) {
    guard let index = self.index(of: connection) else { return }
    self.connections[index].state.drain(by: .endpoint)
  }

  /// Retires connections without calls: one that had been kept like them was found dead.
  mutating func retireIdle() {
    for index in self.connections.indices
    where self.connections[index].state.isReady && self.connections[index].state.openCalls == 0 {
      self.connections[index].state.drain(by: .bridge)
    }
  }

  /// Removes a connection that closed or couldn't be opened. The streams on it are closed.
  ///
  /// One that never carried a call counts as a failed attempt: otherwise calls waiting for an
  /// endpoint that accepts connections and closes them would cause a busy loop. If it was ready and
  /// no call waited, the next call isn't affected: only connections without a waiting call are
  /// delayed.
  mutating func remove(
    _ connection: ConnectionID, reason: String, now: NIODeadline,
    using generator: inout some RandomNumberGenerator
  ) {
    guard let index = self.index(of: connection) else { return }
    let removed = self.connections.remove(at: index)
    self.callsInFlight -= removed.state.openCalls
    self.yielding.connectionClosed(callsInFlight: self.callsInFlight)
    guard removed.state.isFailure else { return }
    self.failures += 1
    self.lastFailure = reason
    self.isConnectionRequested = false
    if removed.state.isReady, self.waiting.isEmpty {
      self.spareRetryAt =
        now + self.backoff.delay(afterFailures: self.failures, using: &generator)
      return
    }
    self.retryAt = now + self.backoff.delay(afterFailures: self.failures, using: &generator)
  }

  /// Requests a connection even without a call, unless one is ready.
  ///
  /// - Parameter isUrgent: whether to try now, regardless of when the last attempt failed.
  mutating func requestConnection(isUrgent: Bool = false) {
    if isUrgent {
      self.retryAt = nil
      self.spareRetryAt = nil
    }
    self.isConnectionRequested = !self.hasReady && !self.isDraining
  }

  /// No new calls; connections close when their calls have ended and none wait.
  mutating func drain() {
    self.isDraining = true
    self.isConnectionRequested = false
  }

  // MARK: Actions

  /// A waiting call that can start now, and its connection.
  mutating func nextStart() -> (call: CallID, connection: ConnectionID)? {
    guard !self.waiting.isEmpty, let connection = self.takeRoom() else { return nil }
    guard !self.yielding.waiting.isEmpty else {
      return self.waiting.popFirst().map { ($0, connection) }
    }
    let index = self.waiting.firstIndex { !self.yielding.waiting.contains($0) } ?? 0
    let call = self.waiting.remove(at: index)
    self.yielding.started(call)
    return (call, connection)
  }

  /// A call to end now, because its client may have disconnected and another call lacks room. Waiting
  /// ones are ended only if the queue is full, because other calls overtake them; those on
  /// connections as soon as a call waits for which no room is being made yet.
  mutating func nextYield() -> CallID? {
    guard !self.yielding.isEmpty else { return nil }
    if self.waiting.count > self.limits.callsWaiting,
      let index = self.waiting.firstIndex(where: { self.yielding.waiting.contains($0) })
    {
      let call = self.waiting.remove(at: index)
      self.yielding.removeWaiting(call)
      return call
    }
    let isFull = self.callsInFlight >= self.limits.callsInFlight
    guard self.waiting.count - self.yielding.waiting.count > self.yielding.endedCount,
      isFull || !self.connections.contains(where: { $0.state.isConnecting })
    else { return nil }
    return self.yielding.endOldest()
  }

  /// A connection to open now: because calls lack room, because there are fewer connections than
  /// calls are spread over, or to replace one that's too old.
  mutating func nextConnect(now: NIODeadline) -> ConnectionID? {
    // A connection that drains before it carried a call counts as a failed attempt once it's closed.
    // Opening the next one meanwhile would loop without any backoff.
    let isRefused = self.connections.contains {
      !$0.state.isUsable && $0.state.isFailure
    }
    guard !isRefused else { return nil }
    guard self.retryAt.map({ $0 <= now }) ?? true, !self.isDraining || !self.waiting.isEmpty else {
      return nil
    }
    var usable = 0
    var hasRoom = false
    var hasExpiring = false
    var opening = 0
    for connection in self.connections where connection.state.isUsable {
      if connection.state.isConnecting { opening += 1 }
      if connection.state.isExpiring {
        hasExpiring = true
      } else {
        usable += 1
      }
      hasRoom = hasRoom || connection.state.hasRoom
    }
    guard opening < self.limits.opening, opening == 0 || opening < self.waiting.count else {
      return nil
    }
    let maySpare = self.spareRetryAt.map { $0 <= now } ?? true
    let isShort =
      (self.isConnectionRequested && maySpare)
      || (!self.waiting.isEmpty && self.callsInFlight < self.limits.callsInFlight)
    let isSpread = usable >= self.limits.spread || self.callsInFlight == 0
    guard usable < self.limits.connections,
      (isShort && !hasRoom) || (maySpare && ((hasExpiring && usable == 0) || !isSpread))
    else { return nil }
    self.connectionCount += 1
    let id = ConnectionID(self.connectionCount)
    self.connections.append(Connection(id: id))
    return id
  }

  /// A waiting call for which no connection will be opened soon, and the reason.
  mutating func nextFailure(now: NIODeadline) -> (call: CallID, status: GRPCStatus)? {
    guard !self.mayConnectOrIsUsable(now), let call = self.waiting.popFirst() else { return nil }
    self.yielding.removeWaiting(call)
    return (call, self.notConnected)
  }

  /// A connection to close now.
  mutating func nextClose() -> ConnectionID? {
    for index in self.connections.indices {
      if self.isDraining && self.waiting.isEmpty {
        self.connections[index].state.drain(by: .bridge)
      }
      if self.connections[index].state.isSpent {
        self.connections[index].state.close()
        return self.connections[index].id
      }
    }
    return nil
  }

  // MARK: Reading

  /// The connectivity of the endpoint.
  func connectivity(now: NIODeadline) -> Connectivity {
    var isConnecting = false
    for connection in self.connections {
      if connection.state.isReady { return .ready }
      isConnecting = isConnecting || connection.state.isConnecting
    }
    if isConnecting { return .connecting }
    return self.retryAt == nil ? .idle : .failing(self.lastFailure)
  }

  /// Whether a connection takes no more calls and is about to close.
  func isDraining(_ connection: ConnectionID) -> Bool {
    self.index(of: connection).map { !self.connections[$0].state.isUsable } ?? false
  }

  /// Whether a connection is ready.
  var hasReady: Bool { self.connections.contains { $0.state.isReady } }

  /// Whether a connection is ready or being opened.
  var hasUsable: Bool { self.connections.contains { $0.state.isUsable } }

  /// Whether the pool was drained and nothing is left.
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

  /// Assigns a call to the first connection with room: fewer connections in use mean more calls per
  /// write.
  private mutating func takeRoom() -> ConnectionID? {
    guard self.callsInFlight < self.limits.callsInFlight, let index = self.leastLoaded() else {
      return nil
    }
    self.connections[index].state.openCall()
    self.callsInFlight += 1
    return self.connections[index].id
  }

  /// The first connection with room or, if calls are spread, the one with the fewest; one that's too
  /// old only if there's no other.
  private func leastLoaded() -> Int? {
    if self.limits.spread == 1, let first = self.connections.first,
      first.state.hasRoom, !first.state.isExpiring
    {
      return 0
    }
    var best: Int?
    var fewest = Int.max
    for index in self.connections.indices where self.connections[index].state.hasRoom {
      let connection = self.connections[index]
      let calls = connection.state.openCalls + (connection.state.isExpiring ? Int.max / 2 : 0)
      guard calls < fewest else { continue }
      best = index
      fewest = calls
      if self.limits.spread == 1 && !connection.state.isExpiring { break }
    }
    return best
  }

  private func index(of connection: ConnectionID) -> Int? {
    self.connections.firstIndex { $0.id == connection }
  }
}
