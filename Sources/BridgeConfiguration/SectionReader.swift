internal import Codec

/// Decodes a mapping of a configuration file key by key, and collects errors.
///
/// Every key that is read becomes known; `finish` reports the others with the most similar known key. A
/// reader never throws: invalid values are reported and returned as nil, so that the remaining keys are
/// checked too.
final class SectionReader {
  /// Collects the errors of a file, shared by the readers of its sections.
  final class Faults {
    let file: String
    private(set) var list: [ConfigurationDiagnostic]
    /// Warnings, with file, line and key.
    private(set) var warnings: [String] = []
    /// TLS settings whose contexts must still be created.
    private(set) var tls: [LocatedTLSSettings] = []

    init(file: String, _ list: [ConfigurationDiagnostic] = []) {
      self.file = file
      self.list = list
    }

    func warn(_ location: TextLocation?, _ key: String, _ text: String) {
      self.warnings.append(
        ConfigurationDiagnostic(file: self.file, location: location, key: key, reason: text)
          .description)
    }

    func add(_ tls: LocatedTLSSettings) {
      self.tls.append(tls)
    }

    func add(_ location: TextLocation?, _ key: String, _ reason: String) {
      self.list.append(
        ConfigurationDiagnostic(file: self.file, location: location, key: key, reason: reason))
    }

    /// Adds the errors of another file that this one refers to.
    func add(contentsOf other: Faults) {
      self.list += other.list
    }
  }

  /// Key path of the section; empty at the top level.
  let path: String
  /// Start of the section, for messages about missing keys.
  let location: TextLocation
  let context: ReadContext
  let faults: Faults
  private let entries: [YAMLNode.Entry]
  /// Indices in `entries` by key.
  private let locations: [String: Int]
  private var known: Set<String> = []

  /// Nil, with an error reported, if the node isn't a mapping.
  init?(
    _ node: YAMLNode, path: String, location: TextLocation, context: ReadContext, faults: Faults
  ) {
    self.path = path
    self.location = location
    self.context = context
    self.faults = faults
    switch node.value {
    case .mapping(let entries):
      self.entries = entries
      self.locations = Dictionary(entries.enumerated().map { ($1.key, $0) }) { first, _ in first }
    default:
      self.entries = []
      self.locations = [:]
      faults.add(
        node.location, path,
        "expected a mapping of keys to values, found \(node.kind)\(SectionExamples.hint(path, node))"
      )
      return nil
    }
  }

  private func entry(_ key: String) -> YAMLNode.Entry? {
    self.locations[key].map { self.entries[$0] }
  }

  /// All members, for a mapping with user-defined keys.
  var members: [YAMLNode.Entry] { self.entries }

  /// The path of a key of this section.
  func path(of key: String) -> String {
    self.path.isEmpty ? key : "\(self.path).\(key)"
  }

  /// Reports an error at a key's value, or at the section if the key is missing.
  func fault(_ key: String, _ reason: String) {
    let diagnostic = self.diagnostic(key, reason)
    self.faults.add(diagnostic.location, diagnostic.key, reason)
  }

  /// The diagnostic that `fault` reports.
  func diagnostic(_ key: String, _ reason: String) -> ConfigurationDiagnostic {
    ConfigurationDiagnostic(
      file: self.faults.file, location: self.entry(key)?.value.location ?? self.location,
      key: self.path(of: key), reason: reason)
  }

  /// Location of a value by its path from this section, or of the longest part of the path that exists.
  /// Doesn't find keys that contain dots.
  func location(of path: String) -> TextLocation {
    var entries = self.entries
    var location = self.location
    for key in path.split(separator: ".") {
      guard let entry = entries.first(where: { $0.key == key }) else { break }
      location = entry.value.location
      if case .mapping(let members) = entry.value.value { entries = members } else { entries = [] }
    }
    return location
  }

  /// The node of a key; nil if it's missing.
  func node(_ key: String) -> YAMLNode? {
    self.known.insert(key)
    return self.entry(key)?.value
  }

  /// The section under a key; nil if it's missing or isn't a mapping.
  func section(_ key: String) -> SectionReader? {
    guard let node = self.node(key) else { return nil }
    let location = self.entry(key)?.keyLocation ?? node.location
    return self.section(of: node, path: self.path(of: key), location: location)
  }

