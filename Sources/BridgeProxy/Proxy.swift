internal import AccessLogging
package import Addresses
internal import BridgeConfiguration
internal import Discovery
internal import Downstream
internal import NIOCore
internal import NIOPosix
internal import ProcessResources
internal import TLS
internal import Time
internal import Upstream

/// A bridge that serves a plan: owns listeners, pools, admin server and access log from start to
/// shutdown.
///
///     let proxy = Proxy(plan, onEvent: { … })
///     try await proxy.run(until: { await aSignal() })
///
/// Requests don't pass through here: it wires the serving parts together and tears them down.
package final class Proxy: Sendable {
  /// An event of the proxy as a whole, for the operator.
  package enum Event: Sendable, Equatable {
    /// Listening. One for each address, with the actual port if 0 was configured.
    case listening(ListenAddress, isSecure: Bool = false)
    /// The admin server is listening.
    case adminListening(ListenAddress)
    /// Everything is listening.
    case ready
    /// The schema of a service that uses reflection was requested again.
    case schema(service: String, SchemaChange)
    /// Certificates or keys have changed; new connections use them.
    case tlsReplaced(key: String)
    /// Certificates or keys have changed, but are invalid: the old ones stay in use.
    case tlsKept(key: String, reason: String)
    /// Serving continues for a while before draining.
    case drainDelayed(by: Duration)
    /// New requests are refused, and those in flight may finish.
    case draining(limit: Duration)
    /// Draining was interrupted.
    case interrupted
    /// A message for the operator; the proxy continues.
    case note(String)
  }

  private let plan: ServingPlan
  private let onEvent: @Sendable (Event) -> Void
  private let interruption: @Sendable () async -> Void

  /// - Parameters:
  ///   - onEvent: called in order, from any thread.
  ///   - interruption: started with the drain delay and again with the drain; its return ends either.
  package init(
    _ plan: ServingPlan, onEvent: @escaping @Sendable (Event) -> Void = { _ in },
    interruption: @escaping @Sendable () async -> Void = Proxy.never
  ) {
    self.plan = plan
    self.onEvent = onEvent
    self.interruption = interruption
  }

  /// Returns when its task is cancelled.
  package static let never: @Sendable () async -> Void = {
    let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
    for await _ in stream {}
    continuation.finish()
  }

  /// Serves until `end` returns and for the configured delay, then drains within the configured time.
  ///
  /// - Throws: `ListenError` when an address can't be bound.
  package func run(until end: () async -> Void) async throws {
    let configuration = self.plan.configuration
    let group = MultiThreadedEventLoopGroup(
      numberOfThreads: configuration.threads ?? System.coreCount)
    let accessLog = configuration.writesAccessLog ? AccessLogWriter() : nil
    do {
      let running = try await self.start(on: group, accessLog)
      let watching = self.watch(running.tls)
      await end()
      await self.delay(running, by: configuration.drainDelay)
      await self.drain(running, within: configuration.drainTimeout)
      watching?.cancel()
      await accessLog?.shutDown()
      try await group.shutdownGracefully()
    } catch {
      await accessLog?.shutDown()
      try? await group.shutdownGracefully()
      throw error
    }
  }
}

// MARK: - Start

extension Proxy {
  /// Everything that runs between start and shutdown.
  private struct Running {
    var front: HTTPFront
    var admin: AdminServer?
    var upstreams: [LoopUpstreams]
    /// Each follows one service's endpoint discovery, schema, or token.
    var tasks: [Task<Void, Never>]
    /// The HTTP client of endpoint discovery.
    var discoveryClient: DiscoveryClient
    /// All TLS contexts, for reloading.
    var tls: [ReloadableTLSContext]
  }

