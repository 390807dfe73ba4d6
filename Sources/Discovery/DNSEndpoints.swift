package import Addresses
package import BridgeConfiguration

/// Endpoints of a DNS name, resolved periodically: all addresses of a host, such as a headless Kubernetes
/// service, or the hosts that its SRV records name (RFC 2782).
///
/// All addresses of a host have the same weight. Of the SRV records, those with the lowest priority whose
/// hosts resolve are used, with their weights.
///
/// The system resolver doesn't expose TTLs, so the interval comes from the configuration. After a failure
/// the next attempt is made sooner.
package struct DNSEndpoints: EndpointSource {
  private let settings: Configuration.DNS
  private let resolver: DNSResolver
  private let clock: DiscoveryClock

  package init(
    _ settings: Configuration.DNS, resolver: DNSResolver? = nil, clock: DiscoveryClock = .system
  ) {
    self.settings = settings
    self.resolver =
      resolver ?? .system(within: settings.timeout, setting: "timeout of endpoint.dns")
    self.clock = clock
  }

  package func updates() -> AsyncStream<EndpointUpdate> {
    EndpointUpdates.stream { updates in
      while !Task.isCancelled {
        let wait: Duration
        do throws(LookupError) {
          updates.yield(.endpoints(try await self.endpoints()))
          wait = self.settings.interval
        } catch {
          updates.yield(.failure("\(error)"))
          wait = min(self.settings.interval, Self.failureInterval)
        }
        await self.clock.sleep(wait)
      }
    }
  }

  private func endpoints() async throws(LookupError) -> [Configuration.WeightedEndpoint] {
    switch self.settings.name {
    case .host(let host, let port):
      // Sorted, because resolvers shuffle them.
      return try await self.addresses(of: host).sorted().map {
        .init(Configuration.Endpoint(host: $0, port: port))
      }
    case .service(let name):
      return try await self.endpoints(ofService: name)
    }
  }

  private func addresses(of host: String) async throws(LookupError) -> Set<String> {
    do throws(LookupError) {
      return Set(try await self.resolver.addresses(host))
    } catch {
      throw LookupError(reason: error.sentence(about: host))
    }
  }

  private func endpoints(
    ofService name: String
  ) async throws(LookupError) -> [Configuration.WeightedEndpoint] {
    let records: [ServiceRecord]
    do throws(LookupError) {
      records = try await self.resolver.services(name)
    } catch {
      throw LookupError(reason: error.sentence(about: "the SRV records of \(name)"))
    }
    guard records.count <= DiscoveredEndpoints.countLimit else {
      throw LookupError(
        reason: "\(name) has \(records.count) SRV records; the limit is "
          + "\(DiscoveredEndpoints.countLimit)")
    }
    var failure = LookupError(reason: "the SRV records of \(name) declare the service unavailable")
    for group in ServiceRecords.groups(records) {
      var addresses: [String: [String]] = [:]
      for target in Set(group.map(\.target)).sorted() {
        do throws(LookupError) {
          addresses[target] = try await self.addresses(of: target).sorted()
        } catch {
          failure = LookupError(reason: "\(error) (target of an SRV record of \(name))")
        }
      }
      let endpoints = ServiceRecords.endpoints(group, addresses: addresses)
      if !endpoints.isEmpty { return endpoints }
    }
    throw failure
  }

  private static let failureInterval: Duration = .seconds(2)
}
