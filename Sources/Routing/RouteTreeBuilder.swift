/// Collects templates and freezes them into a `RouteTree`.
package struct RouteTreeBuilder {
  /// A growing level of the tree.
  private struct Level {
    var literals: [[UInt8]: Int] = [:]
    var any: Int?
    var rests: [[[UInt8]]: [End]] = [:]
    var ends: [End] = []
    var depth: Int
  }

  private struct End {
    var verb: [UInt8]?
    var method: Int
    var route: Int
  }

  private var levels = [Level(depth: 0)]
  private var methods: [String] = []

  package init() {}

  /// Adds a route under a method (`*`: any) and a template.
  ///
  /// - Returns: the route that already has this method and a template of the same shape, in which
  ///   case nothing is added; otherwise nil.
  package mutating func insert(_ route: Int, method name: String, _ template: PathTemplate) -> Int?
  {
    let method: Int
    if let known = self.methods.firstIndex(of: name) {
      method = known
    } else {
      method = self.methods.count
      self.methods.append(name)
    }
    let end = End(verb: template.verb, method: method, route: route)
    var level = 0
    for (index, segment) in template.segments.enumerated() {
      switch segment {
      case .literal(let bytes):
        level = self.child(of: level, bytes)
      case .any:
        level = self.anyChild(of: level)
      case .rest:
        let tail = template.segments[(index + 1)...].compactMap { segment -> [UInt8]? in
          if case .literal(let bytes) = segment { bytes } else { nil }
        }
        let ends = self.levels[level].rests[tail, default: []]
        if let clash = Self.clash(of: end, in: ends) { return clash }
        self.levels[level].rests[tail, default: []].append(end)
        return nil
      }
    }
    if let clash = Self.clash(of: end, in: self.levels[level].ends) { return clash }
    self.levels[level].ends.append(end)
    return nil
  }

  private static func clash(of end: End, in ends: [End]) -> Int? {
    for other in ends where other.method == end.method && other.verb == end.verb {
      return other.route
    }
    return nil
  }

  private mutating func child(of level: Int, _ label: [UInt8]) -> Int {
    if let child = self.levels[level].literals[label] { return child }
    let child = self.append(below: level)
    self.levels[level].literals[label] = child
    return child
  }

  private mutating func anyChild(of level: Int) -> Int {
    if let child = self.levels[level].any { return child }
    let child = self.append(below: level)
    self.levels[level].any = child
    return child
  }

  private mutating func append(below level: Int) -> Int {
    self.levels.append(Level(depth: self.levels[level].depth + 1))
    return self.levels.count - 1
  }

  /// The tree of everything that was inserted.
  ///
  /// - Parameter dropsTrailingSlash: whether `/a/` is treated as `/a`.
  package consuming func freeze(dropsTrailingSlash: Bool = true) -> RouteTree {
    var frozen = Frozen()
    var nodes: [RouteTree.Node] = []
    for level in self.levels {
      let literals = level.literals.sorted {
        $0.key.count != $1.key.count
          ? $0.key.count < $1.key.count : $0.key.lexicographicallyPrecedes($1.key)
      }
      let firstEdge = Int32(frozen.edges.count)
      for (label, child) in literals {
        frozen.edges.append(RouteTree.Edge(label: frozen.label(label), node: Int32(child)))
      }
      let firstRest = Int32(frozen.rests.count)
      for (tail, ends) in level.rests.sorted(by: { $0.key.count > $1.key.count }) {
        let firstTail = Int32(frozen.tailLabels.count)
        for label in tail { frozen.tailLabels.append(frozen.label(label)) }
        frozen.rests.append(
          RouteTree.Rest(
            tail: firstTail..<Int32(frozen.tailLabels.count), ends: frozen.append(ends)))
      }
      nodes.append(
        RouteTree.Node(
          literals: firstEdge..<Int32(frozen.edges.count), any: Int32(level.any ?? -1),
          rests: firstRest..<Int32(frozen.rests.count), ends: frozen.append(level.ends),
          depth: Int32(level.depth)))
    }
    let position = { (name: String, absent: Int) in
      Int32(self.methods.firstIndex(of: name) ?? absent)
    }
    return RouteTree(
      nodes: nodes, edges: frozen.edges, rests: frozen.rests, tailLabels: frozen.tailLabels,
      ends: frozen.ends, verbs: frozen.verbs, labels: frozen.labels, methods: self.methods,
      depth: self.levels.map(\.depth).max() ?? 0, anyMethod: position("*", -2),
      getMethod: position("GET", -2), headMethod: position("HEAD", self.methods.count),
      dropsTrailingSlash: dropsTrailingSlash,
      verbColonCount: 1 + (frozen.verbTexts.map(Self.colonCount).max() ?? 0))
  }

  private static func colonCount(_ verb: [UInt8]) -> Int {
    verb.count { $0 == UInt8(ascii: ":") }
  }

  /// The side tables while they are built.
  private struct Frozen {
    var edges: [RouteTree.Edge] = []
    var rests: [RouteTree.Rest] = []
    var tailLabels: [Range<Int32>] = []
    var ends: [RouteTree.End] = []
    var verbs: [Range<Int32>] = []
    var verbTexts: [[UInt8]] = []
    var labels: [UInt8] = []

    mutating func label(_ bytes: [UInt8]) -> Range<Int32> {
      let start = Int32(self.labels.count)
      self.labels.append(contentsOf: bytes)
      return start..<Int32(self.labels.count)
    }

    mutating func append(_ ends: [End]) -> Range<Int32> {
      let start = Int32(self.ends.count)
      for end in ends {
        self.ends.append(
          RouteTree.End(
            verb: self.verb(end.verb), method: Int32(end.method), route: Int32(end.route)))
      }
      return start..<Int32(self.ends.count)
    }

    private mutating func verb(_ text: [UInt8]?) -> Int32 {
      guard let text else { return -1 }
      if let known = self.verbTexts.firstIndex(of: text) { return Int32(known) }
      self.verbTexts.append(text)
      self.verbs.append(self.label(text))
      return Int32(self.verbs.count - 1)
    }
  }
}
