internal import NIOCore
internal import NIOPosix

/// Looks up all addresses of a name. [seam: getaddrinfo, a table in tests]
package typealias HostLookup = @Sendable (_ host: String, _ port: Int) async throws -> [String]

/// The addresses of a name as endpoints, looked up again and again: a headless service of Kubernetes,
/// or any name with several A and AAAA records. All weigh the same.
///
/// The system's resolver doesn't tell how long an answer may be kept, so the interval is the
/// configuration's. After a failure it's tried again sooner.
package struct DNSEndpoints: EndpointSource {
  private let settings: Configuration.DNS
  private let lookup: HostLookup
  private let sleep: @Sendable (Duration) async throws -> Void

  package init(
    _ settings: Configuration.DNS, lookup: @escaping HostLookup = DNSEndpoints.systemLookup,
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  ) {
    self.settings = settings
    self.lookup = lookup
    self.sleep = sleep
  }

  package func updates() -> AsyncStream<EndpointUpdate> {
    AsyncStream { continuation in
      let task = Task {
        while !Task.isCancelled {
          let wait: Duration
          do {
            let addresses = try await self.lookup(self.settings.host, self.settings.port)
            // In an order of their own: resolvers shuffle them.
            let endpoints = Set(addresses).sorted().map {
              Configuration.WeightedEndpoint(.init(host: $0, port: self.settings.port))
            }
            continuation.yield(.endpoints(endpoints))
            wait = self.settings.interval
          } catch {
            continuation.yield(.failure("can't look up \(self.settings.host): \(error)"))
            wait = min(self.settings.interval, Self.failureInterval)
          }
          guard (try? await self.sleep(wait)) != nil else { break }
        }
        continuation.finish()
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }

  /// The system's resolver (files, DNS, whatever nsswitch.conf says), on a thread that may wait.
  package static let systemLookup: HostLookup = { host, port in
    let addresses = try await NIOThreadPool.singleton.runIfActive {
      try SystemResolver.addresses(of: host)
    }
    guard !addresses.isEmpty else { throw LookupError(reason: "it has no addresses") }
    return addresses
  }

  private static let failureInterval: Duration = .seconds(2)
}

/// Why a name couldn't be looked up.
package struct LookupError: Error, CustomStringConvertible {
  package var reason: String
  package var description: String { self.reason }

  package init(reason: String) {
    self.reason = reason
  }
}
