internal import HTTPFields

/// Chooses a response's content coding by `Accept-Encoding` (RFC 9110 §12.5.3).
enum AcceptedCoding {
  /// The coding that the client prefers among `gzip`, `deflate` and none; gzip on a tie. A coding counts
  /// only if the client names it: `*` permits a coding but doesn't request it.
  ///
  ///     choose("gzip, deflate, br")            // .gzip
  ///     choose("deflate;q=1.0, gzip;q=0.5")    // .deflate
  ///     choose("*")                            // .identity
  ///     choose("gzip;q=0.1, identity")         // .identity
  ///     choose("identity;q=0, *")              // .gzip
  static func choose(_ value: String) -> ContentCoding {
    var gzip: Int?
    var deflate: Int?
    var identity: Int?
    var others: Int?
    for part in value.utf8.split(separator: UInt8(ascii: ",")) {
      let semicolon = part.firstIndex(of: UInt8(ascii: ";")) ?? part.endIndex
      let name = HeaderValue.trimmed(part[..<semicolon])
      guard !name.isEmpty else { continue }
      let quality = HeaderValue.quality(part[semicolon...])
      if HeaderValue.equals(name, "gzip") || HeaderValue.equals(name, "x-gzip") {
        gzip = max(gzip ?? 0, quality)
      } else if HeaderValue.equals(name, "deflate") {
        deflate = max(deflate ?? 0, quality)
      } else if HeaderValue.equals(name, "identity") {
        identity = quality
      } else if HeaderValue.equals(name, "*") {
        others = quality
      }
    }
    // `identity` is acceptable unless excluded; `*` covers it where it isn't named.
    if (identity ?? others ?? 1) == 0, gzip == nil, deflate == nil {
      return (others ?? 0) > 0 ? .gzip : .identity
    }
    let wanted = max(gzip ?? 0, deflate ?? 0)
    guard wanted > 0, wanted >= identity ?? 0 else { return .identity }
    return gzip ?? 0 == wanted ? .gzip : .deflate
  }
}
