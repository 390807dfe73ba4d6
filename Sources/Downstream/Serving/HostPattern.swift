internal import Codec
internal import HTTPFields

/// A configured host: a name, an address, or `*.` followed by a suffix; with or without a port.
struct HostPattern: Sendable, Equatable {
  /// In lower case, without the `*` of a wildcard and without a trailing dot.
  private let name: [UInt8]
  private let port: [UInt8]?
  private let isWildcard: Bool

  /// The rank of a service without hosts.
  static let anyRank = 0

  /// - Parameter text: as returned by `ConfigurationValues.host`.
  init(_ text: String) {
    var bytes = text.utf8.map(ASCII.lowercased)
    self.isWildcard = bytes.starts(with: "*.".utf8)
    if self.isWildcard { bytes.removeFirst() }
    let colon = Self.portStart(bytes)
    self.port = colon.map { Array(bytes[($0 + 1)...]) }
    bytes = Array(bytes[..<(colon ?? bytes.count)])
    if bytes.last == UInt8(ascii: "."), bytes.count > 1 { bytes.removeLast() }
    self.name = bytes
  }

  /// The rank by specificity, larger first: whole names, then wildcards with longer suffixes.
  var rank: Int { self.isWildcard ? self.name.count : Int.max }

  /// The identity of a pattern: patterns with equal keys match the same authorities.
  var key: [UInt8] {
    (self.isWildcard ? [UInt8(ascii: "*")] : []) + self.name
      + (self.port.map { [UInt8(ascii: ":")] + $0 } ?? [])
  }

  /// Matches a `Host`, or the authority of an absolute-form target: ignores case, a trailing dot of the
  /// name (RFC 3986 §3.2.2), and the port if none is configured.
  func matches(_ authority: RawSpan) -> Bool {
    var start = 0
    if self.isWildcard {
      // The port and the trailing dot are found from the end; most authorities have neither.
      let end = Self.nameEnd(authority)
      // The asterisk matches at least one character.
      guard end > self.name.count else { return false }
      start = end - self.name.count
    }
    guard authority.byteCount - start >= self.name.count else { return false }
    for index in self.name.indices
    where ASCII.lowercased(authority[start + index]) != self.name[index] {
      return false
    }
    return self.matchesRest(authority, start + self.name.count)
  }

  /// Matches what may follow the name: a dot, and a port.
  private func matchesRest(_ authority: RawSpan, _ start: Int) -> Bool {
    var index = start
    if index < authority.byteCount, authority[index] == UInt8(ascii: ".") { index += 1 }
    guard index < authority.byteCount else { return self.port == nil }
    guard authority[index] == UInt8(ascii: ":") else { return false }
    index += 1
    if let port = self.port {
      guard authority.byteCount - index == port.count else { return false }
      for offset in port.indices where authority[index + offset] != port[offset] { return false }
      return true
    }
    while index < authority.byteCount {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(authority[index]) else { return false }
      index += 1
    }
    return true
  }

  /// The end of the name in an authority, without a trailing dot and a port.
  private static func nameEnd(_ authority: RawSpan) -> Int {
    var end = authority.byteCount
    var index = end
    while index > 0, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(authority[index - 1]) {
      index -= 1
    }
    if index > 0, authority[index - 1] == UInt8(ascii: ":") { end = index - 1 }
    if end > 0, authority[end - 1] == UInt8(ascii: ".") { end -= 1 }
    return end
  }

  /// The start of a host's port; colons inside the brackets of an IPv6 address don't count.
  private static func portStart(_ host: [UInt8]) -> Int? {
    guard let colon = host.lastIndex(of: UInt8(ascii: ":")) else { return nil }
    guard let bracket = host.lastIndex(of: UInt8(ascii: "]")) else { return colon }
    return colon > bracket ? colon : nil
  }
}
