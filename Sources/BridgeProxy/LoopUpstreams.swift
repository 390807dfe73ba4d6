internal import NIOCore

/// What carries the calls of one event loop, one for each service, in their order.
struct LoopUpstreams: Sendable {
  /// One endpoint that is always the same needs no cluster around its pool.
  fileprivate enum Kind {
    case pool(Pool)
    case cluster(Cluster)
  }

  let eventLoop: any EventLoop
  private let kinds: NIOLoopBound<[Kind]>

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
    let kinds = zip(configuration.services, connectors).map { service, connector -> Kind in
      let cluster = service.cluster
      let makePool = { (endpoint: Configuration.Endpoint) in
        Pool(
          eventLoop: eventLoop, endpoint: endpoint, limits: configuration.limits,
          connections: cluster.connections, userAgent: "bridge-proxy", authority: cluster.authority,
          connector: connector)
      }
      if let only = cluster.only { return .pool(makePool(only)) }
      let made = Cluster(
        eventLoop: eventLoop, cluster, limits: configuration.limits, seed: seed, makePool: makePool)
      if case .static(let endpoints) = cluster.kind { made.update(endpoints) }
      return .cluster(made)
    }
    self.kinds = NIOLoopBound(kinds, eventLoop: eventLoop)
  }

  /// For the loop's `LoopContext`.
  var upstreams: [any Upstream] {
    self.kinds.value.map { kind in
      switch kind {
      case .pool(let pool): pool
      case .cluster(let cluster): cluster
      }
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
