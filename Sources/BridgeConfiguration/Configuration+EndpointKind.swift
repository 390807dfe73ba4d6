package import GRPCWire

extension Configuration {
  /// The kinds of endpoint that `endpoint:` of a service can be.
  package enum EndpointKind: Sendable {
    /// A list that doesn't change.
    case `static`([WeightedEndpoint])
    /// What a name leads to.
    case dns(DNS)
    /// A gateway of PAI-EAS.
    case easGateway(EASGateway)
    /// A balancer that shares out connections.
    case nlb(Endpoint)
    /// What the discovery of PAI-EAS lists.
    case easDirect(EASDirect)
    /// What's registered in Nacos.
    case nacos(Nacos)
  }
}

extension Configuration.EndpointKind: CustomStringConvertible {
  /// For people: `127.0.0.1:50051`, `a:1 or b:1`. Never a secret.
  package var description: String {
    switch self {
    case .static(let endpoints):
      endpoints.map(\.endpoint.description).joined(separator: " or ")
    case .dns(let dns):
      switch dns.name {
      case .host(let host, let port):
        "the addresses of \(Configuration.Endpoint(host: host, port: port))"
      case .service(let name):
        "the SRV records of \(name)"
      }
    case .easGateway(let gateway):
      gateway.description
    case .nlb(let endpoint):
      "the balancer \(endpoint)"
    case .easDirect(let eas): eas.description
    case .nacos(let nacos): nacos.description
    }
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

  /// What certificates are compared with where the endpoints' own hosts aren't the names that the
  /// configuration has for them; nil where they are.
  package var serverName: String? {
    switch self {
    case .static, .easGateway, .nlb, .easDirect, .nacos: nil
    case .dns(let dns): dns.host
    }
  }
}

extension Configuration.EndpointKind {
  /// The section `endpoint` of a service, such as `{static: [...]}`: exactly one kind.
  ///
  /// - Parameter isHTTP: whether messages go to it over HTTP/1.1.
  init?(_ section: SectionReader, isHTTP: Bool) {
    let faultsBefore = section.faults.list.count
    var kinds: [(key: String, kind: Self)] = []
    if let endpoints = Configuration.WeightedEndpoint.list("static", of: section) {
      kinds.append(("static", .static(endpoints)))
    }
    if let dns = Configuration.DNS(of: section) { kinds.append(("dns", .dns(dns))) }
    let gateway = section.section("eas-gateway").flatMap {
      Configuration.EASGateway($0, isHTTP: isHTTP)
    }
    if let gateway { kinds.append(("eas-gateway", .easGateway(gateway))) }
    if let nlb = Self.nlb(section) { kinds.append(("nlb", .nlb(nlb))) }
    if let eas = section.section("eas-direct").flatMap(Configuration.EASDirect.init) {
      kinds.append(("eas-direct", .easDirect(eas)))
    }
    let nacos = section.section("nacos").flatMap { Configuration.Nacos($0, isHTTP: isHTTP) }
    if let nacos { kinds.append(("nacos", .nacos(nacos))) }
    section.finish()
    if kinds.count > 1 {
      section.fault(kinds[1].key, "\(kinds[0].key) is there as well; keep one kind of endpoint")
    } else if kinds.isEmpty && section.faults.list.count == faultsBefore {
      section.faults.add(
        section.location, section.path,
        "no kind of endpoint; write one, such as {static: [127.0.0.1:50051]}")
    }
    guard let first = kinds.first else { return nil }
    self = first.kind
  }

  /// `nlb: host:port`, or that as `address`.
  private static func nlb(_ section: SectionReader) -> Configuration.Endpoint? {
    guard let node = section.node("nlb") else { return nil }
    let example = "nlb-1234.cn-hangzhou.nlb.aliyuncs.com:9090"
    let address = { (text: String) throws(ValueError) in
      let endpoint = try ConfigurationValues.endpoint(text)
      guard endpoint.port != nil else {
        throw ValueError(
          "\(ConfigurationValues.quoted(text)) is no balancer; write its name and the listener's "
            + "port, such as \(example)")
      }
      return endpoint
    }
    guard case .mapping = node.value else {
      return section.value("nlb", example: example, address)
    }
    guard let settings = section.section("nlb") else { return nil }
    let endpoint = settings.value("address", example: example, address)
    if settings.node("address") == nil {
      settings.missing("address", "write one such as \(example)")
    }
    settings.finish()
    return endpoint
  }
}
