extension Configuration {
  /// A name that is looked up, because it leads to the endpoints.
  package struct DNS: Sendable, Equatable {
    package enum Name: Sendable, Equatable {
      /// All addresses of a host, each with this port.
      case host(String, port: Int)
      /// A service such as `_grpc._tcp.bench.internal`, whose SRV records name hosts, ports and weights
      /// (RFC 2782).
      case service(String)
    }

    package var name: Name
    /// How often it's looked up. Default 30 s.
    package var interval = Self.usualInterval
    /// How long one lookup may take. Default 5 s.
    package var timeout = Self.usualTimeout

    static let usualInterval: Duration = .seconds(30)
    static let usualTimeout: Duration = .seconds(5)

    package init(_ name: Name) {
      self.name = name
    }

    /// What certificates are compared with. Of a service that's its name without `_grpc._tcp.`: the hosts
    /// that the records name are only as trustworthy as whoever answered (RFC 6125 §6.2.1).
    package var host: String {
      switch self.name {
      case .host(let host, _):
        return host
      case .service(let name):
        let labels = name.split(separator: ".")
        return labels.drop { $0.hasPrefix("_") }.joined(separator: ".")
      }
    }

    /// The `:authority` of calls: the name that the configuration has, as gRPC's clients say, and not
    /// one of its addresses.
    package var authority: String {
      switch self.name {
      case .host(let host, let port): Endpoint(host: host, port: port).description
      case .service: self.host
      }
    }
  }
}
