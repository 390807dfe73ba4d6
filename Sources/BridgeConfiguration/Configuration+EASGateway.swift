extension Configuration {
  /// The PAI-EAS gateway of a service (`endpoint: {eas-gateway: {…}}`).
  package struct EASGateway: Sendable, Equatable {
    /// The service's name in PAI-EAS, with its `_`; nil if only an address was given.
    package var service: String?
    package var host: String
    /// Default 80, where gateways accept cleartext HTTP/1.1 and gRPC; with TLS 443.
    package var port = 80
    /// Whether connections use TLS.
    package var isSecure = false
    /// Whether the configuration sets the port.
    package var hasOwnPort = false
    /// Maximum size of a request message in bytes; nil: unlimited. Gateways reject more than 1 MB; this
    /// way the client gets a clear error immediately. Default 1 MiB.
    package var messageByteLimit: Int? = 1 << 20
    /// Whether the host has an undocumented form.
    package var isHostGuessed = false

    package init(service: String?, host: String) {
      self.service = service
      self.host = host
    }

    /// `:authority` of calls: the host, with the port unless it's the default one.
    package var authority: String {
      self.port == (self.isSecure ? 443 : 80)
        ? self.bracketedHost : "\(self.bracketedHost):\(self.port)"
    }

    private var bracketedHost: String { self.host.contains(":") ? "[\(self.host)]" : self.host }
  }
}

extension Configuration.EASGateway: CustomStringConvertible {
  /// For logs: `infer by the gateway infer.1234.cn-hangzhou.pai-eas.aliyuncs.com:80`.
  package var description: String {
    let name = self.service.map { "\($0) by " } ?? ""
    return "\(name)the gateway \(Configuration.Endpoint(host: self.host, port: self.port))"
  }
}

extension Configuration.EASGateway {
  /// Reads the section `eas-gateway`; nil, with an error reported, if it yields no host.
  ///
  /// - Parameter isHTTP: whether the gateway is called by HTTP, whose host differs from gRPC's.
  init?(_ section: SectionReader, isHTTP: Bool) {
    let service = section.value("service", example: "infer", EASNames.service)
    let address = section.value("address", example: "gw.internal:80", Self.gatewayAddress)
    let uid = section.value("uid", example: "1234567890123456", EASNames.uid)
    let region = section.value("region", example: "cn-hangzhou", EASNames.region)
    let vpc = section.flag("vpc")
    let dedicated = section.value("gateway", example: "gw-1234", EASNames.gateway)
    let port = section.integer("port", example: "80", in: 1...65_535)
    let limit = section.value("body_limit", example: "1MiB", Self.bodyLimit)
    let faultsBefore = section.faults.list.count
    section.finish()
    var gateway: Self?
    if section.node("address") != nil {
      for key in ["uid", "region", "vpc", "gateway", "port"] where section.node(key) != nil {
        section.fault(key, "address already determines the gateway; keep one of them")
      }
      if let address {
        gateway = Self(service: service, host: address.host)
        if let port = address.port {
          gateway?.port = port
          gateway?.hasOwnPort = true
        }
      }
    } else {
      if section.node("service") == nil {
        section.missing("service", "write the service's name in PAI-EAS, or the gateway's address")
      }
      if section.node("region") == nil {
        section.missing("region", "write the service's region, such as cn-hangzhou")
      }
      gateway = Self.gateway(
        section, service: service, uid: uid, region: region, vpc: vpc ?? false,
        dedicated: dedicated, isHTTP: isHTTP)
      if let port {
        gateway?.port = port
        gateway?.hasOwnPort = true
      }
    }
    if let limit { gateway?.messageByteLimit = limit }
    guard let gateway, section.faults.list.count == faultsBefore else { return nil }
    self = gateway
  }

  /// The host of a gateway from its parts: `{uid}[.vpc].{region}…` or `{gateway}.{region}…`, prefixed
  /// with the service for gRPC.
  private static func gateway(
    _ section: SectionReader, service: String?, uid: String?, region: String?, vpc: Bool,
    dedicated: String?, isHTTP: Bool
  ) -> Self? {
    let base: String
    if section.node("gateway") != nil {
      if section.node("uid") != nil {
        section.fault("uid", "gateway is set too; a dedicated gateway has no uid in its host")
      }
      if vpc {
        section.fault(
          "vpc",
          "the host of a dedicated gateway in a VPC isn't documented; write it as address")
      }
      guard let dedicated, let region else { return nil }
      base = "\(dedicated).\(region)"
    } else {
      if section.node("uid") == nil {
        section.missing(
          "uid", "write the number of the account, or gateway for a dedicated one")
      }
      guard let uid, let region else { return nil }
      base = "\(uid)\(vpc ? ".vpc" : "").\(region)"
    }
    guard let service else { return nil }
    let domain = "\(base).pai-eas.aliyuncs.com"
    // DNS names have no underscores.
    let label = service.replacing("_", with: "-")
    var gateway = Self(
      service: service, host: isHTTP ? domain : "\(label).\(domain)")
    gateway.isHostGuessed = dedicated != nil && !isHTTP
    return gateway
  }

  private static func gatewayAddress(
    _ text: String
  ) throws(ValueError) -> (host: String, port: Int?) {
    let host = try ConfigurationValues.host(text)
    let hasPort = host.hasPrefix("[") ? host.contains("]:") : host.contains(":")
    let endpoint = try ConfigurationValues.endpoint(hasPort ? host : host + ":80")
    guard case .tcp(let name, let port) = endpoint.address else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not a valid host name; write host or host:port")
    }
    return (name, hasPort ? port : nil)
  }

  /// Parses a size; 0 or off: unlimited.
  private static func bodyLimit(_ text: String) throws(ValueError) -> Int? {
    if ["off", "false", "no"].contains(text) { return nil }
    let count = try ConfigurationValues.byteCount(text)
    return count == 0 ? nil : count
  }
}
