internal import BridgeConfiguration
internal import Discovery
internal import Downstream
internal import HTTP2
internal import NIOCore
internal import Upstream

/// The upstreams of one event loop, one for each service, in the order of the configuration.
struct LoopUpstreams: Sendable {
  let eventLoop: any EventLoop
  /// Shared by the loop's connections to endpoints and from clients.
  let flushQueue: NIOLoopBound<FlushQueue>
  /// One for each endpoint group of each service: a `Cluster`, or the pool of a single fixed endpoint, which
  /// needs no cluster around it.
  private let groups: NIOLoopBound<[[any ServiceUpstream]]>
  /// Nil if calls carry no credentials.
  private let credentials: NIOLoopBound<[[Credentials?]]>

  /// Creates the pools and clusters; called on the event loop.
  ///
  /// - Parameters:
  ///   - connectors: one for each endpoint group of each service.
  ///   - seed: chosen once per process; for load balancing.
  ///   - log: reports endpoints that become unreachable or reachable again; nil: no reports.
  init(
    of configuration: Configuration, _ connectors: [[SocketConnector]], on eventLoop: any EventLoop,
    seed: UInt64, log: ReachabilityLog? = nil
  ) {
    self.eventLoop = eventLoop
    let flushQueue = FlushQueue(eventLoop: eventLoop)
    let groups = configuration.services.map(\.groups)
    let credentials = groups.map { $0.map { $0.auth.map(Credentials.init) } }
    let upstreams = groups.indices.map { service in
      groups[service].indices.map { index in
        let group = groups[service][index]
        let name = configuration.services[service].name
        let callPath = group.transport?.callPath(service: name)
        let key = "services.\(name)"
        let via = configuration.services[service].sendsVia ? Via.pseudonym : nil
        return Self.upstream(
          of: group.cluster, limits: configuration.limits, seed, key: key, on: eventLoop
        ) {
          let pool = Self.pool(
            of: group, callPath: callPath ?? "", to: $0, limits: configuration.limits,
            connectors[service][index], credentials[service][index], key: key, via: via,
            flushQueue: flushQueue, on: eventLoop)
          if let log {
            let id = EndpointGroupID(service: service, group: index)
            let shown = index == 0 ? name : "\(name).\(group.name)"
            pool.onReachability = { [endpoint = pool.endpoint] in
              log.note($0, of: endpoint, at: id, name: shown, on: eventLoop)
            }
          }
          return pool
        }
      }
    }
    self.flushQueue = NIOLoopBound(flushQueue, eventLoop: eventLoop)
    self.groups = NIOLoopBound(upstreams, eventLoop: eventLoop)
    self.credentials = NIOLoopBound(credentials, eventLoop: eventLoop)
  }

  private static func upstream(
    of cluster: Configuration.Cluster, limits: Configuration.Limits, _ seed: UInt64, key: String,
    on eventLoop: any EventLoop, makePool: @escaping Cluster.MakePool
  ) -> any ServiceUpstream {
    if let only = cluster.only { return makePool(only) }
    let made = Cluster(
      eventLoop: eventLoop, cluster, limits: limits, seed: seed, key: key, makePool: makePool)
    if let endpoints = cluster.kind.fixed { made.update(endpoints) }
    return made
  }

  /// The connection pool of one endpoint, for the transport of the service.
  private static func pool(
    of group: Configuration.EndpointGroup, callPath: String, to endpoint: Configuration.Endpoint,
    limits: Configuration.Limits, _ connector: SocketConnector, _ credentials: Credentials?,
    key: String, via: String?, flushQueue: FlushQueue, on eventLoop: any EventLoop
  ) -> any EndpointPool {
    let cluster = group.cluster
    if let transport = group.transport {
      return HTTP1Pool(
        eventLoop: eventLoop, endpoint: endpoint, transport,
        callPath: callPath, limits: limits, connections: cluster.connections,
        userAgent: Product.userAgent, authority: cluster.authority,
        connector: connector, credentials: credentials, key: key, via: via)
    }
    return HTTP2Pool(
      eventLoop: eventLoop, endpoint: endpoint, limits: limits, connections: cluster.connections,
      userAgent: Product.userAgent, authority: cluster.authority, connector: connector,
      credentials: credentials, statuses: cluster.kind.statuses, key: key, via: via,
      flushQueue: flushQueue)
  }

  /// The upstreams of each service's groups, for the loop's `LoopContext`.
  var upstreams: [[any Upstream]] { self.groups.value }

  /// Discovers the endpoints of a service's first group for this loop only, until cancelled. Nil for a
  /// fixed list.
  func discover(
    _ service: Configuration.Service, at index: Int, by fetch: HTTPFetch
  ) -> Task<Void, Never>? {
    service.cluster.kind.makeSource(fetch: fetch, on: self.eventLoop).map { source in
      let id = EndpointGroupID(service: index, group: 0)
      return Task { await EndpointWatch.run(source) { self.apply($0, of: id) } }
    }
  }

  /// Applies a discovery result to a group's cluster.
  func apply(_ update: EndpointUpdate, of id: EndpointGroupID) {
    self.eventLoop.execute {
      guard let cluster = self.groups.value[id.service][id.group] as? Cluster else { return }
      switch update {
      case .endpoints(let endpoints): cluster.update(endpoints)
      case .failure(let reason): cluster.discoveryFailed(reason)
      }
    }
  }

  /// Reports on the loop when the first connection to an endpoint of a service's first group is
  /// established (true), and when the last one is closed (false).
  func followPresence(ofService index: Int, _ report: @escaping @Sendable (Bool) -> Void) {
    self.eventLoop.execute { self.groups.value[index][0].followPresence(report) }
  }

  /// Makes new calls to a group carry this token.
  func renew(_ token: Configuration.Secret, of id: EndpointGroupID) {
    self.eventLoop.execute {
      self.credentials.value[id.service][id.group]?.renew(token)
    }
  }

  /// Probes the endpoints of each service; only those of its first group, which is the service's own.
  func probe(_ services: [Configuration.Service]) async -> [AdminServer.Readiness] {
    let probes = self.eventLoop.flatSubmit {
      EventLoopFuture.whenAllComplete(self.groups.value.map { $0[0].probe() }, on: self.eventLoop)
    }
    let results = (try? await probes.get()) ?? []
    let troubles =
      (try? await self.eventLoop.submit { self.groups.value.map(\.[0].trouble) }.get()) ?? []
    return zip(services, zip(results, troubles)).map { service, outcome in
      let isReachable = (try? outcome.0.get()) ?? false
      return AdminServer.Readiness(
        service: service.name, isReachable: isReachable, reason: isReachable ? "" : outcome.1)
    }
  }

  /// Closes all connections to endpoints; calls in flight fail.
  func close() async {
    try? await self.eventLoop.submit {
      for upstream in self.groups.value.joined() { upstream.closeNow() }
    }.get()
  }
}
