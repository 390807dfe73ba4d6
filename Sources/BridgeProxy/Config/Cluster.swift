extension Configuration {
  /// The endpoints of a service, and how its calls get to them (Envoy's word for the same).
  package struct Cluster: Sendable {
    /// Where the endpoints come from.
    package var kind: EndpointKind
    /// The `:authority` of all calls; nil: that of the kind, else the endpoint's own.
    package var authority: String?

    package init(_ kind: EndpointKind, authority: String? = nil) {
      self.kind = kind
      self.authority = authority
    }

    /// For now: the first of a list.
    var first: Endpoint {
      switch self.kind {
      case .static(let endpoints): endpoints[0].endpoint
      }
    }

    /// One endpoint.
    package init(_ endpoint: Endpoint) {
      self.init(.static([WeightedEndpoint(endpoint)]))
    }
  }

  /// The kinds of endpoint that `endpoint:` of a service can be.
  package enum EndpointKind: Sendable {
    /// A list that doesn't change.
    case `static`([WeightedEndpoint])
  }
}

extension Configuration.EndpointKind: CustomStringConvertible {
  /// For people: `127.0.0.1:50051`, `a:1 or b:1`. Never a secret.
  package var description: String {
    switch self {
    case .static(let endpoints):
      endpoints.map(\.endpoint.description).joined(separator: " or ")
    }
  }
}
