internal import GRPCWire
internal import HTTPFields

/// A request's source as reported by browsers: the page's origin (Fetch §3.2) and its relation to the
/// bridge (Fetch Metadata). Other programs send neither field.
///
/// Any page may send simple requests to `localhost`, and the bridge adds the service's credentials to
/// them. So a request of a foreign page is served only if the service's `cors` permits the page.
struct RequestSource: Equatable {
  /// `Sec-Fetch-Site`.
  enum Site: Equatable {
    case unsaid
    /// `same-origin`, or `none`: initiated by the user.
    case own
    /// `cross-site`, `same-site` and unknown values.
    case foreign
  }

  /// The `Origin` as sent; empty without one. Several fields are joined, which isn't a valid origin.
  private(set) var origin = ""
  private(set) var site = Site.unsaid

  /// Whether a page may have sent the request.
  var isPage: Bool { !self.origin.isEmpty || self.site == .foreign }

  mutating func add(origin: String) {
    self.origin += self.origin.isEmpty ? origin : ", \(origin)"
  }

  mutating func add(site: String) {
    let isOwn =
      HeaderValue.equals(site, "same-origin") || HeaderValue.equals(site, "none")
    if self.site != .foreign { self.site = isOwn ? .own : .foreign }
  }

  /// Whether the page may call. `Sec-Fetch-Site` takes precedence over comparing origin and `Host`: a
  /// reverse proxy may have changed `Host`, and a page can't forge the field.
  ///
  /// - Parameters:
  ///   - authority: the request's authority.
  ///   - policy: the service's CORS policy.
  func mayCall(_ authority: String, _ policy: CORSPolicy?) -> Bool {
    if self.site == .own { return true }
    if let policy, self.origin.isEmpty ? policy.permitsAny : policy.permits(self.origin) {
      return true
    }
    return self.site == .unsaid && Self.isSame(self.origin, authority)
  }

  /// The reason the page may not call.
  func refusal(by service: String) -> String {
    let key = "services.\(service).cors.origins"
    return self.origin.isEmpty
      ? "the request comes from a page of another site (Sec-Fetch-Site); list the allowed origins in \(key)"
      : "the origin \(self.origin.prefix(Self.shownLength)) isn't one of \(key)"
  }

  /// The most characters of an origin or a host that a message includes.
  static let shownLength = 200

  /// Whether an origin has this host and port. The scheme isn't compared, because TLS may be terminated
  /// before the bridge.
  private static func isSame(_ origin: String, _ authority: String) -> Bool {
    for (scheme, port) in [("http://", ":80"), ("https://", ":443")]
    where origin.lowercased().hasPrefix(scheme) {
      let host = origin.lowercased().dropFirst(scheme.count)
      let other = authority.lowercased()
      return host == other || host + port == other
    }
    return false
  }
}

// MARK: - Requests

extension ExchangeDriver {
  /// Rejects requests of pages of other sites, and host names that a page could have pointed at this
  /// machine (DNS rebinding).
  ///
  /// - Parameter service: the service to be called.
  @inline(never)
  func checkSource(
    of target: String, _ headers: RequestHeaders, _ service: ServedService
  ) throws(RequestError) {
    var authority = headers.host ?? ""
    if target.utf8.first != UInt8(ascii: "/"),
      let parts = try? unsafe RequestTarget(target.utf8.span.bytes), parts.form == .absolute
    {
      // The client uses the bridge as its proxy, which a page can't cause.
      authority = String(decoding: Array(target.utf8)[parts.authority], as: UTF8.self)
    } else if self.checksHost, let error = self.loop.refusal(of: authority, for: service) {
      throw error
    }
    if headers.source.isPage, !headers.source.mayCall(authority, service.cors) {
      throw RequestError(
        .permissionDenied, .originNotAllowed, headers.source.refusal(by: service.name))
    }
  }
}

extension LoopContext {
  /// The error if a service isn't served under this name on loopback; nil if it is.
  func refusal(of authority: String, for service: ServedService) -> RequestError? {
    if !service.hosts.isEmpty || authority == self.trustedHost { return nil }
    guard self.trustedHosts.trusts(authority) else {
      return RequestError(
        .permissionDenied, .hostNotTrusted,
        "the host \(authority.prefix(RequestSource.shownLength)) isn't served on loopback, because a web "
          + "page could point it here (DNS rebinding); add it to trusted_hosts, or to "
          + "services.\(service.name).hosts")
    }
    self.trustedHost = authority
    return nil
  }
}
