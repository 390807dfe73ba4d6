internal import Yams

/// Reads a YAML text into `YAMLNode`s: the only file that knows Yams.
///
/// Yams stops at the first mapping with a key twice. So that a file's other faults are told in the
/// same go, the first letter of such a key is replaced by a private-use character (the columns stay
/// as they are) and the text is read again; the way back puts the letter in again and reports it.
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
  /// The most keys that are reported as written twice, and the first of the characters for them.
  private static let maskLimit = 100
  private static let firstMask: UInt32 = 0xE000
  /// The characters of which one stands for `&`: the first that the text doesn't have.
  private static let anchorMasks: ClosedRange<UInt32> = 0xF000...0xF8FF

  private let file: String
  private var scalars: [Unicode.Scalar]
  /// What stands for `&`; nil where there's none.
  private let anchorMask: Unicode.Scalar?
  /// The letters that were replaced, by the place of their mask.
  private var masked: [Unicode.Scalar] = []
  private var faults: [ConfigurationFault] = []
  private var nodeCount = 0

  /// Reads a text. The node is nil only when there are faults that leave nothing to decode.
  ///
  /// - Parameters:
  ///   - file: the name for messages.
  ///   - allowsTextBlocks: whether `|` and `>` are read: for files that aren't the bridge's alone.
  static func read(
    _ text: String, file: String, allowsTextBlocks: Bool = false
  ) -> (root: YAMLNode?, faults: [ConfigurationFault]) {
    if let finding = YAMLSubset.firstRefused(in: text, allowsTextBlocks: allowsTextBlocks) {
      let fault = ConfigurationFault(
        file: file, place: finding.place, key: "", reason: finding.reason)
      return (nil, [fault])
    }
    var document = YAMLDocument(file: file, text: text)
    let root = document.compose().flatMap { document.convert($0, key: "") }
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
            TextPlace(line: 1, column: 1), "", "the file is empty; write at least services")
          return nil
        }
        return node
      } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
        let place = TextPlace(line: context.mark.line, column: context.mark.column)
        guard self.mask(at: place) else {
          self.fault(
            place, "", "\"\(self.withAnchorSigns(keys.first ?? ""))\" is there twice; keep one")
          return nil
        }
      } catch let error as YamlError {
        self.fault(for: error, in: text)
        return nil
      } catch {
        self.fault(TextPlace(line: 1, column: 1), "", "not YAML: \(error)")
        return nil
      }
    }
  }

  /// Replaces the first letter of the key at `place`; false where that isn't a plain letter.
  private mutating func mask(at place: TextPlace) -> Bool {
    guard self.masked.count < Self.maskLimit, var index = self.index(of: place) else {
      return false
    }
    if self.scalars[index] == "\"" || self.scalars[index] == "'" { index += 1 }
    guard index < self.scalars.count,
      self.scalars[index].properties.isAlphabetic
        || self.scalars[index].properties.numericType != nil,
      let mask = Unicode.Scalar(Self.firstMask + UInt32(self.masked.count))
    else { return false }
    self.masked.append(self.scalars[index])
    self.scalars[index] = mask
    return true
  }

  private func index(of place: TextPlace) -> Int? {
    var line = 1
    var index = 0
    while line < place.line, index < self.scalars.count {
      if self.scalars[index] == "\n" { line += 1 }
      index += 1
    }
    index += place.column - 1
    return line == place.line && index < self.scalars.count ? index : nil
  }

  private mutating func fault(_ place: TextPlace?, _ key: String, _ reason: String) {
    self.faults.append(ConfigurationFault(file: self.file, place: place, key: key, reason: reason))
  }
}

// MARK: - Nodes