  /// The section of a given node, such as a list's element.
  func section(of node: YAMLNode, path: String, location: TextLocation? = nil) -> SectionReader? {
    SectionReader(
      node, path: path, location: location ?? node.location, context: self.context,
      faults: self.faults)
  }

  /// A single value, parsed by `parse`.
  ///
  /// - Parameter example: a valid value, for messages about a value of the wrong kind.
  func value<Value>(
    _ key: String, example: String, _ parse: (String) throws(ValueError) -> Value
  ) -> Value? {
    guard let node = self.node(key) else { return nil }
    return self.value(of: node, path: self.path(of: key), example: example, parse)
  }

  /// A list of single values; a single value is a list of one. Nil if the key is missing.
  func list<Value>(
    _ key: String, example: String, _ parse: (String) throws(ValueError) -> Value
  ) -> [Value]? {
    guard let node = self.node(key) else { return nil }
    let path = self.path(of: key)
    guard case .list(let nodes) = node.value else {
      return self.value(of: node, path: path, example: example, parse).map { [$0] }
    }
    if nodes.isEmpty {
      self.faults.add(node.location, path, "an empty list; write at least one, such as \(example)")
    }
    return nodes.enumerated().compactMap { index, node in
      self.value(of: node, path: "\(path)[\(index)]", example: example, parse)
    }
  }

  /// One of several names.
  func choice<Value>(_ key: String, _ choices: KeyValuePairs<String, Value>) -> Value? {
    let names = choices.map(\.key)
    return self.value(key, example: names[0]) { text throws(ValueError) in
      guard let choice = choices.first(where: { $0.key == text }) else {
        // It may be a misplaced secret.
        let shown =
          PlausibleText.isShort(text) ? ConfigurationValues.quoted(text) : "the value"
        throw ValueError("\(shown) is not a choice; write " + names.joined(separator: " or "))
      }
      return choice.value
    }
  }

  /// A switch: `true`, `false`, `on`, `off`, `yes` or `no`, without quotes.
  func flag(_ key: String) -> Bool? {
    guard let node = self.node(key) else { return nil }
    if case .scalar(let text, isPlain: true) = node.value {
      switch text.lowercased() {
      case "true", "on", "yes": return true
      case "false", "off", "no": return false
      default: break
      }
    }
    self.fault(key, "expected true or false, found \(Self.shown(node))")
    return nil
  }

  /// Reports a missing key that is required.
  func missing(_ key: String, _ what: String) {
    self.faults.add(self.location, self.path(of: key), "missing; \(what)")
  }

  /// Reports unknown keys: those that weren't read.
  func finish() {
    let known = self.known.sorted()
    var count = 0
    for (index, entry) in self.entries.enumerated() where !self.known.contains(entry.key) {
      count += 1
      guard count <= Self.unknownLimit else { continue }
      let near = SpellingSuggestion.name(to: entry.key, among: known)
      let above = index > 0 ? self.entries[index - 1] : nil
      let hint: String
      if let near {
        hint = "did you mean \(near)?"
      } else if let above, above.value.isNull, SectionExamples.isSection(above.key) {
        hint = "if it belongs under \(above.key), indent it"
      } else {
        hint = "the keys here are \(known.joined(separator: ", "))"
      }
      self.faults.add(entry.keyLocation, self.path(of: entry.key), "unknown key; \(hint)")
    }
    if count > Self.unknownLimit {
      self.faults.add(
        self.location, self.path, "… and \(count - Self.unknownLimit) more unknown keys")
    }
  }

  /// Maximum number of unknown keys that are reported individually.
  private static let unknownLimit = 10

  /// The value of a given node, such as a list's element.
  func value<Value>(
    of node: YAMLNode, path: String, example: String,
    _ parse: (String) throws(ValueError) -> Value
  ) -> Value? {
    guard case .scalar(let text, _) = node.value, !node.isNull else {
      self.faults.add(
        node.location, path, "expected a single value such as \(example), found \(node.kind)")
      return nil
    }
    do throws(ValueError) {
      guard self.context.fillsVariables, VariableText.isFilledIn(path), text.contains("${")
      else { return try parse(text) }
      return try VariableText(environment: self.context.environment)
        .read(text, example: example, parse)
    } catch {
      self.faults.add(node.location, path, error.reason)
      return nil
    }
  }

  private static func shown(_ node: YAMLNode) -> String {
    guard case .scalar(let text, _) = node.value, !node.isNull else { return node.kind }
    return ConfigurationValues.quoted(text)
  }
}
