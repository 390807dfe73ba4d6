package import BridgeConfiguration

/// Polls the endpoints of a PAI-EAS service from the discovery API of its region.
package struct EASDirectSource: EndpointSource {
  private let settings: Configuration.EASDirect
  private let fetch: HTTPFetch
  private let clock: DiscoveryClock

  package init(
    _ settings: Configuration.EASDirect, fetch: HTTPFetch, clock: DiscoveryClock = .system
  ) {
    self.settings = settings
    self.fetch = fetch
    self.clock = clock
  }

  package func updates() -> AsyncStream<EndpointUpdate> {
    EndpointUpdates.stream { updates in
      var state = EASDirectState(self.settings)
      var pace = DiscoveryPace()
      while !Task.isCancelled {
        var step = state.begin()
        while case .send(let request) = step {
          step = state.receive(await self.fetch(request))
        }
        if case .done(let update?) = step {
          updates.yield(update)
          pace.note(update)
        }
        await self.clock.sleep(pace.wait(self.settings.interval))
      }
    }
  }
}
