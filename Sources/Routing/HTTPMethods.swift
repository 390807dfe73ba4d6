/// The methods that a request can have. RFC 9110 §9.1 allows further ones, but the HTTP/1.1 parser
/// (llhttp, in swift-nio) accepts a closed list only; HTTP/2 allows any.
public enum HTTPMethods {
  /// Whether a rule of this method can be reached; `*` is any method. CONNECT never can: it
  /// requests a tunnel. Nor can a listed method in other letter case, which is a mistake.
  package static func isReachable(_ name: String) -> Bool {
    if name == "*" || Self.known.contains(name) { return true }
    let capitals = name.uppercased()
    return name.utf8.allSatisfy(Self.isTokenByte) && capitals != "CONNECT"
      && !Self.known.contains(capitals)
  }

  /// Whether requests over HTTP/1.1 can have this method.
  package static func isReachableByHTTP1(_ name: String) -> Bool {
    name == "*" || Self.known.contains(name)
  }

  /// The reason that a rule of an unreachable method isn't served, with a suggestion.
  package static func reason(_ name: String) -> String {
    let capitals = name.uppercased()
    if capitals != name, Self.known.contains(capitals) {
      return "no request has the method \(name): methods are case-sensitive; write \(capitals)"
    }
    return "no request can have the method \(name); the bridge reads "
      + Self.known.sorted().joined(separator: ", ")
  }

  /// Whether a byte may occur in a token, such as a method or a media type (RFC 9110 §5.6.2).
  @inlinable
  public static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    // ! # $ % & ' * + - . ^ _ ` | ~
    case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E...0x60, 0x7C, 0x7E: true
    default: false
    }
  }

  package static let known: Set<String> = [
    "ACL", "BIND", "CHECKOUT", "COPY", "DELETE", "GET", "HEAD", "LINK", "LOCK", "M-SEARCH", "MERGE",
    "MKACTIVITY", "MKCALENDAR", "MKCOL", "MOVE", "NOTIFY", "OPTIONS", "PATCH", "POST", "PROPFIND",
    "PROPPATCH", "PURGE", "PUT", "QUERY", "REBIND", "REPORT", "SEARCH", "SOURCE", "SUBSCRIBE",
    "TRACE", "UNBIND", "UNLINK", "UNLOCK", "UNSUBSCRIBE",
  ]
}
