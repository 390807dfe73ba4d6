internal import NIOCore

/// Resolves names. [seam: the system's resolver, a table in tests]
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

  /// The system's resolver: addresses from the sources of nsswitch.conf (files, DNS, …); SRV records from
  /// DNS, as configured in resolv.conf.
  ///
  /// - Parameters:
  ///   - time: timeout of each lookup.
  ///   - setting: the setting that controls the timeout, for messages.
  package static func system(
    within time: Duration, setting: String? = nil, _ lookups: Lookups = .system
  ) -> DNSResolver {
    DNSResolver(
      addresses: { host async throws(LookupError) in
        // The families are queried separately: many name servers answer for one and never for the other.
        async let ipv6 = lookups.resolve(.init(host, .ipv6), within: time, setting: setting)
        let ipv4 = await lookups.resolve(.init(host, .ipv4), within: time, setting: setting)
        return try Self.texts(ipv4: ipv4, ipv6: await ipv6)
      },
      services: { name async throws(LookupError) in
        let outcome = await lookups.resolve(.init(name, .services), within: time, setting: setting)
        guard case .services(let records) = try outcome.get(), !records.isEmpty else {
          throw LookupError.empty
        }
        return records
      })
  }

  /// The addresses of both families alternating, IPv6 first.
  package static func texts(
    ipv4: LookupOutcome, ipv6: LookupOutcome
  ) throws(LookupError) -> [String] {
    let families = [ipv6, ipv4].map { outcome -> [String] in
      guard case .success(.addresses(let addresses)) = outcome else { return [] }
      return addresses.compactMap(\.ipAddress)
    }
    let most = families.map(\.count).max() ?? 0
    let texts = (0..<most).flatMap { index in
      families.compactMap { index < $0.count ? $0[index] : nil }
    }
    guard texts.isEmpty else { return texts }
    if case .failure(let error) = ipv6, error.isLate { throw error }
    if case .failure(let error) = ipv4 { throw error }
    throw LookupError.empty
  }
}

extension LookupError {
  package static let empty = LookupError(reason: "no records found")
}
