internal import Yams

/// Parses a YAML text into `YAMLNode`s: the only file that imports Yams.
///
/// Yams stops at the first mapping with a duplicate key. To report a file's other errors too, the first
/// letter of everything that looks like a key is then replaced, each by a distinct private-use character
/// (which keeps columns unchanged), and the text is parsed again; the conversion restores the letters and
/// finds the duplicates. A second pass is always enough.
///
/// Anchors are hidden from Yams in the same way: every `&` is replaced before parsing and restored
/// afterwards. Aliases let a file of one kilobyte expand to a billion values (lists of aliases of lists),
/// and Yams compares keys by content, so that one such key never terminates. Without an anchor no alias can
/// refer to anything.
struct YAMLDocument {
  /// Maximum size of a file in bytes: stops a wrong path (a log, a device) from exhausting memory.
  static let byteLimit = 1 << 20
  /// Maximum number of values in a file. Bounds the cost of converting it.
  private static let nodeLimit = 100_000
  /// Maximum number of duplicate keys that are reported individually.
  private static let repeatedLimit = 10
  /// The characters that replace first letters of keys; the last two of each plane are noncharacters.
  private static let keyMasks: [ClosedRange<UInt32>] = [0xF0000...0xFFFFD, 0x100000...0x10FFFD]
  /// Candidates for replacing `&`: the first that the text doesn't contain.
  private static let anchorMasks: ClosedRange<UInt32> = 0xF000...0xF8FF

  private let file: String
  private var scalars: [Unicode.Scalar]
  /// The replacement of `&`; nil if there's none.
  private let anchorMask: Unicode.Scalar?
  /// The replaced letters by their masks; empty unless there are duplicate keys.
  private var masked: [Unicode.Scalar: Unicode.Scalar] = [:]
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
    var document = YAMLDocument(file: file, text: text)
    let root = document.compose().flatMap { document.convert($0, key: "") }
    document.countRepeated()
    return (root, document.faults)
  }

  private init(file: String, text: String) {
    self.file = file
    var scalars = Array(text.unicodeScalars)
    self.anchorMask = Self.replaceAnchorSigns(in: &scalars)
    self.scalars = scalars
  }

  /// Replaces every `&`.
  ///
  /// - Returns: the replacement; nil if there was no `&`, or if the text contains all candidates and `?` is
  ///   used irreversibly.
  private static func replaceAnchorSigns(in scalars: inout [Unicode.Scalar]) -> Unicode.Scalar? {
    guard scalars.contains("&") else { return nil }
    let taken = Set(scalars)
    let mask = Self.anchorMasks.lazy.compactMap(Unicode.Scalar.init).first { !taken.contains($0) }
    for index in scalars.indices where scalars[index] == "&" { scalars[index] = mask ?? "?" }
    return mask
  }

  private mutating func compose() -> Node? {
    while true {
      var text = ""
      text.unicodeScalars.append(contentsOf: self.scalars)
      do {
        guard let node = try Yams.compose(yaml: text, .basic) else {
          self.fault(
            TextLocation(line: 1, column: 1), "", "the file is empty; write at least services")
          return nil
        }
        return node
      } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
        guard self.masked.isEmpty, self.maskKeys() else {
          let location = TextLocation(line: context.mark.line, column: context.mark.column)
          let key = self.unmasked(self.withAnchorSigns(keys.first ?? ""))
          self.fault(location, "", "\(ConfigurationValues.quoted(key)) appears twice; keep one")
          return nil
        }
      } catch let error as YamlError {
        self.fault(for: error, in: text)
        return nil
      } catch {
        self.fault(TextLocation(line: 1, column: 1), "", "not YAML: \(error)")
        return nil
      }
    }
  }

  /// Replaces the first letter of everything that looks like a key: letters and digits followed by a colon,
  /// optionally quoted, at the start of a line, a list's element or a flow mapping's member. The letters of
  /// others are restored later.
  ///
  /// - Returns: false if there was none, or if the replacement characters ran out.
  private mutating func maskKeys() -> Bool {
    guard !self.scalars.contains(where: { $0.value >= Self.keyMasks[0].lowerBound }) else {
      return false
    }
    var masks = Self.keyMasks.joined().makeIterator()
    var index = 0
    var mayBegin = true
    while index < self.scalars.count {
      let scalar = self.scalars[index]
      switch scalar {
      case "\n", "\r", "{", "}", "[", "]", ",": mayBegin = true
      case " ", "\t", "-", "?", "\"", "'": break
      default:
        if mayBegin, Self.isKeyStart(scalar), self.isKey(at: index) {
          guard let mask = masks.next().flatMap(Unicode.Scalar.init) else { return false }
          self.masked[mask] = scalar
          self.scalars[index] = mask
        }
        mayBegin = false
      }
      index += 1
    }
    return !self.masked.isEmpty
  }

  private static func isKeyStart(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isAlphabetic || scalar.properties.numericType != nil
      || scalar.value >= 0xE000 && scalar.value <= 0xF8FF || "_./$".unicodeScalars.contains(scalar)
  }

  /// Whether a colon follows before the end of the line and anything that ends a key.
  private func isKey(at start: Int) -> Bool {
    for scalar in self.scalars[start...].prefix(Self.keyLimit) {
      switch scalar {
      case ":": return true
      case "\n", "\r", ",", "{", "}", "[", "]", "#": return false
      default: break
      }
    }
    return false
  }

  /// Longer keys aren't recognized.
  private static let keyLimit = 1024

  private mutating func fault(_ location: TextLocation?, _ key: String, _ reason: String) {
    self.faults.append(
      ConfigurationDiagnostic(file: self.file, location: location, key: key, reason: reason))
  }
}

