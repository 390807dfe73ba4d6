extension Configuration {
  /// Endpoints of a PAI-EAS service that are called without its gateway, found by asking the service
  /// discovery of its region (`endpoint: {eas-direct: {…}}`).
  package struct EASDirect: Sendable, Equatable {
    /// The service's name in PAI-EAS; `_` stays as it is.
    package var service: String
    /// Where discovery answers, such as `http://1234.vpc.cn-hangzhou.pai-eas.aliyuncs.com`; no slash at
    /// the end. The next one is asked where one fails. At least one.
    package var bases: [String]
    /// What's asked for, `{service}` standing for the name; the next one is tried after a 404. At
    /// least one.
    package var paths: [String] = Self.knownPaths
    /// Sent as `internal=true` or `internal=false`; nil: not sent. Default nil.
    package var isInternal: Bool?
    /// Between two questions. The documentation says 5 s to 10 s. Default 5 s.
    package var interval: Duration = .seconds(5)
    /// For one answer. Default 3 s.
    package var timeout: Duration = .seconds(3)
    /// Called instead of the port that discovery names; nil: that one. Default nil.
    package var port: Int?
    /// Of an endpoint that discovery names no weight for. Default 100.
    package var defaultWeight = 100

    /// The documented path, and the one that the newer clients ask for.
    package static let knownPaths = [
      "/exported/apis/eas.alibaba-inc.k8s.io/v1/upstreams/{service}",
      "/api/v1/servicediscovery/upstreams/{service}",
    ]

    package init(service: String, bases: [String]) {
      self.service = service
      self.bases = bases
    }
  }
}

extension Configuration.EASDirect: CustomStringConvertible {
  /// For people: `eas-direct infer (http://…)`.
  package var description: String {
    "eas-direct \(self.service) (\(self.bases.joined(separator: ", ")))"
  }
}

extension ConfigurationReader {
  /// The section `eas-direct` of an endpoint; nil, and a fault, where it doesn't say whom to ask for what.
  func easDirect(_ section: SectionReader) -> Configuration.EASDirect? {
    let service = section.value("service", example: "infer") { text throws(ValueError) in
      try Self.serviceName(text)
    }
    if section.node("service") == nil {
      section.missing("service", "write the service's name in PAI-EAS")
    }
    let bases = self.discoveryBases(section)
    let path = section.value("path", example: Configuration.EASDirect.knownPaths[0]) {
      text throws(ValueError) in
      guard text.contains("{service}") else {
        throw ValueError(
          "\(ConfigurationValues.quoted(text)) has no {service}, where the service's name stands")
      }
      let filled = text.replacing("{service}", with: "infer")
      _ = try ConfigurationValues.prefix(filled)
      return text
    }
    let isInternal = section.flag("internal")
    let interval = section.value("interval", example: "5s") { text throws(ValueError) in
      let interval = try ConfigurationValues.duration(text)
      guard interval >= .milliseconds(100) else {
        throw ValueError("\(ConfigurationValues.quoted(text)) is too often; the least is 100ms")
      }
      return interval
    }
    let timeout = section.value("timeout", example: "3s") { text throws(ValueError) in
      try ConfigurationValues.duration(text)
    }
    let port = self.portOverride(section)
    let weight = section.value("default_weight", example: "100") { text throws(ValueError) in
      try ConfigurationValues.integer(text, in: 0...Configuration.WeightedEndpoint.most)
    }
    section.finish()
    guard let service, let bases, !bases.isEmpty else { return nil }
    var eas = Configuration.EASDirect(service: service, bases: bases)
    if let path { eas.paths = [path] }
    eas.isInternal = isInternal
    if let interval { eas.interval = interval }
    if let timeout { eas.timeout = timeout }
    eas.port = port
    if let weight { eas.defaultWeight = weight }
    return eas
  }

  /// The key `port` of an endpoint that's looked up: called instead of the one that's found.
  func portOverride(_ section: SectionReader) -> Int? {
    section.value("port", example: "50051") { text throws(ValueError) in
      try ConfigurationValues.integer(text, in: 1...65_535)
    }
  }

  /// By `discovery`, or by `uid` and `region`.
  private func discoveryBases(_ section: SectionReader) -> [String]? {
    let bases = section.list(
      "discovery", example: "1234.vpc.cn-hangzhou.pai-eas.aliyuncs.com", Self.base)
    let uid = section.value("uid", example: "1234567890123456") { text throws(ValueError) in
      guard !text.isEmpty, text.utf8.count <= 32,
        text.allSatisfy({ $0.isASCII && $0.isNumber })
      else {
        throw ValueError(
          "\(ConfigurationValues.quoted(text)) is not an account's number; write digits")
      }
      return text
    }
    let region = section.value("region", example: "cn-hangzhou") { text throws(ValueError) in
      guard !text.isEmpty, text.utf8.count <= 40,
        text.allSatisfy({ $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") })
      else {
        throw ValueError(
          "\(ConfigurationValues.quoted(text)) is not a region; write one such as cn-hangzhou")
      }
      return text
    }
    let hasBoth = section.node("uid") != nil && section.node("region") != nil
    let hasOne = section.node("uid") != nil || section.node("region") != nil
    if section.node("discovery") != nil {
      if hasOne {
        section.fault(
          "discovery", "uid or region is there as well; keep discovery, or the two of them")
      }
      return bases
    }
    if !hasBoth {
      if section.node("uid") != nil {
        section.missing("region", "write the service's region, such as cn-hangzhou")
      } else if section.node("region") != nil {
        section.missing("uid", "write the number of the account that the service is in")
      } else {
        section.missing(
          "discovery",
          "write the host that lists endpoints, or uid and region, which name the usual one")
      }
    }
    guard let uid, let region else { return nil }
    return ["http://\(uid).vpc.\(region).pai-eas.aliyuncs.com"]
  }

  /// `host`, `host:port`, or `http(s)://host[:port][/prefix]`; nothing else of a URL.
  private static func base(_ text: String) throws(ValueError) -> String {
    let quoted = ConfigurationValues.quoted(text)
    guard !text.contains("@") else {
      throw ValueError("the address holds an @; discovery takes no user name and no password")
    }
    var rest = text[...]
    var scheme = "http://"
    if let found = ["http://", "https://"].first(where: text.lowercased().hasPrefix) {
      scheme = found
      rest = rest.dropFirst(found.count)
    }
    let authority = rest.prefix { $0 != "/" }
    var path = String(rest.dropFirst(authority.count))
    if path == "/" { path = "" }
    do throws(ValueError) {
      let host = try ConfigurationValues.host(String(authority))
      if !path.isEmpty { path = try ConfigurationValues.prefix(path) }
      return scheme + host + path
    } catch {
      throw ValueError(
        "\(quoted) is not where discovery could answer; write host, host:port or a URL such as "
          + "http://discovery.internal:8080")
    }
  }

  /// What PAI-EAS calls services: letters, digits, `_` and `-`, with a dot behind a group's name.
  private static func serviceName(_ text: String) throws(ValueError) -> String {
    guard (1...128).contains(text.utf8.count),
      text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) })
    else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not a service of PAI-EAS; write letters, digits, _, "
          + "- or ., without a path")
    }
    return text
  }
}
