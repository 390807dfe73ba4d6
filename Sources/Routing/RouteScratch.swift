internal import Codec

/// The state of matching one path; kept by its owner so that a match allocates nothing.
///
/// After a match it contains the positions of the path's segments, and so of the values of the
/// matched template's variables.
package struct RouteScratch: Sendable {
  /// The offset of each of the first segments, up to one more than the depth of the tree.
  private var starts: [Int] = []
  /// Nodes still to be searched: an index, or its complement for the node's `**` branches.
  var stack: [Int32] = []
  /// One past the last byte of the last segment; a trailing `/` and a verb are excluded.
  private(set) var end = 0
  /// Whether `starts` has all segments of the path.
  private(set) var isWhole = true
  /// The number of nodes and tails visited so far, which tests measure instead of time.
  package internal(set) var steps = 0

  package init() {
    self.starts.reserveCapacity(16)
    self.stack.reserveCapacity(16)
  }

  /// The number of known segments.
  var count: Int { self.starts.count }

  /// Finds the first segments of a path, at most one more than `depth`.
  ///
  /// - Parameter dropsTrailingSlash: whether one trailing `/` is ignored, so that `/a/` is treated
  ///   as `/a`; otherwise an empty segment follows it.
  /// - Returns: false if the path begins with anything but `/`; an empty path is the root.
  mutating func split(_ path: RawSpan, depth: Int, dropsTrailingSlash: Bool) -> Bool {
    self.starts.removeAll(keepingCapacity: true)
    self.isWhole = true
    self.steps = 0
    self.end = path.byteCount
    // An empty path remains when the whole path is a service's prefix.
    guard path.byteCount > 0 else { return true }
    guard path[0] == UInt8(ascii: "/") else { return false }
    if dropsTrailingSlash, self.end > 1, path[self.end - 1] == UInt8(ascii: "/") { self.end -= 1 }
    guard self.end > 1 else { return true }
    self.starts.append(1)
    var index = 1
    while index < self.end {
      if path[index] == UInt8(ascii: "/") {
        if self.starts.count > depth {
          self.isWhole = false
          return true
        }
        self.starts.append(index + 1)
      }
      index += 1
    }
    return true
  }

  /// Moves the end of the last segment: before its verb, or back.
  mutating func cut(at end: Int) {
    self.end = end
  }

  /// The bytes of a known segment.
  func segment(_ index: Int) -> Range<Int> {
    let start = self.starts[index]
    let next = index + 1
    if next < self.starts.count { return start..<self.starts[next] - 1 }
    if self.isWhole { return start..<max(start, self.end) }
    return start..<self.end  // unreachable: no node is that deep
  }

  /// The offset of a segment; past the end for one after the last.
  func start(of index: Int) -> Int {
    index < self.starts.count ? self.starts[index] : self.end + 1
  }

  /// The bytes that a variable of the matched template spans.
  ///
  /// - Parameters:
  ///   - segments: the variable's segments in its template.
  ///   - template: the template that matched.
  package func range(
    of segments: Range<Int>, in template: PathTemplate, _ path: RawSpan
  ) -> Range<Int> {
    let rest = template.segments.firstIndex(of: .rest)
    return self.range(of: segments, count: template.segments.count, rest: rest, path)
  }

  /// The same for a template given by its number of segments and the index of its `**`.
  func range(of segments: Range<Int>, count: Int, rest: Int?, _ path: RawSpan) -> Range<Int> {
    guard let rest, rest < segments.upperBound else {
      return self.start(of: segments.lowerBound)..<self.segment(segments.upperBound - 1).upperBound
    }
    // After a `**`, segments are counted from the end of the path.
    let end = self.ending(before: count - segments.upperBound, path)
    if segments.lowerBound > rest {
      return self.ending(before: count - segments.lowerBound, path) + 1..<end
    }
    let start = min(self.start(of: segments.lowerBound), self.end)
    return start..<max(start, end)
  }

  /// The end of the segment that is followed by this many others.
  private func ending(before count: Int, _ path: RawSpan) -> Int {
    var end = self.end
    for _ in 0..<count { end = Self.segmentStart(before: end, in: path) - 1 }
    return end
  }

  /// The offset of the segment that ends at `end`.
  static func segmentStart(before end: Int, in path: RawSpan) -> Int {
    var start = end
    while start > 0, path[start - 1] != UInt8(ascii: "/") { start -= 1 }
    return start
  }
}
