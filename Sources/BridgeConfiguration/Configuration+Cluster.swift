extension Configuration {
  /// The endpoints of a service, and how its calls get to them (Envoy's word for the same).
  package struct Cluster: Sendable {
    /// Where the endpoints come from.
    package var kind: EndpointKind
    /// The `:authority` of all calls; nil: that of the kind, else the endpoint's own.
    package var authority: String?
    package var balance = Balance()
    package var connections = Connections()
    /// Nil: only calls that certainly never got there begin again. Default nil.
    package var retry: Retry?
    package var health = Health()
    /// Nil: in the clear. Default nil.
    package var tls: TLS?

    package init(_ kind: EndpointKind, authority: String? = nil) {
      self.kind = kind
      self.authority = authority
    }

    /// The one endpoint of a list of one, which needs no balancing; nil where there's more to it.
    package var only: Endpoint? {
      guard let endpoints = self.kind.fixed, endpoints.count == 1, self.retry == nil,
        !(self.health.check ?? false)
      else { return nil }
      return endpoints[0].endpoint
    }

    /// One endpoint.
    package init(_ endpoint: Endpoint) {
      self.init(.static([WeightedEndpoint(endpoint)]))
    }
  }
}

extension Configuration.Cluster {
  /// Lets what the kind leaves open follow from whether there is TLS.
  mutating func settle() {
    guard case .easGateway(var gateway) = self.kind else { return }
    let known = gateway.authority
    gateway.isSecure = self.tls != nil
    if !gateway.hasOwnPort { gateway.port = gateway.isSecure ? 443 : 80 }
    self.kind = .easGateway(gateway)
    if self.authority == known { self.authority = gateway.authority }
  }
}
