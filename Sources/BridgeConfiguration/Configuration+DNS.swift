extension Configuration {
  /// A DNS name that resolves to the endpoints.
  package struct DNS: Sendable, Equatable {
    package enum Name: Sendable, Equatable {
      /// All addresses of a host, with this port.
      case host(String, port: Int)
      /// A service such as `_grpc._tcp.bench.internal`, whose SRV records name hosts, ports and weights
      /// (RFC 2782).
      case service(String)
    }

    package var name: Name
    /// Time between lookups. Default 30 s.
    package var interval: Duration = .seconds(30)
    /// Timeout of one lookup. Default 5 s.
    package var timeout: Duration = .seconds(5)

    package init(_ name: Name) {
      self.name = name
    }

    /// The name that certificates are verified against. For a service it's the name without
    /// `_grpc._tcp.`: the targets of its records are only as trustworthy as the DNS answer (RFC 6125
    /// §6.2.1).
    package var host: String {
      switch self.name {
      case .host(let host, _):
        return host
      case .service(let name):
        let labels = name.split(separator: ".")
        return labels.drop { $0.hasPrefix("_") }.joined(separator: ".")
      }
    }

    /// `:authority` of calls: the configured name, as gRPC clients send it, and not one of its
    /// addresses.
    package var authority: String {
      switch self.name {
      case .host(let host, let port): Endpoint(host: host, port: port).description
      case .service: self.host
      }
    }
  }
}

extension Configuration.DNS {
  /// Reads the key `dns` of an endpoint: `host:port`, or a section with `address` or `srv`, `interval`
  /// and `timeout`.
  init?(of section: SectionReader) {
    guard let node = section.node("dns") else { return nil }
    guard case .mapping = node.value else {
      guard let dns = section.value("dns", example: Self.example, Self.address) else { return nil }
      self = dns
      return
    }
    guard let settings = section.section("dns") else { return nil }
    let byAddress = settings.value("address", example: Self.example, Self.address)
    let byService = settings.value("srv", example: "_grpc._tcp.bench.internal", Self.service)
    switch (settings.node("address") == nil, settings.node("srv") == nil) {
    case (true, true): settings.missing("address", "write one such as \(Self.example)")
    case (false, false): settings.fault("srv", "address is set too; keep one of them")
    case (true, false), (false, true): break
    }
    let interval = settings.duration("interval")
    let timeout = settings.duration("timeout")
    settings.finish()
    guard let dns = byAddress ?? byService else { return nil }
    self = dns
    if let interval { self.interval = interval }
    if let timeout { self.timeout = timeout }
  }

  private static let example = "bench.internal:50051"

  private static func address(_ text: String) throws(ValueError) -> Self {
    let endpoint = try ConfigurationValues.endpoint(text)
    guard case .tcp(let host, let port) = endpoint.address else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not a host name to look up; write one such as \(Self.example)"
      )
    }
    return Self(.host(host, port: port))
  }

  /// `_service._protocol.name` (RFC 2782).
  private static func service(_ text: String) throws(ValueError) -> Self {
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    let name = labels.dropFirst(2).joined(separator: ".")
    let areMarked = labels.prefix(2).allSatisfy { $0.hasPrefix("_") && $0.utf8.count > 1 }
    guard labels.count > 2, areMarked, !name.contains(":"),
      (try? ConfigurationValues.host(name)) != nil, text.utf8.count <= 253
    else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not a name of SRV records; write it as "
          + "_service._protocol.name, such as _grpc._tcp.bench.internal")
    }
    return Self(.service(text))
  }
}
