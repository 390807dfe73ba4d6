internal import Codec
internal import GRPCWire
internal import HTTPFields

/// The parsed request target of a request line (RFC 9112 §3.2).
///
///     /v1/books?page=2                     origin form, to a base URL
///     http://bench.internal/v1/books       absolute form, to a proxy
///     *                                    asterisk form, of OPTIONS
struct RequestTarget: Equatable {
  enum Form: Equatable {
    case origin
    case absolute
    case asterisk
  }

  var form: Form
  /// Host and port of the absolute form; empty otherwise.
  var authority: Range<Int>
  /// From its leading `/`; empty if an absolute form has none, which means `/`.
  var path: Range<Int>
  /// The part after the `?`; empty without one.
  var query: Range<Int>

  /// Parses a target.
  ///
  /// - Throws: a 400 that names the valid forms.
  init(_ target: RawSpan) throws(RequestError) {
    let count = target.byteCount
    self.form = .origin
    self.authority = 0..<0
    var start = 0
    if count == 0 || target[0] != UInt8(ascii: "/") {
      if count == 1, target[0] == UInt8(ascii: "*") {
        self.form = .asterisk
        self.path = 0..<0
        self.query = 0..<0
        return
      }
      guard let scheme = Self.schemeLength(target) else {
        throw .fatal(
          .invalidArgument, .malformedRequest,
          "the request target is neither a path (/v1/…) nor an http URL (http://host/v1/…)")
      }
      self.form = .absolute
      var end = scheme
      while end < count, !Self.endsAuthority(target[end]) { end += 1 }
      self.authority = scheme..<end
      guard !self.authority.isEmpty else {
        throw .fatal(
          .invalidArgument, .malformedRequest, "the URL in the request line has no host")
      }
      for index in self.authority where target[index] == UInt8(ascii: "@") {
        // RFC 9110 §4.2.4: user information in a URL indicates an attempt to mislead.
        throw .fatal(
          .invalidArgument, .malformedRequest,
          "the URL in the request line has a user name; send an Authorization header instead")
      }
      start = end
    }
    var pathEnd = start
    while pathEnd < count, target[pathEnd] != UInt8(ascii: "?") {
      if target[pathEnd] == UInt8(ascii: "#") { throw Self.fragment }
      pathEnd += 1
    }
    self.path = start..<pathEnd
    self.query = min(pathEnd + 1, count)..<count
    for index in self.query where target[index] == UInt8(ascii: "#") { throw Self.fragment }
  }

  private static var fragment: RequestError {
    .fatal(
      .invalidArgument, .malformedRequest,
      "the request target has a fragment (#…), which clients must not send")
  }

  /// The length of `http://` or `https://`; nil if the target begins with neither.
  private static func schemeLength(_ target: RawSpan) -> Int? {
    for scheme in ["http://", "https://"] where target.byteCount >= scheme.utf8.count {
      var index = 0
      for byte in scheme.utf8 {
        guard ASCII.lowercased(target[index]) == byte else { break }
        index += 1
      }
      if index == scheme.utf8.count { return index }
    }
    return nil
  }

  private static func endsAuthority(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
  }
}
