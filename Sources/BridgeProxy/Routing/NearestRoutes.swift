internal import Codec

/// Finds the routes that a path was probably meant for; only on the way to a 404.
///
/// The work is bounded: paths of another number of segments are passed over, and the comparison of
/// letters ends when its budget is spent.
enum NearestRoutes {
  /// How many are named.
  private static let resultLimit = 3
  /// Longer paths get no suggestions.
  private static let pathLimit = 256
  /// Letters compared with letters, in all.
  private static let workLimit = 40_000

  static func find(_ path: RawSpan, in routes: [Route]) -> [Route] {
    guard path.byteCount <= Self.pathLimit else { return [] }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(path.byteCount)
    for index in 0..<path.byteCount { bytes.append(path[index]) }
    let segments = bytes.split(separator: UInt8(ascii: "/"))
    // A third of the letters may be wrong; more is another path.
    let tolerance = max(2, bytes.count / 3)
    var work = Self.workLimit
    var found: [(distance: Int, route: Route)] = []
    for route in routes {
      guard work > 0 else { break }
      guard
        let distance = Self.distance(segments, route.template, tolerance: tolerance, work: &work)
      else { continue }
      found.append((distance, route))
    }
    found.sort { ($0.distance, $0.route.template.text) < ($1.distance, $1.route.template.text) }
    return found.prefix(Self.resultLimit).map(\.route)
  }

  /// Edits that turn the path's literals into the template's; nil where there are too many.
  private static func distance(
    _ segments: [ArraySlice<UInt8>], _ template: PathTemplate, tolerance: Int, work: inout Int
  ) -> Int? {
    guard segments.count == template.segments.count else { return nil }
    var distance = 0
    for (segment, expected) in zip(segments, template.segments) {
      guard case .literal(let literal) = expected else { continue }
      work -= 1
      if segment.elementsEqual(literal) { continue }
      guard distance + abs(segment.count - literal.count) <= tolerance else { return nil }
      work -= segment.count * literal.count
      guard work > 0 else { return nil }
      distance += Nearest.distance(Array(segment), literal)
      guard distance <= tolerance else { return nil }
    }
    return distance
  }
}
