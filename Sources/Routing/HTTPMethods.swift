/// The methods that a request can have. RFC 9110 §9.1 lets anybody add to them, but the parser of
/// HTTP/1.1 (llhttp, in swift-nio) knows a closed list, and refuses all others; HTTP/2 has any.
public enum HTTPMethods {
  /// Whether a rule of this method can be reached; `*` is any of them. CONNECT never is: it asks for a
  /// tunnel. Nor is one of the list in other letters, which is a mistake.
  package static func isReachable(_ name: String) -> Bool {
    if name == "*" || Self.known.contains(name) { return true }
    let capitals = name.uppercased()
    return name.utf8.allSatisfy(Self.isTokenByte) && capitals != "CONNECT"
      && !Self.known.contains(capitals)
  }

  /// Whether requests over HTTP/1.1 can have it.
  package static func isReachableByHTTP1(_ name: String) -> Bool {
    name == "*" || Self.known.contains(name)
  }

  /// Why a rule of a method that can't be reached isn't, with what would be right.
  package static func reason(_ name: String) -> String {
    let capitals = name.uppercased()
    if capitals != name, Self.known.contains(capitals) {
      return "no request has the method \(name): methods are case-sensitive; write \(capitals)"
    }
    return "no request can have the method \(name); the bridge reads "
      + Self.known.sorted().joined(separator: ", ")
  }

  /// RFC 9110 §5.6.2: what the name of a method, or a type of media, is made of.
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
