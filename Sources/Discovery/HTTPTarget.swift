internal import BridgeConfiguration

/// The parts of an `http` or `https` URL that a request needs (RFC 9110 §4.2).
struct HTTPTarget: Equatable {
  /// The server: connections are kept per origin (RFC 6454).
  struct Origin: Hashable {
    var isSecure: Bool
    var endpoint: Configuration.Endpoint
  }

  var origin: Origin
  /// The `Host` field: host and port as the URL has them.
  var authority: String
  /// Path and query, in origin form (RFC 9112 §3.2.1).
  var path: String

  /// Nil if it's not such a URL.
  init?(_ url: String) {
    let isSecure = url.hasPrefix("https://")
    guard isSecure || url.hasPrefix("http://") else { return nil }
    let rest = url.dropFirst(isSecure ? 8 : 7)
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    guard let (host, port) = Self.split(authority) else { return nil }
    let path = rest[authority.endIndex...]
    self.origin = Origin(
      isSecure: isSecure,
      endpoint: Configuration.Endpoint(host: host, port: port ?? (isSecure ? 443 : 80)))
    self.authority = String(authority)
    self.path = path.hasPrefix("/") ? String(path) : "/" + path
  }

  /// Host, without brackets, and port, if there's one.
  private static func split(_ authority: Substring) -> (host: String, port: Int?)? {
    let host: Substring
    var port: Substring?
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { return nil }
      host = authority[authority.index(after: authority.startIndex)..<end]
      let rest = authority[authority.index(after: end)...]
      guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
      port = rest.isEmpty ? nil : rest.dropFirst()
    } else {
      host = authority.prefix { $0 != ":" }
      port = host.endIndex == authority.endIndex ? nil : authority[host.endIndex...].dropFirst()
    }
    guard !host.isEmpty else { return nil }
    guard let port, !port.isEmpty else { return (String(host), nil) }
    guard let number = UInt16(port), number > 0 else { return nil }
    return (String(host), Int(number))
  }
}
