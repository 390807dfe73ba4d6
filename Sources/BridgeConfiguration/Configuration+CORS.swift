internal import HTTPFields

extension Configuration {
  /// Cross-origin access to a service from browsers (the CORS protocol of the Fetch standard, §3.3).
  package struct CORS: Sendable, Equatable {
    /// `scheme://host` or `scheme://host:port` in lower case; empty: any.
    package var origins: [String]
    /// Allowed methods.
    package var methods = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"]
    /// Allowed request headers besides the CORS-safelisted ones; a single `*`: any.
    package var headers = ["content-type", "authorization"]
    /// Exposed response headers besides the CORS-safelisted ones.
    package var expose = ["x-request-id"]
    /// Whether requests may carry credentials such as cookies. Not with any origin. Default no.
    package var allowsCredentials = false
    /// How long a browser may cache a preflight response. Default 10 min.
    package var maxAge: Duration = .seconds(600)

    package init(origins: [String]) {
      self.origins = origins
    }
  }
}

extension Configuration.CORS {
  /// Reads the section `cors` of a service; nil if it has no valid origin.
  init?(_ section: SectionReader) {
    let origins = section.list("origins", example: "https://app.example", Self.origin)
    if section.node("origins") == nil {
      section.missing(
        "origins", "write the origins that may call, such as https://app.example, or *")
    }
    let isAny = origins?.contains("*") ?? false
    self.init(origins: isAny ? [] : origins ?? [])
    if let methods = section.list("methods", example: "GET", Self.method) { self.methods = methods }
    let name = { (text: String) throws(ValueError) in try Self.name(text, "X-Team") }
    let headers = section.list("headers", example: "X-Team") { text throws(ValueError) in
      text == "*" ? text : try name(text)
    }
    if let headers { self.headers = headers }
    if let expose = section.list("expose", example: "X-Cost", name) { self.expose = expose }
    section.flag("credentials", into: &self.allowsCredentials)
    section.duration("max_age", into: &self.maxAge, example: "10m", allowsZero: true)
    section.finish()
    if isAny, (origins?.count ?? 0) > 1 {
      section.fault("origins", "* allows any origin; remove the others, or remove *")
    }
    if self.headers.contains("*"), self.headers.count > 1 {
      section.fault("headers", "* allows any header; remove the others, or remove *")
    }
    if isAny, self.allowsCredentials {
      section.fault(
        "credentials",
        "with *, any page could use its visitor's cookies; name the origins, or "
          + "leave this out"
      )
    }
    guard let origins, !origins.isEmpty else { return nil }
  }

  /// Parses an origin as browsers send it, or `*`.
  private static func origin(_ text: String) throws(ValueError) -> String {
    if text == "*" { return text }
    let quoted = ConfigurationValues.quoted(text)
    let example = "write scheme, host and an optional port, such as https://app.example"
    let origin = text.lowercased()
    guard let scheme = ["https://", "http://"].first(where: origin.hasPrefix) else {
      throw ValueError("\(quoted) is not an origin; \(example)")
    }
    let host = String(origin.dropFirst(scheme.count))
    guard !host.contains("*") else {
      throw ValueError(
        "\(quoted): origins are compared whole, without wildcards; write each of them")
    }
    guard !host.contains("/") else {
      throw ValueError("\(quoted): an origin has no path and no trailing slash; \(example)")
    }
    guard (try? ConfigurationValues.host(host)) != nil else {
      throw ValueError("\(quoted) is not an origin; \(example)")
    }
    let port = scheme == "https://" ? ":443" : ":80"
    guard !host.hasSuffix(port) else {
      throw ValueError(
        "\(quoted): browsers omit the scheme's default port; leave out \(port)")
    }
    return origin
  }

  private static func method(_ text: String) throws(ValueError) -> String {
    guard !text.isEmpty, text.utf8.allSatisfy(ASCII.isUppercase) else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not a method; write capital letters, such as GET")
    }
    return text
  }

  private static func name(_ text: String, _ example: String) throws(ValueError) -> String {
    guard !text.isEmpty, HeaderName.isMetadata(text.utf8.map(ASCII.lowercased)) else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not a header name; write letters, digits, -, _ "
          + "or ., such as \(example)")
    }
    return text.lowercased()
  }
}