  private func start(
    on group: MultiThreadedEventLoopGroup, _ accessLog: AccessLogWriter?
  ) async throws -> Running {
    let configuration = self.plan.configuration
    let seed = UInt64.random(in: .min ... .max)
    let tls = self.plan.tls
    let listenerTLS = configuration.tls.map { tls.reloadable($0.settings, key: "tls") }
    let connectors = configuration.services.map { service in
      service.groups.indices.map { SocketConnector(service, group: $0, tls) }
    }
    var upstreams: [LoopUpstreams] = []
    let log = ReachabilityLog { [onEvent = self.onEvent] in onEvent(.note($0)) }
    for loop in group.makeIterator() {
      upstreams.append(
        try await loop.submit {
          LoopUpstreams(of: configuration, connectors, on: loop, seed: seed, log: log)
        }.get())
    }
    let upstreamsByLoop = Dictionary(
      uniqueKeysWithValues: upstreams.map { (ObjectIdentifier($0.eventLoop), $0) })
    let table = self.plan.table
    let trustedHosts = TrustedHosts(configuration)
    let throttle = AcceptThrottle(report: { [onEvent = self.onEvent] in onEvent(.note($0)) })
    let front = try await HTTPFront.start(
      configuration.listen, tls: listenerTLS, secure: configuration.tls?.listeners ?? [],
      limits: configuration.limits, on: group, throttle: throttle
    ) { loop in
      let upstreams = upstreamsByLoop[ObjectIdentifier(loop)]
      return LoopContext(
        eventLoop: loop, table: table, upstreams: upstreams?.upstreams ?? [],
        limits: configuration.limits, flushQueue: upstreams?.flushQueue.value,
        recorder: accessLog?.makeRecorder(on: loop),
        trustedHosts: trustedHosts, tls: listenerTLS,
        report: { [onEvent = self.onEvent] in onEvent(.note($0)) })
    }
    let serving = ServingSwitch(table, apply: { front.serve($0) })
    let admin: AdminServer?
    do {
      admin = try await self.startAdmin(on: group, throttle, upstreams, serving)
    } catch {
      await front.drain(within: .zero)
      throw error
    }
    for listener in front.listening {
      let isSecure = configuration.tls?.listeners.contains(listener.index) ?? false
      self.onEvent(.listening(listener.address, isSecure: isSecure))
    }
    for address in admin?.addresses ?? [] { self.onEvent(.adminListening(address)) }
    self.onEvent(.ready)
    let client = DiscoveryClient(group: group)
    return Running(
      front: front, admin: admin, upstreams: upstreams,
      tasks: self.discover(for: upstreams, by: client.fetch, on: group.next())
        + self.followTokens(for: upstreams) + self.watchSchemas(over: upstreams, in: serving)
        + self.giveBackMemory(on: group),
      discoveryClient: client,
      tls: [listenerTLS].compactMap { $0 } + connectors.joined().compactMap(\.tls))
  }

  /// Reloads certificate and key files when they change, until cancelled. Nil if there are none.
  private func watch(_ tls: [ReloadableTLSContext]) -> Task<Void, Never>? {
    guard !tls.isEmpty else { return nil }
    return Task { [onEvent = self.onEvent] in
      var reloader = TLSContextReloader(tls)
      await reloader.run { outcome in
        switch outcome {
        case .replaced(let key): onEvent(.tlsReplaced(key: key))
        case .kept(let key, let reason): onEvent(.tlsKept(key: key, reason: reason))
        }
      }
    }
  }

  private func startAdmin(
    on group: MultiThreadedEventLoopGroup, _ throttle: AcceptThrottle, _ upstreams: [LoopUpstreams],
    _ serving: ServingSwitch
  ) async throws -> AdminServer? {
    guard let address = self.plan.configuration.admin, let upstreams = upstreams.first else {
      return nil
    }
    let services = self.plan.configuration.services
    return try await AdminServer.start(on: address, group: group, throttle: throttle) {
      await serving.mark(await upstreams.probe(services))
    }
  }
}

// MARK: - Memory

extension Proxy {
  /// Returns memory to the system after a peak, until cancelled.
  private func giveBackMemory(on group: MultiThreadedEventLoopGroup) -> [Task<Void, Never>] {
    guard let idle = ProcessMemory.residentByteCount else { return [] }
    return [
      Task {
        var schedule = MemoryReleaseSchedule(idle: idle)
        while !Task.isCancelled {
          try? await Task.sleep(for: MemoryReleaseSchedule.interval)
          guard let before = ProcessMemory.residentByteCount, schedule.sampled(resident: before)
          else { continue }
          for loop in group.makeIterator() {
            try? await loop.submit { ProcessMemory.releaseOfThread() }.get()
          }
          ProcessMemory.release()
          schedule.released(from: before, to: ProcessMemory.residentByteCount ?? before)
        }
      }
    ]
  }
}

// MARK: - Discovery

extension Proxy {
  /// All endpoint groups.
  private var groups: [(EndpointGroupID, Configuration.Service, Configuration.EndpointGroup)] {
    self.plan.configuration.services.enumerated().flatMap { index, service in
      service.groups.enumerated().map { (EndpointGroupID(service: index, group: $0), service, $1) }
    }
  }

  /// Discovers the endpoints of the groups whose lists may change, and applies them on every loop.
  private func discover(
    for upstreams: [LoopUpstreams], by fetch: HTTPFetch, on eventLoop: any EventLoop
  ) -> [Task<Void, Never>] {
    self.groups.compactMap { id, _, group in
      guard let source = group.cluster.kind.makeSource(fetch: fetch, on: eventLoop)
      else { return nil }
      return Task {
        await EndpointWatch.run(source) { update in
          for loop in upstreams { loop.apply(update, of: id) }
        }
      }
    }
  }
}

