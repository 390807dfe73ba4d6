internal import Routing

/// The match of a path by the documented rules, found the slow way: each template is tried on its
/// own, and the preferred one of those that match is chosen. `RouteTree` must agree.
struct ReferenceMatch {
  /// Index of the template among those given.
  let template: Int
  /// For each segment of the template, the segments of the path that it matched.
  private let taken: [Range<Int>]
  private let segments: [[UInt8]]

  /// The bytes of a path that are the value of a variable of these segments.
  func value(of variable: Range<Int>) -> [UInt8] {
    let from = self.taken[variable.lowerBound].lowerBound
    let to = self.taken[variable.upperBound - 1].upperBound
    return Array(self.segments[from..<to].joined(separator: [UInt8(ascii: "/")]))
  }

  static func find(_ path: [UInt8], in templates: [PathTemplate]) -> ReferenceMatch? {
    guard let segments = Self.split(path) else { return nil }
    // With the last segment's verb split off first, if a template has that verb, the longest first.
    // A verb may contain colons: it begins at one of the last `inner + 1` colons.
    let inner = templates.map { ($0.verb ?? []).count { $0 == UInt8(ascii: ":") } }.max() ?? 0
    let last = segments.last ?? []
    let colons = last.indices.filter { last[$0] == UInt8(ascii: ":") }
    for colon in colons.suffix(inner + 1) {
      guard let verb = Self.decoded(last[(colon + 1)...]),
        templates.contains(where: { $0.verb == verb })
      else { continue }
      let cut = segments.dropLast() + [Array(last[..<colon])]
      if let match = Self.best(Array(cut), verb, templates) { return match }
    }
    return Self.best(segments, nil, templates)
  }

  /// One trailing `/` is ignored, and an empty path is the root.
  private static func split(_ path: [UInt8]) -> [[UInt8]]? {
    if path.isEmpty || path == Array("/".utf8) { return [] }
    guard path.first == UInt8(ascii: "/") else { return nil }
    var rest = path.dropFirst()
    if rest.last == UInt8(ascii: "/") { rest = rest.dropLast() }
    if rest.isEmpty { return [] }
    return rest.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      .map(Array.init)
  }

  private static func best(
    _ segments: [[UInt8]], _ verb: [UInt8]?, _ templates: [PathTemplate]
  ) -> ReferenceMatch? {
    var best: (rank: [Int], match: ReferenceMatch)?
    for (index, template) in templates.enumerated() where template.verb == verb {
      guard let taken = Self.match(segments, template) else { continue }
      let rank = Self.rank(template)
      if let best, !rank.lexicographicallyPrecedes(best.rank) { continue }
      best = (rank, ReferenceMatch(template: index, taken: taken, segments: segments))
    }
    return best?.match
  }

  /// Literals before `*`, `*` before `**`; of two `**` the one with the longer tail.
  private static func rank(_ template: PathTemplate) -> [Int] {
    var rank: [Int] = []
    for (index, segment) in template.segments.enumerated() {
      switch segment {
      case .literal: rank.append(0)
      case .any: rank.append(1)
      case .rest: return rank + [2 + PathTemplate.segmentLimit - (template.segments.count - index)]
      }
    }
    return rank
  }

  private static func match(_ segments: [[UInt8]], _ template: PathTemplate) -> [Range<Int>]? {
    let spare = segments.count - template.segments.count
    guard spare == 0 || template.segments.contains(.rest) && spare >= -1 else { return nil }
    var taken: [Range<Int>] = []
    var index = 0
    for segment in template.segments {
      let count = segment == .rest ? spare + 1 : 1
      switch segment {
      case .literal(let bytes):
        guard Self.decoded(segments[index][...]) == bytes else { return nil }
      case .any:
        guard !segments[index].isEmpty else { return nil }
      case .rest: break
      }
      taken.append(index..<index + count)
      index += count
    }
    return taken
  }

  /// Percent-decoded; nil if an escape is invalid.
  private static func decoded(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
    var rest = bytes
    var decoded: [UInt8] = []
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        decoded.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(Self.digit),
        let low = rest.popFirst().flatMap(Self.digit)
      else { return nil }
      decoded.append(high * 16 + low)
    }
    return decoded
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    Character(UnicodeScalar(byte)).hexDigitValue.flatMap { byte < 0x80 ? UInt8($0) : nil }
  }
}
