package import GRPCWire

extension Configuration {
  /// A gateway of PAI-EAS in front of a service (`endpoint: {eas-gateway: {…}}`).
  package struct EASGateway: Sendable, Equatable {
    /// The service's name in PAI-EAS, with its `_`; nil where only an address was given.
    package var service: String?
    package var host: String
    /// Default 80, where gateways speak HTTP/1.1 and gRPC in the clear; with TLS 443.
    package var port = 80
    /// Whether it's spoken to by TLS.
    package var isSecure = false
    /// Whether the configuration says which port.
    package var hasOwnPort = false
    /// The most bytes of a request message; nil: any. Gateways refuse more than 1 MB, which the client
    /// hears at once and in words this way. Default 1 MiB.
    package var messageByteLimit: Int? = 1 << 20
    /// Whether the host has a form that the documentation doesn't have.
    package var isHostGuessed = false

    package init(service: String?, host: String) {
      self.service = service
      self.host = host
    }

    /// What the gateway goes by: the host, with a port only where it isn't the usual one.
    package var authority: String {
      self.port == (self.isSecure ? 443 : 80)
        ? self.bracketedHost : "\(self.bracketedHost):\(self.port)"
    }

    private var bracketedHost: String { self.host.contains(":") ? "[\(self.host)]" : self.host }
  }
}

extension Configuration.EASGateway: CustomStringConvertible {
  /// For people: `infer by the gateway infer.1234.cn-hangzhou.pai-eas.aliyuncs.com:80`.
  package var description: String {
    let name = self.service.map { "\($0) by " } ?? ""
    return "\(name)the gateway \(Configuration.Endpoint(host: self.host, port: self.port))"
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

extension Configuration.EndpointKind {
  /// The endpoints that are known without asking anyone; nil where they are looked up.
  package var fixed: [Configuration.WeightedEndpoint]? {
    switch self {
    case .static(let endpoints): endpoints
    case .easGateway(let gateway): [.init(.init(host: gateway.host, port: gateway.port))]
    case .nlb(let endpoint): [.init(endpoint)]
    case .dns, .easDirect, .nacos: nil
    }
  }

  /// The `:authority` of calls where the configuration has none and the endpoint's own isn't it.
  package var authority: String? {
    switch self {
    case .easGateway(let gateway): gateway.authority
    case .dns(let dns): dns.authority
    case .static, .nlb, .easDirect, .nacos: nil
    }
  }

  /// How connections are kept where `connections` of the service doesn't say otherwise.
  package var connections: Configuration.Connections {
    var connections = Configuration.Connections()
    if case .nlb = self {
      // It shares out connections, not calls: one would always lead to the same instance, and to no
      // instance that came later.
      connections.count = 2
      connections.maxAge = .seconds(300)
    }
    return connections
  }

  /// The most bytes of a request message that gets through; nil: any.
  package var messageByteLimit: Int? {
    if case .easGateway(let gateway) = self { gateway.messageByteLimit } else { nil }
  }

  /// What HTTP statuses without `grpc-status` mean.
  package var statuses: HTTPStatusMapping {
    switch self {
    case .easGateway, .nlb, .easDirect: .eas
    case .static, .dns, .nacos: .grpc
    }
  }

  /// What's probably not as it's meant, one sentence each.
  package var warnings: [String] {
    switch self {
    case .easGateway(let gateway) where gateway.isHostGuessed:
      [
        "\(gateway.host) is a guess: how a dedicated gateway is called by gRPC isn't documented; "
          + "compare it with what the console says, and write it as address"
      ]
    case .nlb(let endpoint) where endpoint.port == 8080:
      ["8080 is the port of the instances; the balancer's listener has another one"]
    case .easGateway, .nlb, .easDirect, .static, .dns, .nacos:
      []
    }
  }
}

extension Configuration.Endpoint {
  /// Nil for a UNIX socket.
  package var port: Int? {
    if case .tcp(_, let port) = self.address { port } else { nil }
  }
}
