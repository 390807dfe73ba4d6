package import GRPCWire

extension Configuration {
  /// The kind of `endpoint:` of a service.
  package enum EndpointKind: Sendable {
    /// A fixed list.
    case `static`([WeightedEndpoint])
    /// The addresses or SRV records of a DNS name.
    case dns(DNS)
    /// A gateway of PAI-EAS.
    case easGateway(EASGateway)
    /// A load balancer that distributes connections (NLB).
    case nlb(Endpoint)
    /// Endpoints from the service discovery of PAI-EAS.
    case easDirect(EASDirect)
    /// Instances registered in Nacos.
    case nacos(Nacos)
  }
}

extension Configuration.EndpointKind: CustomStringConvertible {
  /// For logs: `127.0.0.1:50051`, `a:1 or b:1`. Never contains a secret.
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
  /// The endpoints that are known without a lookup; nil if they are discovered.
  package var fixed: [Configuration.WeightedEndpoint]? {
    switch self {
    case .static(let endpoints): endpoints
    case .easGateway(let gateway): [.init(.init(host: gateway.host, port: gateway.port))]
    case .nlb(let endpoint): [.init(endpoint)]
    case .dns, .easDirect, .nacos: nil
    }
  }

  /// Default `:authority` of calls; nil: that of each endpoint.
  package var authority: String? {
    switch self {
    case .easGateway(let gateway): gateway.authority
    case .dns(let dns): dns.authority
    case .static, .nlb, .easDirect, .nacos: nil
    }
  }

  /// Defaults of `connections` of the service.
  package var connections: Configuration.Connections {
    var connections = Configuration.Connections()
    if case .nlb = self {
      // It distributes connections, not calls: a single one would always reach the same instance, and
      // never one that is added later.
      connections.count = 2
      connections.maxAge = .seconds(300)
    }
    return connections
  }

  /// Maximum size of a request message in bytes; nil: unlimited.
  package var messageByteLimit: Int? {
    if case .easGateway(let gateway) = self { gateway.messageByteLimit } else { nil }
  }

  /// Mapping of HTTP statuses without `grpc-status`.
  package var statuses: HTTPStatusMapping {
    switch self {
    case .easGateway, .nlb, .easDirect: .eas
    case .static, .dns, .nacos: .grpc
    }
  }

  /// Warnings about settings that are probably mistakes, one sentence each.
  package var warnings: [String] {
    switch self {
    case .easGateway(let gateway) where gateway.isHostGuessed:
      [
        "\(gateway.host) is a guess: the gRPC host of a dedicated gateway isn't documented; "
          + "compare it with the console, and write it as address"
      ]
    case .nlb(let endpoint) where endpoint.port == 8080:
      ["8080 is the port of the instances; the balancer's listener has another one"]
    case .easGateway, .nlb, .easDirect, .static, .dns, .nacos:
      []
    }
  }

  /// The name that certificates are verified against if it isn't the host of each endpoint; nil if it
  /// is.
  package var serverName: String? {
    switch self {
    case .static, .easGateway, .nlb, .easDirect, .nacos: nil
    case .dns(let dns): dns.host
    }
  }
}

extension Configuration.EndpointKind {
  /// Reads the section `endpoint` of a service, such as `{static: [...]}`: exactly one kind.
  ///
  /// - Parameter isHTTP: whether messages are sent over HTTP/1.1.
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
      section.fault(kinds[1].key, "\(kinds[0].key) is set too; keep one kind of endpoint")
    } else if kinds.isEmpty && section.faults.list.count == faultsBefore {
      section.faults.add(
        section.location, section.path,
        "no kind of endpoint; write one, such as {static: [127.0.0.1:50051]}")
    }
    guard let first = kinds.first else { return nil }
    self = first.kind
  }

  /// Reads `nlb: host:port`, or a section with `address`.
  private static func nlb(_ section: SectionReader) -> Configuration.Endpoint? {
    guard let node = section.node("nlb") else { return nil }
    let example = "nlb-1234.cn-hangzhou.nlb.aliyuncs.com:9090"
    let address = { (text: String) throws(ValueError) in
      let endpoint = try ConfigurationValues.endpoint(text)
      guard endpoint.port != nil else {
        throw ValueError(
          "\(ConfigurationValues.quoted(text)) is not a load balancer's address; write its name and the listener's "
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