// MARK: - Nodes

extension YAMLDocument {
  /// Converts a node; nil once the file has too many values. Recursion depth is bounded by libyaml's nesting
  /// limit.
  private mutating func convert(_ node: Node, key: String) -> YAMLNode? {
    self.nodeCount += 1
    let location = TextLocation(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    guard self.nodeCount <= Self.nodeLimit else {
      self.fault(
        location, "",
        "more than \(Self.nodeLimit) values; this is not a configuration of the bridge")
      return nil
    }
    switch node {
    case .scalar(let scalar):
      return YAMLNode(
        value: .scalar(
          self.unmasked(self.withAnchorSigns(scalar.string)),
          isPlain: scalar.style == .plain || scalar.style == .any),
        location: location)
    case .sequence(let sequence):
      var nodes: [YAMLNode] = []
      for (index, element) in sequence.enumerated() {
        guard let node = self.convert(element, key: "\(key)[\(index)]") else { return nil }
        nodes.append(node)
      }
      return YAMLNode(value: .list(nodes), location: location)
    case .mapping(let mapping):
      return self.convert(mapping, key: key, location: location)
    case .alias:
      self.fault(location, key, "aliases (*name) are not supported; write the value out")
      return nil
    }
  }

  private mutating func convert(
    _ mapping: Node.Mapping, key: String, location: TextLocation
  ) -> YAMLNode? {
    var entries: [YAMLNode.Entry] = []
    // Of duplicate keys the last value is used, in the position of the first.
    var locations: [String: Int] = [:]
    for (keyNode, valueNode) in mapping {
      let keyLocation = TextLocation(
        line: keyNode.mark?.line ?? 1, column: keyNode.mark?.column ?? 1)
      guard case .scalar(let scalar) = keyNode else {
        self.fault(keyLocation, key, "a key must be a name, not a list or a mapping")
        continue
      }
      let name = self.unmasked(self.withAnchorSigns(scalar.string))
      let path = key.isEmpty ? name : "\(key).\(name)"
      guard let value = self.convert(valueNode, key: path) else { return nil }
      let entry = YAMLNode.Entry(key: name, keyLocation: keyLocation, value: value)
      if let location = locations[name] {
        self.reportRepeated(path, at: keyLocation, earlier: entries[location].keyLocation)
        entries[location] = entry
      } else {
        locations[name] = entries.count
        entries.append(entry)
      }
    }
    return YAMLNode(value: .mapping(entries), location: location)
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

  /// The original text.
  private func withAnchorSigns(_ text: String) -> String {
    guard let mask = self.anchorMask, text.unicodeScalars.contains(mask) else { return text }
    var restored = String.UnicodeScalarView()
    restored.append(contentsOf: text.unicodeScalars.lazy.map { $0 == mask ? "&" : $0 })
    return String(restored)
  }

  private func unmasked(_ text: String) -> String {
    guard !self.masked.isEmpty, text.unicodeScalars.contains(where: { self.masked[$0] != nil })
    else { return text }
    var restored = String.UnicodeScalarView()
    restored.append(contentsOf: text.unicodeScalars.lazy.map { self.masked[$0] ?? $0 })
    return String(restored)
  }
}

// MARK: - Syntax errors

extension YAMLDocument {
  private mutating func fault(for error: YamlError, in text: String) {
    switch error {
    case .scanner(let context, let problem, let mark, _),
      .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      self.fault(
        TextLocation(line: mark.line, column: mark.column), "",
        "not YAML: \(Self.sentence(context, problem))")
    case .reader(let problem, let offset, _, _):
      self.fault(offset.flatMap { Self.location(of: $0, in: text) }, "", "not YAML: \(problem)")
    default:
      self.fault(nil, "", "not YAML: \(error)")
    }
  }

  private static func sentence(_ context: YamlError.Context?, _ problem: String) -> String {
    let hint = Self.hint(problem)
    guard let context, !context.text.isEmpty else { return problem + hint }
    return "\(context.text) (line \(context.mark.line)): \(problem)\(hint)"
  }

  /// A hint at the most common cause of a libyaml error.
  private static func hint(_ problem: String) -> String {
    switch problem {
    case "mapping values are not allowed in this context":
      "; indent the line like its neighbours (keys of a section start in the same column), or put a "
        + "value that contains \": \" in quotes"
    case "did not find expected key", "did not find expected '-' indicator":
      "; indent the line like the others of its section: keys of a section start in the same column"
    case "could not find expected ':'":
      "; write a key, a colon and a blank, such as timeout: 30s"
    case "found character that cannot start any token":
      "; indent with blanks, not with tabs, and put a value that starts with @ or ` in quotes"
    case "did not find expected ',' or ']'", "did not find expected ',' or '}'":
      "; is a bracket left open?"
    case "found unexpected end of stream": "; is a quote left open?"
    default: ""
    }
  }

  /// `offset` counts characters.
  private static func location(of offset: Int, in text: String) -> TextLocation? {
    var location = TextLocation(line: 1, column: 1)
    for character in text.prefix(offset) {
      if character.isNewline {
        location = TextLocation(line: location.line + 1, column: 1)
      } else {
        location.column += 1
      }
    }
    return location
  }
}
