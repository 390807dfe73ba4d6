/// Converts a YAML text into `YAMLNode`s, and finds duplicate keys.
///
/// Aliases and anchors are errors: with them, a file of one kilobyte could expand to a billion values.
struct YAMLDocument: ~Copyable {
  /// Maximum size of a file in bytes: stops a wrong path (a log, a device) from exhausting memory.
  static let byteLimit = 1 << 20
  /// Maximum number of values in a file.
  private static let nodeLimit = 100_000
  /// Maximum nesting of lists and mappings. Bounds the recursion of the conversion.
  private static let depthLimit = 100
  /// Maximum number of duplicate keys that are reported individually.
  private static let repeatedLimit = 10

  private let file: String
  private var events: YAMLEvents
  /// Total number of duplicate keys.
  private var repeatedCount = 0
  private var faults: [ConfigurationDiagnostic] = []
  private var nodeCount = 0

  /// Parses a text. The node is nil only if errors leave nothing to decode.
  ///
  /// - Parameters:
  ///   - file: the file's name for messages.
  ///   - allowsTextBlocks: whether `|` and `>` are allowed, for files that other programs use too.
  static func read(
    _ text: String, file: String, allowsTextBlocks: Bool = false
  ) -> (root: YAMLNode?, faults: [ConfigurationDiagnostic]) {
    if let finding = YAMLSubset.firstRefused(in: text, allowsTextBlocks: allowsTextBlocks) {
      let diagnostic = ConfigurationDiagnostic(
        file: file, location: finding.location, key: "", reason: finding.reason)
      return (nil, [diagnostic])
    }
    var document = YAMLDocument(file: file, events: YAMLEvents(text))
    var root: YAMLNode?
    do throws(YAMLError) {
      root = try document.readRoot()
    } catch {
      document.fault(error.location, error.key, error.reason)
    }
    document.countRepeated()
    return (root, document.faults)
  }

  private init(file: String, events: consuming YAMLEvents) {
    self.file = file
    self.events = events
  }

  private mutating func readRoot() throws(YAMLError) -> YAMLNode {
    guard case .documentStart = try self.events.next().kind else {
      throw YAMLError(
        TextLocation(line: 1, column: 1), "the file is empty; write at least services")
    }
    let root = try self.node(try self.events.next(), key: "", depth: 0)
    _ = try self.events.next()
    let next = try self.events.next()
    if case .end = next.kind { return root }
    throw YAMLError(
      syntax: "but found another document", at: next.location,
      context: ("expected a single document in the stream", 1))
  }

  /// Reads the value that an event starts.
  private mutating func node(
    _ event: YAMLEvents.Event, key: String, depth: Int
  ) throws(YAMLError) -> YAMLNode {
    let location = event.location
    self.nodeCount += 1
    guard self.nodeCount <= Self.nodeLimit else {
      throw YAMLError(
        location, "more than \(Self.nodeLimit) values; this is not a configuration of the bridge")
    }
    guard depth <= Self.depthLimit else {
      throw YAMLError(
        location, "nested more than \(Self.depthLimit) levels deep; is a bracket left open?")
    }
    guard !event.hasProperties else { throw Self.unsupported(event, key) }
    switch event.kind {
    case .scalar(let text, let isPlain):
      return YAMLNode(value: .scalar(text, isPlain: isPlain), location: location)
    case .listStart:
      var nodes: [YAMLNode] = []
      while true {
        let event = try self.events.next()
        if case .listEnd = event.kind { break }
        nodes.append(try self.node(event, key: "\(key)[\(nodes.count)]", depth: depth + 1))
      }
      return YAMLNode(value: .list(nodes), location: location)
    case .mappingStart:
      return YAMLNode(
        value: .mapping(try self.entries(key: key, depth: depth + 1)), location: location)
    case .alias, .documentStart, .documentEnd, .listEnd, .mappingEnd, .end:
      throw Self.unsupported(event, key)
    }
  }

  /// Reads the members of a mapping. Of duplicate keys the last value is used, in the position of the
  /// first.
  private mutating func entries(
    key: String, depth: Int
  ) throws(YAMLError) -> [YAMLNode.Entry] {
    var entries: [YAMLNode.Entry] = []
    var indices: [String: Int] = [:]
    while true {
      let event = try self.events.next()
      if case .mappingEnd = event.kind { return entries }
      guard case .scalar(let name, _) = event.kind, !event.hasProperties else {
        _ = try self.node(event, key: key, depth: depth)
        _ = try self.node(try self.events.next(), key: key, depth: depth)
        self.fault(event.location, key, "a key must be a name, not a list or a mapping")
        continue
      }
      let path = key.isEmpty ? name : "\(key).\(name)"
      let value = try self.node(try self.events.next(), key: path, depth: depth)
      let entry = YAMLNode.Entry(key: name, keyLocation: event.location, value: value)
      if let index = indices[name] {
        self.reportRepeated(path, at: event.location, earlier: entries[index].keyLocation)
        entries[index] = entry
      } else {
        indices[name] = entries.count
        entries.append(entry)
      }
    }
  }

  private static func unsupported(_ event: YAMLEvents.Event, _ key: String) -> YAMLError {
    if case .alias = event.kind {
      return YAMLError(
        event.location, key: key, "aliases (*name) are not supported; write the value out")
    }
    return YAMLError(
      event.location, key: key,
      "anchors (&) and tags (!) are not supported; put the value in quotes")
  }

  private mutating func reportRepeated(
    _ path: String, at location: TextLocation, earlier: TextLocation
  ) {
    self.repeatedCount += 1
    guard self.repeatedCount <= Self.repeatedLimit else { return }
    self.fault(location, path, "written twice, first in line \(earlier.line); keep one")
  }

  private mutating func countRepeated() {
    let more = self.repeatedCount - Self.repeatedLimit
    if more > 0 { self.fault(nil, "", "… and \(more) more keys are written twice") }
  }

  private mutating func fault(_ location: TextLocation?, _ key: String, _ reason: String) {
    self.faults.append(
      ConfigurationDiagnostic(file: self.file, location: location, key: key, reason: reason))
  }
}
