internal import Yams

/// Reads a YAML text into `YAMLNode`s: the only file that knows Yams.
///
/// Yams stops at the first mapping with a key twice. So that a file's other faults are told in the
/// same go, the first letter of everything that looks like a key is replaced then, each by a private-use
/// character of its own (the columns stay as they are), and the text is read again; the way back puts the
/// letters in again and finds the keys that stand twice. A second reading is enough, however many there
/// are.
///
/// Anchors are kept from Yams in the same way: every `&` is replaced before the text is read, and put in
/// again behind it. Aliases let a file of one kilobyte stand for a billion values (each one of a list of
/// aliases), and Yams compares keys by content, so that one such key never ends. Without an anchor
/// there's nothing that an alias could name, whatever the text looks like.
struct YAMLDocument {
  /// The most bytes a file may have: stops a wrong path (a log, a device) from filling memory.
  static let byteLimit = 1 << 20
  /// The most values in one file. Stops a file from costing more than its reading.
  private static let nodeLimit = 100_000
  /// The most keys that are reported as written twice.
  private static let repeatedLimit = 10
  /// The characters that stand for the first letters of keys; each plane has two more that are none.
  private static let keyMasks: [ClosedRange<UInt32>] = [0xF0000...0xFFFFD, 0x100000...0x10FFFD]
  /// The characters of which one stands for `&`: the first that the text doesn't have.
  private static let anchorMasks: ClosedRange<UInt32> = 0xF000...0xF8FF

  private let file: String
  private var scalars: [Unicode.Scalar]
  /// What stands for `&`; nil where there's none.
  private let anchorMask: Unicode.Scalar?
  /// The letters that were replaced, by their masks; empty as long as no key stands twice.
  private var masked: [Unicode.Scalar: Unicode.Scalar] = [:]
  /// Keys that stand twice, in all.
  private var repeatedCount = 0
  private var faults: [ConfigurationDiagnostic] = []
  private var nodeCount = 0

  /// Reads a text. The node is nil only when there are faults that leave nothing to decode.
  ///
  /// - Parameters:
  ///   - file: the name for messages.
  ///   - allowsTextBlocks: whether `|` and `>` are read: for files that aren't the bridge's alone.
  static func read(
    _ text: String, file: String, allowsTextBlocks: Bool = false
  ) -> (root: YAMLNode?, faults: [ConfigurationDiagnostic]) {
    if let finding = YAMLSubset.firstRefused(in: text, allowsTextBlocks: allowsTextBlocks) {
      let fault = ConfigurationDiagnostic(
        file: file, location: finding.location, key: "", reason: finding.reason)
      return (nil, [fault])
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
  /// - Returns: what stands for it now; nil where there was none, or where the text has all the
  ///   characters that could, and keeps a `?` instead.
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
          self.fault(location, "", "\(ConfigurationValues.quoted(key)) is there twice; keep one")
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

  /// Replaces the first letter of everything that looks like a key: letters and digits with a colon
  /// behind, perhaps in quotes, where a line, a list's element or a flow mapping's member begins. What
  /// isn't one gets its letter back.
  ///
  /// - Returns: false where there was none, or where there's no character left to stand for one.
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

  /// Whether a colon comes before the end of the line and anything that ends a key.
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

  /// Longer keys aren't looked for.
  private static let keyLimit = 1024

  private mutating func fault(_ location: TextLocation?, _ key: String, _ reason: String) {
    self.faults.append(
      ConfigurationDiagnostic(file: self.file, location: location, key: key, reason: reason))
  }
}

// MARK: - Nodes

extension YAMLDocument {
  /// A node of ours; nil once the file proved too large. Recursion is as deep as libyaml lets a
  /// file nest.
  private mutating func convert(_ node: Node, key: String) -> YAMLNode? {
    self.nodeCount += 1
    let location = TextLocation(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    guard self.nodeCount <= Self.nodeLimit else {
      self.fault(
        location, "", "more than \(Self.nodeLimit) values; this is no configuration of the bridge")
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
      self.fault(location, key, "aliases (*name) are not read; write the value out")
      return nil
    }
  }

  private mutating func convert(
    _ mapping: Node.Mapping, key: String, location: TextLocation
  ) -> YAMLNode? {
    var entries: [YAMLNode.Entry] = []
    // Of several with one key the last one is read; it stands where the first one does.
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

  /// The text as it was in the file.
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

  /// What people have most often written where libyaml says this.
  private static func hint(_ problem: String) -> String {
    switch problem {
    case "mapping values are not allowed in this context":
      "; indent the line as its neighbours are (keys of one section begin in one column), or put a "
        + "value that holds \": \" in quotes"
    case "did not find expected key", "did not find expected '-' indicator":
      "; indent the line as the others of its section are: keys of one section begin in one column"
    case "could not find expected ':'":
      "; write a key, a colon and a blank, such as timeout: 30s"
    case "found character that cannot start any token":
      "; indent with blanks, not with tabs, and put a value that begins with @ or ` in quotes"
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