extension YAMLDocument {
  /// A node of ours; nil once the file proved too large. Recursion is as deep as libyaml lets a
  /// file nest.
  private mutating func convert(_ node: Node, key: String) -> YAMLNode? {
    self.nodeCount += 1
    let place = TextPlace(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    guard self.nodeCount <= Self.nodeLimit else {
      self.fault(
        place, "", "more than \(Self.nodeLimit) values; this is no configuration of the bridge")
      return nil
    }
    switch node {
    case .scalar(let scalar):
      return YAMLNode(
        value: .scalar(
          self.withAnchorSigns(scalar.string),
          isPlain: scalar.style == .plain || scalar.style == .any),
        place: place)
    case .sequence(let sequence):
      var nodes: [YAMLNode] = []
      for (index, element) in sequence.enumerated() {
        guard let node = self.convert(element, key: "\(key)[\(index)]") else { return nil }
        nodes.append(node)
      }
      return YAMLNode(value: .list(nodes), place: place)
    case .mapping(let mapping):
      return self.convert(mapping, key: key, place: place)
    case .alias:
      self.fault(place, key, "aliases (*name) are not read; write the value out")
      return nil
    }
  }

  private mutating func convert(
    _ mapping: Node.Mapping, key: String, place: TextPlace
  ) -> YAMLNode? {
    var entries: [YAMLNode.Entry] = []
    var again: [YAMLNode.Entry] = []
    for (keyNode, valueNode) in mapping {
      let keyPlace = TextPlace(line: keyNode.mark?.line ?? 1, column: keyNode.mark?.column ?? 1)
      guard case .scalar(let scalar) = keyNode else {
        self.fault(keyPlace, key, "a key must be a name, not a list or a mapping")
        continue
      }
      let (name, isMasked) = self.unmask(self.withAnchorSigns(scalar.string))
      let path = key.isEmpty ? name : "\(key).\(name)"
      guard let value = self.convert(valueNode, key: path) else { return nil }
      let entry = YAMLNode.Entry(key: name, keyPlace: keyPlace, value: value)
      if isMasked {
        again.append(entry)
      } else {
        entries.append(entry)
      }
    }
    self.reportRepeated(again, among: entries, key: key)
    return YAMLNode(value: .mapping(entries), place: place)
  }

  /// The masked ones come first in the file; each later one is the one that's reported.
  private mutating func reportRepeated(
    _ masked: [YAMLNode.Entry], among entries: [YAMLNode.Entry], key: String
  ) {
    for (index, entry) in masked.enumerated() {
      let later =
        masked[(index + 1)...].first { $0.key == entry.key }
        ?? entries.first { $0.key == entry.key }
      let path = key.isEmpty ? entry.key : "\(key).\(entry.key)"
      self.fault(
        later?.keyPlace ?? entry.keyPlace, path,
        "written twice, first in line \(entry.keyPlace.line); keep one")
    }
  }

  /// The text as it was in the file.
  private func withAnchorSigns(_ text: String) -> String {
    guard let mask = self.anchorMask, text.unicodeScalars.contains(mask) else { return text }
    var restored = String.UnicodeScalarView()
    restored.append(contentsOf: text.unicodeScalars.lazy.map { $0 == mask ? "&" : $0 })
    return String(restored)
  }

  private func unmask(_ text: String) -> (text: String, isMasked: Bool) {
    guard let first = text.unicodeScalars.first, first.value >= Self.firstMask,
      first.value < Self.firstMask + UInt32(self.masked.count)
    else { return (text, false) }
    var restored = String.UnicodeScalarView()
    restored.append(self.masked[Int(first.value - Self.firstMask)])
    restored.append(contentsOf: text.unicodeScalars.dropFirst())
    return (String(restored), true)
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
        TextPlace(line: mark.line, column: mark.column), "",
        "not YAML: \(Self.sentence(context, problem))")
    case .reader(let problem, let offset, _, _):
      self.fault(offset.flatMap { Self.place(of: $0, in: text) }, "", "not YAML: \(problem)")
    default:
      self.fault(nil, "", "not YAML: \(error)")
    }
  }

  private static func sentence(_ context: YamlError.Context?, _ problem: String) -> String {
    guard let context, !context.text.isEmpty else { return problem }
    return "\(context.text) (line \(context.mark.line)): \(problem)"
  }

  /// `offset` counts characters.
  private static func place(of offset: Int, in text: String) -> TextPlace? {
    var place = TextPlace(line: 1, column: 1)
    for character in text.prefix(offset) {
      if character.isNewline {
        place = TextPlace(line: place.line + 1, column: 1)
      } else {
        place.column += 1
      }
    }
    return place
  }
}
