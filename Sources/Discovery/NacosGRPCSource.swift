package import BridgeConfiguration
package import NIOCore
package import Upstream

/// Instances of a service in Nacos, from a gRPC subscription.
package struct NacosGRPCSource: EndpointSource {
  private let settings: Configuration.Nacos
  private let fetch: HTTPFetch
  private let eventLoop: any EventLoop
  private let clock: DiscoveryClock
  private let connector: @Sendable () -> any Connector

  /// - Parameters:
  ///   - fetch: sends login requests, which use HTTP.
  ///   - eventLoop: carries the connection and parses what the registry sends.
  package init(
    _ settings: Configuration.Nacos, fetch: HTTPFetch, on eventLoop: any EventLoop,
    clock: DiscoveryClock = .system,
    connector: @escaping @Sendable () -> any Connector = { SocketConnector() }
  ) {
    self.settings = settings
    self.fetch = fetch
    self.eventLoop = eventLoop
    self.clock = clock
    self.connector = connector
  }

  package func updates() -> AsyncStream<EndpointUpdate> {
    EndpointUpdates.stream { updates in
      var servers = NacosServers(self.settings.servers)
      var login = NacosLogin(self.settings)
      var secrets = NacosSecrets(self.settings.credentials)
      var generator = SystemRandomNumberGenerator()
      while !Task.isCancelled {
        if let reason = await secrets.renew() { updates.yield(.failure(reason)) }
        login.credentials = secrets.credentials
        let (ending, liveFor) = await self.visit(servers.current, &login, &updates)
        var canLogIn = false
        if case .forbidden = ending { canLogIn = login.forget() }
        let next = servers.ended(
          ending, liveFor: liveFor, canLogIn: canLogIn, using: &generator)
        if let report = next.report { updates.yield(.failure(report)) }
        if next.wait > .zero { await self.clock.sleep(.nanoseconds(next.wait.nanoseconds)) }
      }
    }
  }

  /// Logs in if needed, subscribes, and publishes updates until the session ends.
  private func visit(
    _ server: Configuration.Endpoint, _ login: inout NacosLogin, _ updates: inout EndpointUpdates
  ) async -> (NacosSession.Ending, liveFor: Duration?) {
    if login.isNeeded(now: self.clock.now()) {
      var step = login.begin(at: server)
      while case .send(let request) = step {
        step = login.receive(await self.fetch(request), from: server, now: self.clock.now())
      }
      if case .failed(let reason) = step { return (.failed(reason), nil) }
    }
    guard case .tcp(let host, let port) = server.address else {
      return (.failed("\(server) is not a valid registry address"), nil)
    }
    let address = Configuration.Endpoint(host: host, port: port + self.settings.grpcPortOffset)
    let session = NacosSession(
      self.settings, source: "\(address)",
      fields: login.fields(wallMilliseconds: self.clock.wallMilliseconds()))
    let outputs = NacosConnection.outputs(
      session, at: address, on: self.eventLoop, connector: self.connector)
    for await output in outputs {
      switch output {
      case .update(let update): updates.yield(update)
      case .end(let ending, let liveFor): return (ending, liveFor)
      }
    }
    return (.failed("cancelled"), nil)
  }
}
