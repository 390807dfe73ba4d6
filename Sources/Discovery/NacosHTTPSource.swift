package import BridgeConfiguration

/// Instances of a service in Nacos, polled over HTTP.
package struct NacosHTTPSource: EndpointSource {
  private let settings: Configuration.Nacos
  private let fetch: HTTPFetch
  private let clock: DiscoveryClock

  /// Poll interval if neither the configuration nor the registry sets one.
  private static let usualInterval: Duration = .seconds(10)
  /// Lower bound for the cache time that the registry requests.
  private static let shortestInterval: Duration = .seconds(1)

  package init(
    _ settings: Configuration.Nacos, fetch: HTTPFetch, clock: DiscoveryClock = .system
  ) {
    self.settings = settings
    self.fetch = fetch
    self.clock = clock
  }

  package func updates() -> AsyncStream<EndpointUpdate> {
    EndpointUpdates.stream { updates in
      var state = NacosPollState(self.settings)
      var secrets = NacosSecrets(self.settings.credentials)
      var pace = DiscoveryPace()
      var interval = self.settings.pollInterval ?? Self.usualInterval
      while !Task.isCancelled {
        if let reason = await secrets.renew() { updates.yield(.failure(reason)) }
        state.login.credentials = secrets.credentials
        var step = state.begin(
          now: self.clock.now(), wallMilliseconds: self.clock.wallMilliseconds())
        while case .send(let request) = step {
          let outcome = await self.fetch(request)
          step = state.receive(
            outcome, now: self.clock.now(), wallMilliseconds: self.clock.wallMilliseconds())
        }
        if case .done(let update, let cacheTime) = step {
          updates.yield(update)
          pace.note(update)
          if self.settings.pollInterval == nil, let cacheTime {
            interval = max(cacheTime, Self.shortestInterval)
          }
        }
        await self.clock.sleep(pace.wait(interval))
      }
    }
  }
}
