package import BridgeConfiguration
internal import DequeModule
internal import GRPCWire
internal import HTTP2
package import NIOCore
internal import Time

/// The endpoints of a service on one event loop: a pool for each, and calls balanced over them.
///
/// Confined to its event loop; may be created anywhere. `update` sets the list of endpoints; until
/// there is one, and while connections are being opened, calls wait, for at most the connect timeout.
/// A call that was never sent moves to another endpoint on its own; one that failed is retried by the
/// policy.
package final class Cluster: ServiceUpstream {
  package typealias MakePool = (Configuration.Endpoint) -> any EndpointPool

  let eventLoop: any EventLoop
  let policy: Configuration.Retry?
  /// The service's path in the configuration, `services.bench`, for messages that name a setting.
  let key: String
  private let configuration: Configuration.Cluster
  private let makePool: MakePool
  private let waitLimit: Int
  private let waitTime: TimeAmount

  private var onPresence: ((Bool) -> Void)?
  private var state: ClusterState
  private(set) var throttle: RetryThrottle?
  private var members: [MemberID: Member] = [:]
  private var waiting: Deque<ClusterCall> = []
  private var areActionsDue = false
  /// The reason that the list is unknown or outdated.
  private var discoveryFailure: String?
  /// Whether members may lack a connection, so that the next call should open one.
  private var hasDisconnectedMembers = false
  private var nextConnect = NIODeadline.uptimeNanoseconds(0)
  private var nextUrgentConnect = NIODeadline.uptimeNanoseconds(0)
  private var sweepTask: Scheduled<Void>?
  private var probes: [EventLoopPromise<Bool>] = []
  private var isClosed = false
  /// Pools of removed endpoints, until their calls have ended.
  private var drainingPools: [ObjectIdentifier: any EndpointPool] = [:]
  var generator = SystemRandomNumberGenerator()

  private struct Member {
    let pool: any EndpointPool
    var health: HealthWatch?
    /// As last reported to `onPresence`.
    var isPresent = false
  }

  /// - Parameters:
  ///   - limits: `callsWaiting` and `connectTimeout` limit how many calls wait, and for how long.
  ///   - seed: selects which of many endpoints are used; the same for all loops of the process.
  ///   - key: the service's path in the configuration.
  ///   - makePool: called for each endpoint, on the loop.
  package init(
    eventLoop: any EventLoop, _ configuration: Configuration.Cluster,
    limits: Configuration.Limits, seed: UInt64, key: String = "", makePool: @escaping MakePool
  ) {
    self.key = key
    self.eventLoop = eventLoop
    self.configuration = configuration
    self.policy = configuration.retry
    self.throttle = configuration.retry.map { RetryThrottle($0.budget) }
    self.makePool = makePool
    self.waitLimit = limits.callsWaiting
    self.waitTime = TimeAmount(clamping: limits.connectTimeout)
    self.state = ClusterState(configuration, seed: seed)
  }

  package func followPresence(_ report: @escaping (Bool) -> Void) {
    self.onPresence = report
  }

  // MARK: Endpoints

  /// Replaces the endpoints. Calls in flight to a removed one finish.
  package func update(_ endpoints: [Configuration.WeightedEndpoint]) {
    self.eventLoop.assertInEventLoop()
    guard !self.isClosed else { return }
    self.discoveryFailure = nil
    let change = self.state.update(endpoints)
    for id in change.removed {
      if let member = self.members.removeValue(forKey: id) { self.leave(member) }
    }
    for (id, endpoint) in change.added.sorted(by: { $0.key < $1.key }) {
      let pool = self.makePool(endpoint)
      pool.onConnectivity = { [weak self] connectivity in
        self?.connectivityChanged(id, connectivity)
      }
      self.members[id] = Member(pool: pool)
    }
    self.hasDisconnectedMembers = true
    self.nextConnect = .uptimeNanoseconds(0)
    // If calls are being served already, connect the new members in advance.
    if self.state.isReady { self.connectMembers() }
    if self.state.memberCount > 1 && self.sweepTask == nil { self.sweep() }
    self.performPendingActions()
  }

  /// Records that discovery failed. The previous list stays in effect.
  package func discoveryFailed(_ reason: String) {
    self.eventLoop.assertInEventLoop()
    self.discoveryFailure = reason
    self.performPendingActions()
  }

  private func leave(_ member: Member) {
    member.health?.stop()
    let pool = member.pool
    pool.onConnectivity = nil
    if member.isPresent { self.onPresence?(false) }
    self.drainingPools[ObjectIdentifier(pool)] = pool
    pool.drain().assumeIsolated().whenComplete { [weak self] _ in
      self?.drainingPools[ObjectIdentifier(pool)] = nil
    }
  }

  private func connectivityChanged(_ id: MemberID, _ connectivity: Connectivity) {
    self.state.setConnectivity(id, connectivity)
    self.reportPresence(of: id, connectivity == .ready)
    switch connectivity {
    case .idle, .failing:
      self.hasDisconnectedMembers = true
      self.nextConnect = .uptimeNanoseconds(0)
    case .ready:
      self.watchHealth(of: id)
    case .connecting:
      break
    }
    // Later, because the pool may be in the middle of an operation.
    self.performPendingActionsLater()
  }

  private func reportPresence(of id: MemberID, _ isPresent: Bool) {
    guard let member = self.members[id], member.isPresent != isPresent else { return }
    self.members[id]?.isPresent = isPresent
    self.onPresence?(isPresent)
  }

  // MARK: Health

  private func watchHealth(of id: MemberID) {
    guard self.configuration.health.check ?? (self.state.memberCount > 1),
      let member = self.members[id]
    else { return }
    if member.health == nil {
      self.members[id]?.health = HealthWatch(
        self.configuration.health.service, of: member.pool, on: self.eventLoop
      ) { [weak self] isServing in
        self?.state.setServing(id, isServing)
        self?.performPendingActionsLater()
      }
    }
    self.members[id]?.health?.connected()
  }

  /// Checks for outliers periodically.
  private func sweep() {
    self.sweepTask?.cancel()
    self.sweepTask = nil
    let now = self.eventLoop.now
    self.state.sweep(now: now)
    guard let next = self.state.nextSweep, !self.isClosed else { return }
    self.sweepTask = self.eventLoop.assumeIsolated().scheduleTask(
      deadline: max(next, now + Self.shortestSweep)
    ) { [weak self] in
      self?.sweepTask = nil
      self?.sweep()
      self?.performPendingActions()
    }
  }

  // MARK: Calls

  package func start(_ request: CallRequest, observer: any CallObserver) -> any UpstreamCall {
    self.eventLoop.assertInEventLoop()
    let call = ClusterCall(request, cluster: self, hash: self.hash(of: request), observer)
    if self.hasDisconnectedMembers { self.connectMembers() }
    self.place(call)
    return call
  }

  /// Starts an attempt of a call, queues it, or fails it.
  func place(_ call: ClusterCall) {
    guard !self.isClosed else {
      return call.failLater(
        GRPCStatus(.unavailable, "the bridge is shutting down", origin: .notConnected))
    }
    switch self.state.pick(tried: call.tried, hash: call.hash, using: &self.generator) {
    case .member(let id):
      self.begin(call, on: id)
    case .wait:
      self.queue(call)
    case .none(let reason):
      if self.connectUrgently() {
        self.queue(call)
      } else {
        call.failLater(self.notConnected(reason))
      }
    }
  }

  private func queue(_ call: ClusterCall) {
    guard self.waiting.count < self.waitLimit else {
      return call.failLater(
        GRPCStatus(
          .unavailable, "\(self.waiting.count) calls already wait for these endpoints",
          origin: .shed))
    }
    self.waiting.append(call)
    call.wait(atMost: self.waitTime)
  }

  private func begin(_ call: ClusterCall, on id: MemberID) {
    guard let member = self.members[id] else {
      preconditionFailure("a call was assigned to an endpoint that doesn't exist")
    }
    self.state.began(id)
    call.begin(on: id, member.pool)
  }

  /// The endpoint of a member; nil once it's removed.
  func endpoint(of id: MemberID) -> Configuration.Endpoint? {
    self.members[id]?.pool.endpoint
  }

  /// Removes a call from the queue.
  func dequeue(_ call: ClusterCall) {
    self.waiting.removeAll { $0 === call }
  }

  /// Fails a call that has waited for the connect timeout.
  func waitedTooLong(_ call: ClusterCall) {
    self.dequeue(call)
    let reason =
      self.state.isListKnown ? "no connection to \(self.configuration.kind)" : self.unknown
    let milliseconds = self.waitTime.nanoseconds / 1_000_000
    call.fail(
      self.notConnected("\(reason) after \(milliseconds) ms (limits.connect_timeout)"))
  }

  private var unknown: String { "the endpoints of \(self.configuration.kind) aren't known yet" }

  /// Fails a waiting call whose deadline has passed.
  func deadlinePassed(_ call: ClusterCall, _ limit: CallLimit?) {
    self.dequeue(call)
    call.fail(
      .deadlineExceeded("no connection to \(self.configuration.kind)", limit, key: self.key))
  }

  /// Records the end of an attempt.
  ///
  /// - Parameter isFailure: whether it counts against the endpoint; nil: neither for nor against it.
  func attemptEnded(on id: MemberID, isFailure: Bool?) {
    self.state.ended(id, isFailure: isFailure, now: self.eventLoop.now)
    if isFailure == false { self.throttle?.succeeded() }
  }

  /// Decides, by the state of a call, what follows the failure of its attempt.
  func evaluate(
    _ call: inout ClusterCallState, _ status: GRPCStatus, isTimeout: Bool, _ request: CallRequest
  ) -> ClusterCallState.FailureAction {
    call.failed(
      status, isTimeout: isTimeout, timeLeft: request.deadline.map { $0 - self.eventLoop.now },
      policy: self.policy, throttle: &self.throttle, using: &self.generator
    ) { [state] tried in
      // An attempt that was never sent may wait for an endpoint that is connecting.
      state.hasOther(than: tried) || !state.isStuck
    }
  }

  private func notConnected(_ reason: String) -> GRPCStatus {
    GRPCStatus(.unavailable, self.withCause(reason), origin: .notConnected)
  }

  private func withCause(_ reason: String) -> String {
    let cause = self.discoveryFailure.map { "; the last attempt to find endpoints failed: \($0)" }
    return reason + (cause ?? "")
  }

  /// The hash of the metadata field that the ring uses.
  private func hash(of request: CallRequest) -> UInt64? {
    guard case .ringHash(let header) = self.configuration.balance.policy else { return nil }
    let metadata = request.metadata
    guard
      let field = metadata.fields.first(where: {
        metadata.bytes[$0.name].elementsEqual(header.utf8)
      })
    else {
      return nil
    }
    return StableHash.of(metadata.bytes[field.value])
  }

  // MARK: Pending actions

  private func performPendingActionsLater() {
    guard !self.areActionsDue else { return }
    self.areActionsDue = true
    self.eventLoop.assumeIsolated().execute { [weak self] in
      self?.areActionsDue = false
      self?.performPendingActions()
    }
  }

  private func performPendingActions() {
    if !self.waiting.isEmpty {
      if self.hasDisconnectedMembers { self.connectMembers() }
      // Each is placed once; one that must still wait is appended to the queue, which was emptied.
      let waiting = self.waiting
      self.waiting.removeAll(keepingCapacity: true)
      for call in waiting { self.place(call) }
    }
    if !self.probes.isEmpty { self.completeProbes() }
  }

  /// Connects members without a connection, unless that was tried recently.
  private func connectMembers() {
    let now = self.eventLoop.now
    guard now >= self.nextConnect else { return }
    self.nextConnect = now + Self.connectInterval
    let ids = self.state.toConnect
    self.hasDisconnectedMembers = !ids.isEmpty
    for id in ids { self.members[id]?.pool.connect(isUrgent: false) }
  }

  /// Retries all members before calls fail because none is reachable: that state may be two seconds
  /// old, and an endpoint may be back. Rate-limited, and shared by all calls.
  ///
  /// - Returns: whether there's an attempt to wait for.
  private func connectUrgently() -> Bool {
    let now = self.eventLoop.now
    guard now >= self.nextUrgentConnect else { return false }
    self.nextUrgentConnect = now + Self.urgentConnectInterval
    for id in self.state.toConnect {
      self.members[id]?.pool.connect(isUrgent: true)
    }
    return !self.members.isEmpty
  }

  // MARK: Life

  /// Probes whether a call would reach an endpoint, now or soon.
  package func probe() -> EventLoopFuture<Bool> {
    self.eventLoop.assertInEventLoop()
    let promise = self.eventLoop.makePromise(of: Bool.self)
    self.probes.append(promise)
    // As for a call.
    if self.state.isStuck { _ = self.connectUrgently() }
    self.connectMembers()
    self.completeProbes()
    return promise.futureResult
  }

  private func completeProbes() {
    guard self.state.isReady || self.state.isStuck else { return }
    let probes = self.probes
    self.probes = []
    for promise in probes { promise.succeed(self.state.isReady) }
  }

  /// The reason with which calls fail now.
  package var trouble: String {
    guard self.state.isListKnown else { return self.withCause(self.unknown) }
    return self.withCause(self.state.trouble ?? "no connection to \(self.configuration.kind)")
  }

  /// Ends all calls with UNAVAILABLE and closes the connections.
  package func closeNow() {
    self.eventLoop.assertInEventLoop()
    self.isClosed = true
    self.sweepTask?.cancel()
    self.sweepTask = nil
    let waiting = self.waiting
    self.waiting = []
    for call in waiting {
      call.fail(GRPCStatus(.unavailable, "the bridge is shutting down", origin: .transport))
    }
    for member in self.members.values {
      member.health?.stop()
      member.pool.closeNow()
    }
    for pool in self.drainingPools.values { pool.closeNow() }
    self.completeProbes()
  }

  /// How often members without a connection are connected while calls arrive.
  private static let connectInterval = TimeAmount.milliseconds(50)
  private static let urgentConnectInterval = TimeAmount.milliseconds(100)
  private static let shortestSweep = TimeAmount.milliseconds(10)
}
