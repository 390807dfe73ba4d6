internal import HTTPFields

/// The content coding of a request or response body (RFC 9110 §8.4.1).
enum ContentCoding: Equatable {
  case identity
  case gzip
  /// deflate in the zlib format; raw deflate is accepted in requests as well, because clients send both
  /// under this name.
  case deflate
  /// An unknown coding, or several applied in sequence.
  case other

  /// The `Accept-Encoding` of responses to bodies with an unsupported coding (RFC 9110 §15.5.16).
  static let known = "gzip, deflate"

  /// Parses the value of `Content-Encoding`.
  ///
  ///     ContentCoding("X-Gzip")      // .gzip (RFC 9110 §8.4.1.3)
  ///     ContentCoding("gzip, gzip")  // .other
  init(_ value: String) {
    self = .identity
    for part in value.utf8.split(separator: UInt8(ascii: ",")) {
      let coding = Self(name: HeaderValue.trimmed(part))
      guard coding != .identity else { continue }
      guard self == .identity else {
        self = .other
        return
      }
      self = coding
    }
  }

  /// The coding of this name, case-insensitive; `identity` for an empty one.
  private init(name: Substring.UTF8View) {
    if name.isEmpty || HeaderValue.equals(name, "identity") {
      self = .identity
    } else if HeaderValue.equals(name, "gzip") || HeaderValue.equals(name, "x-gzip") {
      self = .gzip
    } else if HeaderValue.equals(name, "deflate") {
      self = .deflate
    } else {
      self = .other
    }
  }
}
