internal import BridgeConfiguration
internal import Discovery
internal import Downstream
internal import NIOCore
internal import Upstream

/// What carries the calls of one event loop, one for each service, in their order.
struct LoopUpstreams: Sendable {
  /// One endpoint that is always the same needs no cluster around its pool.
  fileprivate enum Kind {
    case pool(any EndpointPool)
    case cluster(Cluster)
  }

  let eventLoop: any EventLoop
  /// For each group of endpoints of each service.
  private let kinds: NIOLoopBound<[[Kind]]>
  /// Nil where calls aren't authorised.
  private let credentials: NIOLoopBound<[[Credentials?]]>

  /// On that loop.
  ///
  /// - Parameters:
  ///   - connectors: what connects to each group of endpoints of each service.
  ///   - seed: of the process, for the choice among many endpoints.
  ///   - log: told of endpoints that are lost and come back; nil: nobody is.
  init(
    of configuration: Configuration, _ connectors: [[SocketConnector]], on eventLoop: any EventLoop,
    seed: UInt64, log: ReachabilityLog? = nil
  ) {
    self.eventLoop = eventLoop
    let groups = configuration.services.map(\.groups)
    let credentials = groups.map { $0.map { $0.auth.map(Credentials.init) } }
    let kinds = groups.indices.map { service -> [Kind] in
      groups[service].indices.map { index -> Kind in
        let group = groups[service][index]
        let name = configuration.services[service].name
        let callPath = group.transport?.callPath(service: name)
        let key = "services.\(name)"
        let via = configuration.services[service].sendsVia ? Via.pseudonym : nil
        return Self.kind(
          of: group.cluster, limits: configuration.limits, seed, key: key, on: eventLoop
        ) {
          let pool = Self.pool(
            of: group, callPath: callPath ?? "", to: $0, limits: configuration.limits,
            connectors[service][index], credentials[service][index], key: key, via: via,
            on: eventLoop)
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
    self.kinds = NIOLoopBound(kinds, eventLoop: eventLoop)
    self.credentials = NIOLoopBound(credentials, eventLoop: eventLoop)
  }

  private static func kind(
    of cluster: Configuration.Cluster, limits: Configuration.Limits, _ seed: UInt64, key: String,
    on eventLoop: any EventLoop, makePool: @escaping Cluster.MakePool
  ) -> Kind {
    if let only = cluster.only { return .pool(makePool(only)) }
    let made = Cluster(
      eventLoop: eventLoop, cluster, limits: limits, seed: seed, key: key, makePool: makePool)
    if let endpoints = cluster.kind.fixed { made.update(endpoints) }
    return .cluster(made)
  }

  /// The connections to one endpoint, by the transport of the service.
  private static func pool(
    of group: Configuration.EndpointGroup, callPath: String, to endpoint: Configuration.Endpoint,
    limits: Configuration.Limits, _ connector: SocketConnector, _ credentials: Credentials?,
    key: String, via: String?, on eventLoop: any EventLoop
  ) -> any EndpointPool {
    let cluster = group.cluster
    if let transport = group.transport {
      return HTTP1Pool(
        eventLoop: eventLoop, endpoint: endpoint, transport,
        callPath: callPath, limits: limits, connections: cluster.connections,
        userAgent: Self.userAgent, authority: cluster.authority,
        connector: connector, credentials: credentials, key: key, via: via)
    }
    return HTTP2Pool(
      eventLoop: eventLoop, endpoint: endpoint, limits: limits, connections: cluster.connections,
      userAgent: Self.userAgent, authority: cluster.authority, connector: connector,
      credentials: credentials, statuses: cluster.kind.statuses, key: key, via: via)
  }

  private static let userAgent = "bridge-proxy"

  /// For the loop's `LoopContext`.
  var upstreams: [any Upstream] {
    self.kinds.value.map { kinds in
      kinds.count == 1 ? kinds[0].upstream : GroupedUpstream(kinds.map(\.upstream))
    }
  }

  /// Finds the endpoints of a service for this loop alone, until it's cancelled: those of its first
  /// group. Nil where there's nothing to find.
  func discover(
    _ service: Configuration.Service, at index: Int, by fetch: HTTPFetch
  ) -> Task<Void, Never>? {
    service.cluster.kind.makeSource(fetch: fetch, on: self.eventLoop).map { source in
      let id = EndpointGroupID(service: index, group: 0)
      return Task { await EndpointWatch.run(source) { self.apply($0, of: id) } }
    }
  }

  /// Something was learned of a group's endpoints.
  func apply(_ action: EndpointWatch.Action, of id: EndpointGroupID) {
    self.eventLoop.execute {
      guard case .cluster(let cluster) = self.kinds.value[id.service][id.group] else {
        return
      }
      switch action {
      case .update(let endpoints): cluster.update(endpoints)
      case .failed(let reason): cluster.discoveryFailed(reason)
      case .nothing: break
      }
    }
  }

  /// Tells whenever a connection to an endpoint of a service's first group is there and none was before
  /// (true), and when the last one to an endpoint is gone (false), on the loop.
  func followPresence(ofService index: Int, _ report: @escaping @Sendable (Bool) -> Void) {
    self.eventLoop.execute {
      switch self.kinds.value[index][0] {
      case .pool(let pool):
        var isPresent = false
        pool.onConnectivity = { connectivity in
          guard (connectivity == .ready) != isPresent else { return }
          isPresent.toggle()
          report(isPresent)
        }
      case .cluster(let cluster):
        cluster.onPresence = report
      }
    }
  }

  /// Calls to a group that begin from now on carry this token.
  func renew(_ token: Configuration.Secret, of id: EndpointGroupID) {
    self.eventLoop.execute {
      self.credentials.value[id.service][id.group]?.renew(token)
    }
  }

  /// Asks the endpoints of each service; of several groups the first one, which is the service's own.
  func probe(_ services: [Configuration.Service]) async -> [AdminServer.Readiness] {
    let responses = self.eventLoop.flatSubmit {
      EventLoopFuture.whenAllComplete(self.kinds.value.map { $0[0].probe() }, on: self.eventLoop)
    }
    let results = (try? await responses.get()) ?? []
    let troubles =
      (try? await self.eventLoop.submit { self.kinds.value.map(\.[0].trouble) }.get()) ?? []
    return zip(services, zip(results, troubles)).map { service, response in
      let isReachable = (try? response.0.get()) ?? false
      return AdminServer.Readiness(
        service: service.name, isReachable: isReachable, reason: isReachable ? "" : response.1)
    }
  }

  /// Closes all connections to endpoints; calls that are left end.
  func close() async {
    try? await self.eventLoop.submit {
      for kind in self.kinds.value.joined() {
        switch kind {
        case .pool(let pool): pool.closeNow()
        case .cluster(let cluster): cluster.closeNow()
        }
      }
    }.get()
  }
}

extension LoopUpstreams.Kind {
  fileprivate var upstream: any Upstream {
    switch self {
    case .pool(let pool): pool
    case .cluster(let cluster): cluster
    }
  }

  fileprivate func probe() -> EventLoopFuture<Bool> {
    switch self {
    case .pool(let pool): pool.probe()
    case .cluster(let cluster): cluster.probe()
    }
  }

  /// Why it can't be reached.
  fileprivate var trouble: String {
    switch self {
    case .pool(let pool): pool.trouble
    case .cluster(let cluster): cluster.trouble
    }
  }
}
