internal import NIOPosix

/// Looks names up. [seam: the system's resolver, a table in tests]
package struct DNSResolver: Sendable {
  /// All addresses of a host, as text. Not empty.
  package var addresses: @Sendable (_ host: String) async throws(LookupError) -> [String]
  /// The SRV records of a service. Not empty.
  package var services: @Sendable (_ name: String) async throws(LookupError) -> [ServiceRecord]

  package init(
    addresses: @escaping @Sendable (String) async throws(LookupError) -> [String],
    services: @escaping @Sendable (String) async throws(LookupError) -> [ServiceRecord]
  ) {
    self.addresses = addresses
    self.services = services
  }

  /// The system's, on a thread that may wait: for addresses files, DNS, whatever nsswitch.conf says; for
  /// SRV records DNS, by resolv.conf.
  package static let system = DNSResolver(
    addresses: { host async throws(LookupError) in
      try await Self.run { () throws(LookupError) in try SystemResolver.addresses(of: host) }
    },
    services: { name async throws(LookupError) in
      try await Self.run { () throws(LookupError) in try SystemResolver.services(of: name) }
    })

  private static func run<Answer: Sendable>(
    _ look: @escaping @Sendable () throws(LookupError) -> [Answer]
  ) async throws(LookupError) -> [Answer] {
    do {
      return try await NIOThreadPool.singleton.runIfActive {
        let answers = try look()
        guard !answers.isEmpty else { throw LookupError(reason: "there's nothing there") }
        return answers
      }
    } catch let error as LookupError {
      throw error
    } catch {
      throw LookupError(reason: "\(error)")
    }
  }
}

/// Why a name couldn't be looked up.
package struct LookupError: Error, Equatable, CustomStringConvertible {
  package var reason: String
  package var description: String { self.reason }

  package init(reason: String) {
    self.reason = reason
  }
}
