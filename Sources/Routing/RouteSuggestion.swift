internal import Codec
internal import HTTPFields

/// Finds the routes that a path was probably meant for; used only for a 404.
///
/// In this order: other spellings of a method's name (`/Books/Get`, `/library.Books.Get`), paths
/// with a few different letters, paths that lack the beginning of a template or have something
/// before it, and paths with a literal in common. The work is bounded: the comparison ends when its
/// budget is spent.
enum RouteSuggestion {
  /// The maximum number of suggestions.
  private static let resultLimit = 5
  /// Longer paths get no suggestions.
  private static let pathLimit = 256
  /// The maximum number of letters compared with letters, in total.
  private static let workLimit = 40_000

  static func find(_ path: RawSpan, in routes: [Route]) -> [Route] {
    guard path.byteCount > 1, path.byteCount <= Self.pathLimit else { return [] }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(path.byteCount)
    for index in 0..<path.byteCount { bytes.append(ASCII.lowercased(path[index])) }
    let segments = bytes.split(separator: UInt8(ascii: "/"))
    let name = Self.name(bytes)
    // A third of the letters may be wrong; more makes it another path.
    let tolerance = max(2, bytes.count / 3)
    var work = Self.workLimit
    var found: [(rank: Rank, route: Route)] = []
    for route in routes {
      guard work > 0 else { break }
      let rank: Rank?
      if route.isByName, Self.isSpelling(name, of: route, work: &work) {
        rank = Rank(kind: 0, distance: 0)
      } else if let distance = Self.distance(
        segments, route.template, tolerance: tolerance, work: &work)
      {
        rank = Rank(kind: 1, distance: distance)
      } else {
        rank = Self.overlap(segments, route.template, work: &work)
      }
      if let rank { found.append((rank, route)) }
    }
    found.sort { ($0.rank, $0.route.template.text) < ($1.rank, $1.route.template.text) }
    // If there is a good match, routes that only share a word with the path are useless.
    let best = found.first?.rank.kind ?? 0
    return found.prefix { $0.rank.kind <= max(best, 2) }.prefix(Self.resultLimit).map(\.route)
  }

  /// A smaller rank is a better match.
  private struct Rank: Comparable {
    /// 0: another spelling of the name; 1: different letters; 2: a different beginning; 3: words in
    /// common.
    var kind: Int
    var distance: Int

    static func < (left: Rank, right: Rank) -> Bool {
      (left.kind, left.distance) < (right.kind, right.distance)
    }
  }

  // MARK: Names

  /// `/library.v1.Books/Get` as `library.v1.books.get`: without whatever is often omitted or
  /// spelled differently.
  private static func name(_ path: [UInt8]) -> [UInt8] {
    var name: [UInt8] = []
    for byte in path.drop(while: { $0 == UInt8(ascii: "/") }) {
      switch byte {
      case UInt8(ascii: "/"): name.append(UInt8(ascii: "."))
      case UInt8(ascii: "_"), UInt8(ascii: "-"): break
      default: name.append(ASCII.lowercased(byte))
      }
    }
    while name.last == UInt8(ascii: ".") { name.removeLast() }
    return name
  }

  /// Whether one of the two names is the end of the other.
  private static func isSpelling(_ name: [UInt8], of route: Route, work: inout Int) -> Bool {
    let full = Self.name(Array(route.template.text.utf8))
    work -= full.count
    let (long, short) = full.count >= name.count ? (full, name) : (name, full)
    guard !short.isEmpty, long.suffix(short.count).elementsEqual(short) else { return false }
    return long.count == short.count || long[long.count - short.count - 1] == UInt8(ascii: ".")
  }

  // MARK: Paths

  /// The number of edits that turn the path's literals into the template's; nil if there are too many.
  private static func distance(
    _ segments: [ArraySlice<UInt8>], _ template: PathTemplate, tolerance: Int, work: inout Int
  ) -> Int? {
    guard segments.count == template.segments.count else { return nil }
    var distance = 0
    for (segment, expected) in zip(segments, template.segments) {
      guard case .literal(let literal) = expected else { continue }
      work -= 1
      if Self.isSame(segment, literal) { continue }
      guard distance + abs(segment.count - literal.count) <= tolerance else { return nil }
      work -= segment.count * literal.count
      guard work > 0 else { return nil }
      distance += SpellingSuggestion.distance(Array(segment), literal.map(ASCII.lowercased))
      guard distance <= tolerance else { return nil }
    }
    return distance
  }

  /// How much a path has in common with a template that has another number of segments.
  private static func overlap(
    _ segments: [ArraySlice<UInt8>], _ template: PathTemplate, work: inout Int
  ) -> Rank? {
    let literals = template.segments.filter { if case .literal = $0 { true } else { false } }
    work -= literals.count + segments.count
    var isEnd = true
    var equal = 0
    for (segment, expected) in zip(segments.reversed(), template.segments.reversed()) {
      guard case .literal(let literal) = expected else { continue }
      if Self.isSame(segment, literal) { equal += 1 } else { isEnd = false }
    }
    let difference = abs(segments.count - template.segments.count)
    if isEnd, equal > 0, difference <= 2 { return Rank(kind: 2, distance: difference) }
    var common = 0
    for case .literal(let literal) in template.segments
    // `v1` and the like carry no information.
    where literal.count > 2 && segments.contains(where: { Self.isSame($0, literal) }) {
      common += 1
    }
    guard common > 0, common * 2 >= literals.count else { return nil }
    return Rank(kind: 3, distance: literals.count - common)
  }

  private static func isSame(_ segment: ArraySlice<UInt8>, _ literal: [UInt8]) -> Bool {
    segment.count == literal.count
      && zip(segment, literal).allSatisfy { $0 == ASCII.lowercased($1) }
  }
}
