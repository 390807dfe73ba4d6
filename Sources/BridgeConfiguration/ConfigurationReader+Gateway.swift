/// The kinds of endpoint `eas-gateway` and `nlb`.
extension ConfigurationReader {
  /// The section `eas-gateway`; nil, and a fault, where no host comes of it.
  ///
  /// - Parameter isHTTP: whether the gateway is called by HTTP, which has another host than gRPC.
  func easGateway(_ section: SectionReader, isHTTP: Bool) -> Configuration.EASGateway? {
    let service = section.value("service", example: "infer", EASNames.service)
    let address = section.value("address", example: "gw.internal:80", Self.gatewayAddress)
    let uid = section.value("uid", example: "1234567890123456", EASNames.uid)
    let region = section.value("region", example: "cn-hangzhou", EASNames.region)
    let vpc = section.flag("vpc")
    let dedicated = section.value("gateway", example: "gw-1234", EASNames.gateway)
    let port = section.value("port", example: "80") { text throws(ValueError) in
      try ConfigurationValues.integer(text, in: 1...65_535)
    }
    let limit = section.value("body_limit", example: "1MiB", Self.bodyLimit)
    let faultsBefore = section.faults.list.count
    section.finish()
    var gateway: Configuration.EASGateway?
    if section.node("address") != nil {
      for key in ["uid", "region", "vpc", "gateway", "port"] where section.node(key) != nil {
        section.fault(key, "address says where the gateway is; keep one of them")
      }
      if let address {
        gateway = Configuration.EASGateway(service: service, host: address.host)
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
      gateway = self.gateway(
        section, service: service, uid: uid, region: region, vpc: vpc ?? false,
        dedicated: dedicated, isHTTP: isHTTP)
      if let port {
        gateway?.port = port
        gateway?.hasOwnPort = true
      }
    }
    if let limit { gateway?.messageByteLimit = limit }
    return section.faults.list.count == faultsBefore ? gateway : nil
  }

  /// The host of a gateway by its parts: `{uid}[.vpc].{region}…` or `{gateway}.{region}…`, and where
  /// it's called by gRPC the service in front.
  private func gateway(
    _ section: SectionReader, service: String?, uid: String?, region: String?, vpc: Bool,
    dedicated: String?, isHTTP: Bool
  ) -> Configuration.EASGateway? {
    let base: String
    if section.node("gateway") != nil {
      if section.node("uid") != nil {
        section.fault("uid", "gateway is there as well; a dedicated gateway has no uid in its host")
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
    // A name of DNS has no underscore.
    let label = service.replacing("_", with: "-")
    var gateway = Configuration.EASGateway(
      service: service, host: isHTTP ? domain : "\(label).\(domain)")
    gateway.isHostGuessed = dedicated != nil && !isHTTP
    return gateway
  }

  /// `nlb: host:port`, or that as `address`.
  func nlb(_ section: SectionReader) -> Configuration.Endpoint? {
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

  private static func gatewayAddress(
    _ text: String
  ) throws(ValueError) -> (host: String, port: Int?) {
    let host = try ConfigurationValues.host(text)
    let hasPort = host.hasPrefix("[") ? host.contains("]:") : host.contains(":")
    let endpoint = try ConfigurationValues.endpoint(hasPort ? host : host + ":80")
    guard case .tcp(let name, let port) = endpoint.address else {
      throw ValueError("\(ConfigurationValues.quoted(text)) is no host; write host or host:port")
    }
    return (name, hasPort ? port : nil)
  }

  /// A size; 0: none.
  private static func bodyLimit(_ text: String) throws(ValueError) -> Int? {
    if ["off", "false", "no"].contains(text) { return nil }
    let count = try ConfigurationValues.byteCount(text)
    return count == 0 ? nil : count
  }
}

/// What PAI-EAS calls things.
enum EASNames {
  /// Letters, digits, `_` and `-`, with a dot behind a group's name.
  static func service(_ text: String) throws(ValueError) -> String {
    guard (1...128).contains(text.utf8.count),
      text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) })
    else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not a service of PAI-EAS; write letters, digits, _, "
          + "- or ., without a path")
    }
    return text
  }

  /// The number of an account.
  static func uid(_ text: String) throws(ValueError) -> String {
    guard (1...32).contains(text.utf8.count), text.allSatisfy({ $0.isASCII && $0.isNumber }) else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not an account's number; write digits")
    }
    return text
  }

  static func region(_ text: String) throws(ValueError) -> String {
    guard Self.isLabel(text) else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not a region; write one such as cn-hangzhou")
    }
    return text
  }

  /// The identifier of a dedicated gateway.
  static func gateway(_ text: String) throws(ValueError) -> String {
    guard Self.isLabel(text), text.hasPrefix("gw-") else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not a dedicated gateway; write its identifier, such "
          + "as gw-1234")
    }
    return text
  }

  /// Whether it's part of a host's name as they write them.
  private static func isLabel(_ text: String) -> Bool {
    (1...63).contains(text.utf8.count)
      && text.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") }
  }
}
