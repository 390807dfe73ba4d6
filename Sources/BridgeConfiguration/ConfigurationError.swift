internal import Codec

/// All that is wrong with a configuration, found in one go.
///
/// A `Configuration` is only made when there is nothing here: a person who starts the bridge sees
/// every fault of a file at once instead of one a run.
package struct ConfigurationError: Error, Sendable, Equatable {
  /// In the order of the file.
  package var faults: [ConfigurationDiagnostic]

  package init(_ faults: [ConfigurationDiagnostic]) {
    self.faults = faults
  }

  /// File by file, the one first that a fault was found in first, and in the order of the file;
  /// several at one place in the order they were found, those without a place first.
  package var sorted: ConfigurationError {
    let start = TextLocation(line: 0, column: 0)
    var ranks: [String: Int] = [:]
    for fault in self.faults where ranks[fault.file] == nil { ranks[fault.file] = ranks.count }
    let ordered = self.faults.enumerated().sorted { left, right in
      (ranks[left.element.file] ?? 0, left.element.location ?? start, left.offset)
        < (ranks[right.element.file] ?? 0, right.element.location ?? start, right.offset)
    }
    return ConfigurationError(ordered.map(\.element))
  }

  /// One fault without a place in a file: for what the command line gave.
  package init(key: String, reason: String) {
    self.faults = [ConfigurationDiagnostic(file: "", location: nil, key: key, reason: reason)]
  }
}

extension ConfigurationError: CustomStringConvertible {
  /// One line a fault.
  package var description: String { self.lines.joined(separator: "\n") }

  /// One for each fault, up to a limit, and how many more there are.
  package var lines: [String] {
    let lines = self.faults.prefix(Self.lineLimit).map(\.description)
    let more = self.faults.count - lines.count
    return more > 0 ? lines + ["… and \(more) more faults"] : lines
  }

  /// Nobody reads more at a time.
  private static let lineLimit = 100
}

/// One thing that is wrong, where, and what would be right.
package struct ConfigurationDiagnostic: Sendable, Equatable {
  /// As the user named it; empty when the value came from elsewhere (the command line).
  package var file: String
  /// Nil when the fault is in no particular place.
  package var location: TextLocation?
  /// The key's path, `services.bench.listen[1]`; empty at the top.
  package var key: String
  /// A clause that names the value and the rule: `"30" is not a duration; write …`.
  package var reason: String

  package init(file: String, location: TextLocation?, key: String, reason: String) {
    self.file = file
    self.location = location
    self.key = key
    self.reason = reason
  }
}

extension ConfigurationDiagnostic: CustomStringConvertible {
  /// `bridge.yaml:7:14: services.bench.timeout: "30" is not a duration; write …`.
  package var description: String {
    var text = self.file
    if let location = self.location { text += ":\(location)" }
    if !text.isEmpty { text += ": " }
    if !self.key.isEmpty { text += ForeignText.shown(self.key, limit: 300) + ": " }
    return text + self.reason
  }
}

/// A line and a column of a text, both from 1; the column counts characters (Unicode scalars).
package struct TextLocation: Sendable, Hashable, Comparable, CustomStringConvertible {
  package var line: Int
  package var column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  package static func < (left: TextLocation, right: TextLocation) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }

  /// `7:14`.
  package var description: String { "\(self.line):\(self.column)" }
}

/// Why one value can't be taken: the clause that a `ConfigurationDiagnostic` says.
package struct ValueError: Error, Sendable, Equatable, CustomStringConvertible {
  package var reason: String

  package init(_ reason: String) {
    self.reason = reason
  }

  package var description: String { self.reason }
}
