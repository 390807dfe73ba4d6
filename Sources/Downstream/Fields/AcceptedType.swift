internal import HTTPFields

/// Determines whether a client accepts JSON, by `Accept` (RFC 9110 §12.5.1).
enum AcceptedType {
  /// How specifically a media range matches JSON: the most specific one decides.
  private enum Closeness: Int {
    /// `*/*`, and `*`, which old clients send.
    case any
    /// `application/*`.
    case application
    /// `application/…+json`: a client that accepts one kind of JSON can read another.
    case suffix
    /// `application/json` or `text/json`.
    case exact
  }

  /// Whether the client accepts JSON. Without a valid media range, it accepts anything.
  ///
  ///     includesJSON("text/html, */*;q=0.8")          // true
  ///     includesJSON("application/vnd.api+json")      // true
  ///     includesJSON("application/xml")               // false
  ///     includesJSON("application/json;q=0, */*")     // false
  static func includesJSON(_ value: String) -> Bool {
    if value == "application/json" || value == "*/*" { return true }
    var closest: Closeness?
    var quality = 0
    var hasRange = false
    for part in value.utf8.split(separator: UInt8(ascii: ",")) {
      let semicolon = part.firstIndex(of: UInt8(ascii: ";")) ?? part.endIndex
      let range = HeaderValue.trimmed(part[..<semicolon])
      if range.contains(UInt8(ascii: "/")) { hasRange = true }
      guard let closeness = Self.closeness(of: range) else { continue }
      hasRange = true
      let weight = HeaderValue.quality(part[semicolon...])
      if let known = closest, known.rawValue > closeness.rawValue { continue }
      quality = closest == closeness ? max(quality, weight) : weight
      closest = closeness
    }
    return !hasRange || (closest != nil && quality > 0)
  }

  private static func closeness(of range: Substring.UTF8View) -> Closeness? {
    if HeaderValue.equals(range, "application/json") || HeaderValue.equals(range, "text/json") {
      return .exact
    }
    if HeaderValue.equals(range, "*/*") || HeaderValue.equals(range, "*") { return .any }
    guard HeaderValue.equals(range.prefix(12), "application/") else { return nil }
    if HeaderValue.equals(range.dropFirst(12), "*") { return .application }
    return HeaderValue.equals(range.suffix(5), "+json") ? .suffix : nil
  }
}
