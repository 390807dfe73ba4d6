internal import NIOCore

/// What carries the calls of one event loop, one for each service, in their order.
struct LoopUpstreams: Sendable {
  /// One endpoint that is always the same needs no cluster around its pool.
  fileprivate enum Kind {
    case pool(any EndpointPool)
    case cluster(Cluster)
  }

  let eventLoop: any EventLoop
  private let kinds: NIOLoopBound<[Kind]>
  /// Nil where calls aren't authorised.
  private let credentials: NIOLoopBound<[Credentials?]>

  /// On that loop.
  ///
  /// - Parameters:
  ///   - connectors: what connects to the endpoints of each service.
  ///   - seed: of the process, for the choice among many endpoints.
  init(
    of configuration: Configuration, _ connectors: [SocketConnector], on eventLoop: any EventLoop,
    seed: UInt64
  ) {
    self.eventLoop = eventLoop
    let credentials = configuration.services.map { $0.auth.map(Credentials.init) }
    let kinds = configuration.services.indices.map { index -> Kind in
      let service = configuration.services[index]
      let cluster = service.cluster
      let makePool = { (endpoint: Configuration.Endpoint) -> any EndpointPool in
        Self.pool(
          of: service, to: endpoint, limits: configuration.limits, connectors[index],
          credentials[index], on: eventLoop)
      }
      if let only = cluster.only { return .pool(makePool(only)) }
      let made = Cluster(
        eventLoop: eventLoop, cluster, limits: configuration.limits, seed: seed, makePool: makePool)
      if let endpoints = cluster.kind.fixed { made.update(endpoints) }
      return .cluster(made)
    }
    self.kinds = NIOLoopBound(kinds, eventLoop: eventLoop)
    self.credentials = NIOLoopBound(credentials, eventLoop: eventLoop)
  }

  /// The connections to one endpoint, by the transport of the service.
  private static func pool(
    of service: Configuration.Service, to endpoint: Configuration.Endpoint,
    limits: Configuration.Limits, _ connector: SocketConnector, _ credentials: Credentials?,
    on eventLoop: any EventLoop
  ) -> any EndpointPool {
    let cluster = service.cluster
    if let transport = service.transport {
      return HTTP1Pool(
        eventLoop: eventLoop, endpoint: endpoint, transport,
        callPath: transport.callPath(service: service.name), limits: limits,
        connections: cluster.connections, userAgent: Self.userAgent, authority: cluster.authority,
        connector: connector, credentials: credentials)
    }
    return Pool(
      eventLoop: eventLoop, endpoint: endpoint, limits: limits, connections: cluster.connections,
      userAgent: Self.userAgent, authority: cluster.authority, connector: connector,
      credentials: credentials, statuses: cluster.kind.statuses)
  }

  private static let userAgent = "bridge-proxy"

  /// For the loop's `LoopContext`.
  var upstreams: [any Upstream] {
    self.kinds.value.map { kind in
      switch kind {
      case .pool(let pool): pool
      case .cluster(let cluster): cluster
      }
    }
  }

  /// Finds the endpoints of a service for this loop alone, until it's cancelled. Nil where there's
  /// nothing to find.
  func discover(
    _ service: Configuration.Service, at index: Int, by fetch: HTTPFetch
  ) -> Task<Void, Never>? {
    service.cluster.kind.makeSource(fetch: fetch, on: self.eventLoop).map { source in
      Task { await EndpointWatch.run(source) { self.learn($0, ofService: index) } }
    }
  }

  /// Something was learned of a service's endpoints.
  func learn(_ action: EndpointWatch.Action, ofService index: Int) {
    self.eventLoop.execute {
      guard case .cluster(let cluster) = self.kinds.value[index] else { return }
      switch action {
      case .update(let endpoints): cluster.update(endpoints)
      case .failed(let reason): cluster.discoveryFailed(reason)
      case .nothing: break
      }
    }
  }

  /// Tells whenever a connection to an endpoint of a service is there and none was before (true), and
  /// when the last one to an endpoint is gone (false), on the loop.
  func followPresence(ofService index: Int, _ tell: @escaping @Sendable (Bool) -> Void) {
    self.eventLoop.execute {
      switch self.kinds.value[index] {
      case .pool(let pool):
        var isPresent = false
        pool.onConnectivity = { connectivity in
          guard (connectivity == .ready) != isPresent else { return }
          isPresent.toggle()
          tell(isPresent)
        }
      case .cluster(let cluster):
        cluster.onPresence = tell
      }
    }
  }

  /// Calls of a service that begin from now on carry this token.
  func renew(_ token: Configuration.Secret, ofService index: Int) {
    self.eventLoop.execute { self.credentials.value[index]?.renew(token) }
  }

  /// Asks the endpoints of each service.
  func probe(_ services: [Configuration.Service]) async -> [AdminServer.Readiness] {
    let answers = self.eventLoop.flatSubmit {
      EventLoopFuture.whenAllComplete(self.kinds.value.map { $0.probe() }, on: self.eventLoop)
    }
    let results = (try? await answers.get()) ?? []
    let troubles =
      (try? await self.eventLoop.submit { self.kinds.value.map(\.trouble) }.get()) ?? []
    return zip(services, zip(results, troubles)).map { service, answer in
      let isReachable = (try? answer.0.get()) ?? false
      return AdminServer.Readiness(
        service: service.name, isReachable: isReachable, reason: isReachable ? "" : answer.1)
    }
  }

  /// Closes all connections to endpoints; calls that are left end.
  func close() async {
    try? await self.eventLoop.submit {
      for kind in self.kinds.value {
        switch kind {
        case .pool(let pool): pool.closeNow()
        case .cluster(let cluster): cluster.closeNow()
        }
      }
    }.get()
  }
}

extension LoopUpstreams.Kind {
  fileprivate func probe() -> EventLoopFuture<Bool> {
    switch self {
    case .pool(let pool): pool.probe()
    case .cluster(let cluster): cluster.probe()
    }
  }

  /// Why it can't be reached.
  fileprivate var trouble: String {
    switch self {
    case .pool(let pool): "no connection to \(pool.endpoint)"
    case .cluster(let cluster): cluster.trouble
    }
  }
}
