internal import TLS

extension Configuration {
  /// The endpoints of a service and how it reaches them; Envoy's term.
  package struct Cluster: Sendable {
    /// Source of the endpoints.
    package var kind: EndpointKind
    /// `:authority` of all calls; nil: that of the kind, else the endpoint's own.
    package var authority: String?
    package var balance = Balance()
    package var connections = Connections()
    /// Nil: only calls that certainly didn't reach an endpoint are retried. Default nil.
    package var retry: Retry?
    package var health = Health()
    /// Nil: cleartext. Default nil.
    package var tls: TLS?

    package init(_ kind: EndpointKind, authority: String? = nil) {
      self.kind = kind
      self.authority = authority
    }

    /// The endpoint of a list of one that needs no balancing; nil for anything else.
    package var only: Endpoint? {
      guard let endpoints = self.kind.fixed, endpoints.count == 1, self.retry == nil,
        !(self.health.check ?? false)
      else { return nil }
      return endpoints[0].endpoint
    }

    /// A cluster of one endpoint.
    package init(_ endpoint: Endpoint) {
      self.init(.static([WeightedEndpoint(endpoint)]))
    }
  }
}

extension Configuration.Cluster {
  /// Derives what the kind leaves open from whether TLS is in use.
  mutating func settle() {
    guard case .easGateway(var gateway) = self.kind else { return }
    let known = gateway.authority
    gateway.isSecure = self.tls != nil
    if !gateway.hasOwnPort { gateway.port = gateway.isSecure ? 443 : 80 }
    self.kind = .easGateway(gateway)
    if self.authority == known { self.authority = gateway.authority }
  }
}

extension Configuration.Cluster {
  /// Reads the key `endpoint` of a service or a group and the keys next to it that apply to its calls.
  /// Nil, with an error reported, if the endpoint is missing or invalid.
  ///
  /// - Parameter isHTTP: whether messages are sent over HTTP/1.1.
  init?(of service: SectionReader, isHTTP: Bool) {
    guard let node = service.node("endpoint") else {
      service.missing("endpoint", "write the gRPC server's host:port, such as 127.0.0.1:50051")
      return nil
    }
    let kind: Configuration.EndpointKind?
    if case .mapping = node.value {
      kind = service.section("endpoint").flatMap { Configuration.EndpointKind($0, isHTTP: isHTTP) }
    } else {
      kind = service.value("endpoint", example: "127.0.0.1:50051") { text throws(ValueError) in
        .static([
          Configuration.WeightedEndpoint(
            try ConfigurationValues.endpoint(text, folder: service.context.folder))
        ])
      }
    }
    // A host with an optional port (RFC 9110 §7.2).
    let authority = service.value(
      "authority", example: "bench.internal", ConfigurationValues.host)
    let balance = Configuration.Balance(of: service)
    let connections = service.section("connections").map {
      Configuration.Connections($0, defaults: kind?.connections ?? Configuration.Connections())
    }
    let retry = service.section("retry").map(Configuration.Retry.init)
    let health = service.section("health").map(Configuration.Health.init)
    let tls = Configuration.TLS(of: service, isHTTP: isHTTP)
    guard let kind else { return nil }
    self.init(kind, authority: authority ?? kind.authority)
    if let balance { self.balance = balance }
    self.connections = connections ?? kind.connections
    self.retry = retry
    if let health { self.health = health }
    self.tls = tls
    self.settle()
  }
}

extension Configuration.Cluster {
  /// Warnings about settings that are allowed but unsafe; each begins with a key of the service.
  package var warnings: [String] {
    guard case .client(verifies: false, _)? = self.tls?.settings.role else { return [] }
    return [
      "tls.verify is off: any server at \(self.kind) is accepted as the endpoint, and can read and "
        + "change all calls"
    ]
  }
}
