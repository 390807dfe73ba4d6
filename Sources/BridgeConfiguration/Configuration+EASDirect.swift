internal import HTTPFields

extension Configuration {
  /// Endpoints of a PAI-EAS service that are called without its gateway, from the service discovery of
  /// its region (`endpoint: {eas-direct: {…}}`).
  package struct EASDirect: Sendable, Equatable {
    /// The service's name in PAI-EAS, with its `_`.
    package var service: String
    /// Base URLs of discovery, such as `http://1234.vpc.cn-hangzhou.pai-eas.aliyuncs.com`, without a
    /// trailing slash. If one fails, the next is tried. At least one.
    package var bases: [String]
    /// Paths, where `{service}` is replaced by the name; after a 404 the next is tried. At least one.
    package var paths: [String] = Self.knownPaths
    /// Sent as `internal=true` or `internal=false`; nil: not sent. Default nil.
    package var isInternal: Bool?
    /// Polling interval. The documentation recommends 5 s to 10 s. Default 5 s.
    package var interval: Duration = .seconds(5)
    /// Timeout of one request. Default 3 s.
    package var timeout: Duration = .seconds(3)
    /// Port to call instead of the discovered one; nil: the discovered one. Default nil.
    package var port: Int?
    /// Weight of endpoints that discovery returns without one. Default 100.
    package var defaultWeight = 100

    /// The documented path, and the one that newer clients use.
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
  /// For logs: `eas-direct infer (http://…)`.
  package var description: String {
    "eas-direct \(self.service) (\(self.bases.joined(separator: ", ")))"
  }
}

extension Configuration.EASDirect {
  /// Reads the section `eas-direct` of an endpoint; nil, with an error reported, if service or URLs are
  /// missing or invalid.
  init?(_ section: SectionReader) {
    let service = section.value("service", example: "infer", EASNames.service)
    if section.node("service") == nil {
      section.missing("service", "write the service's name in PAI-EAS")
    }
    let bases = Self.discoveryBases(section)
    let path = section.value("path", example: Self.knownPaths[0]) { text throws(ValueError) in
      guard text.contains("{service}") else {
        throw ValueError(
          "\(ConfigurationValues.quoted(text)) has no {service}, which is replaced by the service's name"
        )
      }
      let filled = text.replacing("{service}", with: "infer")
      _ = try ConfigurationValues.prefix(filled)
      return text
    }
    let isInternal = section.flag("internal")
    let interval = section.pollInterval("interval", example: "5s")
    let timeout = section.duration("timeout", example: "3s")
    let port = section.portOverride()
    let weight = section.integer(
      "default_weight", example: "100", in: 0...Configuration.WeightedEndpoint.most)
    section.finish()
    guard let service, let bases, !bases.isEmpty else { return nil }
    self.init(service: service, bases: bases)
    if let path { self.paths = [path] }
    self.isInternal = isInternal
    if let interval { self.interval = interval }
    if let timeout { self.timeout = timeout }
    self.port = port
    if let weight { self.defaultWeight = weight }
  }

  /// Base URLs by `discovery`, or by `uid` and `region`.
  private static func discoveryBases(_ section: SectionReader) -> [String]? {
    let bases = section.list(
      "discovery", example: "1234.vpc.cn-hangzhou.pai-eas.aliyuncs.com", Self.base)
    let uid = section.value("uid", example: "1234567890123456", EASNames.uid)
    let region = section.value("region", example: "cn-hangzhou") { text throws(ValueError) in
      guard !text.isEmpty, text.utf8.count <= 40,
        text.isAlphanumeric(or: "-"), !text.utf8.contains(where: ASCII.isUppercase)
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
          "discovery", "uid or region is set too; keep discovery, or the two of them")
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
          "write the host that lists endpoints, or uid and region, for the default one")
      }
    }
    guard let uid, let region else { return nil }
    return ["http://\(uid).vpc.\(region).pai-eas.aliyuncs.com"]
  }

  /// Parses `host`, `host:port`, or `http(s)://host[:port][/prefix]`; no other parts of a URL.
  private static func base(_ text: String) throws(ValueError) -> String {
    let quoted = ConfigurationValues.quoted(text)
    guard !text.contains("@") else {
      throw ValueError("the address contains an @; discovery takes no user name and no password")
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
        "\(quoted) is not an address of discovery; write host, host:port or a URL such as "
          + "http://discovery.internal:8080")
    }
  }
}