// MARK: - Schemas

extension Proxy {
  /// Follows the schemas of the services that use reflection.
  private func watchSchemas(
    over upstreams: [LoopUpstreams], in serving: ServingSwitch
  ) -> [Task<Void, Never>] {
    guard let first = upstreams.first else { return [] }
    var tasks: [Task<Void, Never>] = []
    for (index, service) in self.plan.configuration.services.enumerated()
    where service.reflection != nil {
      let watch = ReflectionWatch(
        service, at: index, known: self.plan.reflected[index], in: serving,
        request: {
          await ReflectionLoader.request(service, on: first.eventLoop) { first.upstreams[index][0] }
        },
        report: { [onEvent] in onEvent(.schema(service: service.name, $0)) })
      for loop in upstreams {
        loop.followPresence(ofService: index) { watch.connectionChanged(isThere: $0) }
      }
      tasks.append(Task { await watch.run() })
    }
    return tasks
  }
}

// MARK: - Secrets

extension Proxy {
  /// Re-reads the services' token files periodically, and applies new tokens on every loop.
  private func followTokens(for upstreams: [LoopUpstreams]) -> [Task<Void, Never>] {
    self.groups.compactMap { id, service, group in
      guard let auth = group.auth, let file = auth.file else { return nil }
      let key = "\(service.path(ofGroup: id.group)).auth.token_file"
      return Task {
        await TokenFileWatch(file, first: auth.token).run { action in
          switch action {
          case .nothing:
            break
          case .renew(let token):
            for loop in upstreams { loop.renew(token, of: id) }
            self.onEvent(.note("\(key): calls use the new token of \(file)"))
          case .report(let text):
            self.onEvent(.note("\(key): \(text)"))
          }
        }
      }
    }
  }
}

// MARK: - End

extension Proxy {
  /// Keeps serving while `/readyz` announces the shutdown, until the delay has passed or is interrupted.
  private func delay(_ running: Running, by delay: Duration) async {
    guard delay > .zero else { return }
    self.onEvent(.drainDelayed(by: delay))
    running.admin?.beginDraining()
    await withTaskGroup(of: Void.self) { group in
      // Also returns on cancellation.
      group.addTask { try? await Task.sleep(for: delay) }
      group.addTask { await self.interruption() }
      await group.next()
      group.cancelAll()
    }
  }

  private func drain(_ running: Running, within limit: Duration) async {
    self.onEvent(.draining(limit: limit))
    running.admin?.beginDraining()
    await withTaskGroup(of: Bool.self) { group in
      group.addTask {
        await running.front.drain(within: TimeAmount(clamping: limit))
        return true
      }
      group.addTask {
        await self.interruption()
        return false
      }
      if await group.next() == false, !Task.isCancelled {
        self.onEvent(.interrupted)
        await running.front.drain(within: .zero)
      }
      group.cancelAll()
    }
    for task in running.tasks { task.cancel() }
    // Reflection calls in flight end with the connections.
    for upstreams in running.upstreams { await upstreams.close() }
    for task in running.tasks { await task.value }
    await running.discoveryClient.shutDown()
    await running.admin?.close()
  }
}

extension SocketConnector {
  /// A connector for an endpoint group of a service, shared by all loops.
  init(_ service: Configuration.Service, group index: Int, _ contexts: TLSContexts) {
    let cluster = service.groups[index].cluster
    let tls = cluster.tls.map {
      contexts.reloadable($0.settings, key: "\(service.path(ofGroup: index)).tls")
    }
    self.init(tls: tls, serverName: cluster.tls?.serverName ?? cluster.kind.serverName)
  }
}

extension Proxy.Event: CustomStringConvertible {
  package var description: String {
    switch self {
    case .listening(let address, let isSecure): "listening on \(address.url(isSecure: isSecure))"
    case .adminListening(let address): "admin on \(address.url(isSecure: false))"
    case .ready: "ready"
    case .schema(let service, let change): "service \(service) \(change)"
    case .tlsReplaced(let key): "\(key): the files have changed; new connections use them"
    case .tlsKept(let key, let reason):
      "\(key): the files have changed, but \(reason); the previous ones stay in use"
    case .drainDelayed(let delay):
      "keeps serving for \(DurationText.of(delay)), then drains"
    case .draining(let limit):
      "draining; requests in flight have \(DurationText.of(limit)) to finish"
    case .interrupted: "aborting requests in flight"
    case .note(let text): text
    }
  }
}
