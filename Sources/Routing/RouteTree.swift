internal import Codec

/// All path templates of one table as an immutable tree: looks up the route of a method and a path.
///
/// A flat array of nodes, each one level of the path, with the labels in one byte array; matching
/// allocates nothing. Per segment a literal is preferred to `*`, and `*` to `**`; if a preferred
/// branch doesn't match (or not for this method) the next one is tried, whatever the order in which
/// the templates were declared. After `**` the longer tail of literals is preferred.
///
/// Work is bounded by the tree, not by the path: a node is entered at most once per pass, no more
/// segments are examined than the deepest template has, and there are few passes: one without a
/// verb split off the last segment, and one for each verb of some template that the path may end in
/// (just one, if no verb contains a colon).
package struct RouteTree: Sendable {
  /// A method of some template, by its index in `methods`; `unknown` for any other.
  package struct Method: Sendable, Equatable {
    let rawValue: Int32

    static let unknown = Method(rawValue: -1)
  }

  /// One level of a path.
  struct Node: Sendable {
    /// Indices in `edges`, sorted by length, then bytes.
    var literals: Range<Int32>
    /// The child node for `*`; -1 for none.
    var any: Int32
    /// Indices in `rests`, the longest tail first.
    var rests: Range<Int32>
    /// Indices in `ends`: the templates that are complete here.
    var ends: Range<Int32>
    /// The number of segments before it.
    var depth: Int32
  }

  /// The edge from a node to its child by a literal segment.
  struct Edge: Sendable {
    /// The literal's range in `labels`.
    var label: Range<Int32>
    var node: Int32
  }

  /// A `**` with the literals after it.
  struct Rest: Sendable {
    /// Indices in `tailLabels`.
    var tail: Range<Int32>
    var ends: Range<Int32>
  }

  /// A route at the end of its template.
  struct End: Sendable {
    /// Index in `verbs`; -1 for a template without a verb.
    var verb: Int32
    var method: Int32
    var route: Int32
  }

  let nodes: [Node]
  let edges: [Edge]
  let rests: [Rest]
  let tailLabels: [Range<Int32>]
  let ends: [End]
  let verbs: [Range<Int32>]
  let labels: [UInt8]
  /// The methods of the templates, as written; `*` is any method.
  package let methods: [String]
  /// The maximum number of segments of a template before its end or its `**`.
  let depth: Int
  /// Index of `*` in `methods`; -2 if no template has it.
  let anyMethod: Int32
  /// Index of `GET` in `methods`; -2 if no template has it.
  let getMethod: Int32
  /// Index of `HEAD` in `methods`; one past the end if no template has it.
  let headMethod: Int32
  /// Whether `/a/` is treated as `/a`.
  let dropsTrailingSlash: Bool
  /// The number of colons from the end of a path at which a verb may begin: one more than verbs
  /// contain.
  let verbColonCount: Int

  /// The method of a request line. Methods are case-sensitive (RFC 9110 §9.1).
  package func method(_ name: String) -> Method {
    for (index, method) in self.methods.enumerated() where method == name {
      return Method(rawValue: Int32(index))
    }
    return name == "HEAD" ? Method(rawValue: self.headMethod) : .unknown
  }

  /// The route of a method and a path.
  ///
  /// - Parameters:
  ///   - path: from its leading `/`, without the query, as it appears in the request line.
  ///   - scratch: memory of the caller; after a match it has the positions of the variables' values.
  package func match(_ method: Method, _ path: RawSpan, _ scratch: inout RouteScratch) -> Int? {
    guard
      scratch.split(path, depth: self.depth, dropsTrailingSlash: self.dropsTrailingSlash)
    else { return nil }
    // An empty path has no last segment.
    if !self.verbs.isEmpty, scratch.count > 0 {
      if let route = self.matchVerb(method, path, &scratch) { return route }
    }
    return self.search(method, -1, path, &scratch)
  }

  /// The methods that routes of this path have, sorted, for `Allow` (RFC 9110 §10.2.1). Empty if no
  /// template matches. For the response to a request that didn't match.
  package func allowedMethods(_ path: RawSpan, _ scratch: inout RouteScratch) -> [String] {
    var allowed: Set<String> = []
    for (index, name) in self.methods.enumerated() {
      let method = Method(rawValue: Int32(index))
      guard self.match(method, path, &scratch) != nil else { continue }
      allowed.insert(name)
      if name == "GET" { allowed.insert("HEAD") }
    }
    return allowed.sorted()
  }

  // MARK: Search

  /// The route of a path whose last segment ends in a verb that some template has; the longest verb
  /// is tried first.
  private func matchVerb(
    _ method: Method, _ path: RawSpan, _ scratch: inout RouteScratch
  ) -> Int? {
    let end = scratch.end
    var first = end
    var count = 0
    var index = end
    while index > 0, count < self.verbColonCount {
      index -= 1
      let byte = path[index]
      if byte == UInt8(ascii: "/") { break }
      if byte == UInt8(ascii: ":") {
        first = index
        count += 1
      }
    }
    var colon = first
    while colon < end {
      if path[colon] == UInt8(ascii: ":"), let verb = self.verb(path, colon + 1..<end) {
        scratch.cut(at: colon)
        if let route = self.search(method, verb, path, &scratch) { return route }
        scratch.cut(at: end)
      }
      // Most paths have no other colon to try.
      if count == 1 { return nil }
      colon += 1
    }
    return nil
  }

  /// The index of a verb that some template has.
  private func verb(_ path: RawSpan, _ range: Range<Int>) -> Int32? {
    for (position, label) in self.verbs.enumerated()
    where PercentCoding.matches(path, range, self.labels, label) {
      return Int32(position)
    }
    return nil
  }

  private func search(
    _ method: Method, _ verb: Int32, _ path: RawSpan, _ scratch: inout RouteScratch
  ) -> Int? {
    scratch.stack.removeAll(keepingCapacity: true)
    scratch.stack.append(0)
    // A node is `index`, its `**` branches are `~index`. The preferred one is pushed last.
    while let entry = scratch.stack.popLast() {
      scratch.steps &+= 1
      guard entry >= 0 else {
        if let route = self.searchRests(of: self.nodes[Int(~entry)], method, verb, path, &scratch) {
          return route
        }
        continue
      }
      let node = self.nodes[Int(entry)]
      if !node.rests.isEmpty { scratch.stack.append(~entry) }
      let depth = Int(node.depth)
      guard depth < scratch.count else {
        if scratch.isWhole, let route = self.route(in: node.ends, method, verb) { return route }
        continue
      }
      let segment = scratch.segment(depth)
      if node.any >= 0, !segment.isEmpty { scratch.stack.append(node.any) }
      if let child = self.child(in: node.literals, path, segment) { scratch.stack.append(child) }
    }
    return nil
  }

  private func searchRests(
    of node: Node, _ method: Method, _ verb: Int32, _ path: RawSpan, _ scratch: inout RouteScratch
  ) -> Int? {
    let start = scratch.start(of: Int(node.depth))
    nextRest: for position in node.rests {
      let rest = self.rests[Int(position)]
      var end = scratch.end + 1
      for tail in rest.tail.reversed() {
        scratch.steps &+= 1
        guard end > start else { continue nextRest }
        let segmentEnd = end - 1
        end = RouteScratch.segmentStart(before: segmentEnd, in: path)
        guard end >= start,
          PercentCoding.matches(path, end..<segmentEnd, self.labels, self.tailLabels[Int(tail)])
        else { continue nextRest }
      }
      if let route = self.route(in: rest.ends, method, verb) { return route }
    }
    return nil
  }

  /// The child for a literal segment.
  private func child(in range: Range<Int32>, _ path: RawSpan, _ segment: Range<Int>) -> Int32? {
    var low = Int(range.lowerBound)
    var high = Int(range.upperBound)
    guard low < high else { return nil }
    for index in segment where path[index] == UInt8(ascii: "%") {
      // Rare: compare the decoded segment with each label.
      for edge in self.edges[low..<high]
      where PercentCoding.matches(path, segment, self.labels, edge.label) {
        return edge.node
      }
      return nil
    }
    while low < high {
      let middle = (low + high) / 2
      let edge = self.edges[middle]
      let order = self.compare(path, segment, edge.label)
      if order == 0 { return edge.node }
      if order < 0 { high = middle } else { low = middle + 1 }
    }
    return nil
  }

  /// Negative if the segment sorts before the label: by length, then bytes.
  private func compare(_ path: RawSpan, _ segment: Range<Int>, _ label: Range<Int32>) -> Int {
    if segment.count != label.count { return segment.count - label.count }
    var position = Int(label.lowerBound)
    for index in segment {
      let difference = Int(path[index]) - Int(self.labels[position])
      if difference != 0 { return difference }
      position += 1
    }
    return 0
  }

  /// The route for this method: its own, else GET's for HEAD (RFC 9110 §9.3.2), else that of any
  /// method.
  private func route(in range: Range<Int32>, _ method: Method, _ verb: Int32) -> Int? {
    var second: Int32 = -1
    var third: Int32 = -1
    for position in range {
      let end = self.ends[Int(position)]
      guard end.verb == verb else { continue }
      if end.method == method.rawValue { return Int(end.route) }
      if end.method == self.getMethod, method.rawValue == self.headMethod { second = end.route }
      if end.method == self.anyMethod { third = end.route }
    }
    if second >= 0 { return Int(second) }
    return third >= 0 ? Int(third) : nil
  }
}
