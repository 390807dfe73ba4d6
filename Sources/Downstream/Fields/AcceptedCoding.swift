internal import HTTPFields

/// Chooses how an answer is compressed, by `Accept-Encoding` (RFC 9110 §12.5.3).
enum AcceptedCoding {
  /// The coding that a client likes best of `gzip`, `deflate` and none; gzip of two that it likes
  /// the same. A coding counts only where the client names it: of `*` it's known that it may come,
  /// not that it's wanted.
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
    // Without a word of it, no coding is as good as any; `*` without it speaks for it as well.
    if (identity ?? others ?? 1) == 0, gzip == nil, deflate == nil {
      return (others ?? 0) > 0 ? .gzip : .identity
    }
    let wanted = max(gzip ?? 0, deflate ?? 0)
    guard wanted > 0, wanted >= identity ?? 0 else { return .identity }
    return gzip ?? 0 == wanted ? .gzip : .deflate
  }
}
