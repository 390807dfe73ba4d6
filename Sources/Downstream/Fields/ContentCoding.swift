internal import HTTPFields

/// How the body of a request or an answer is compressed: the content codings of RFC 9110 §8.4.1
/// that the bridge knows.
enum ContentCoding: Equatable {
  case identity
  case gzip
  /// deflate in the container of zlib; of requests the bare form is taken as well, because clients
  /// send both under this name.
  case deflate
  /// One that isn't known, or several one over the other.
  case other

  /// What `Accept-Encoding` says of the bridge in answers to bodies that it can't read
  /// (RFC 9110 §15.5.16).
  static let known = "gzip, deflate"

  /// Reads the value of `Content-Encoding`.
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

  /// The coding of this name, in any case; an empty one is none.
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
