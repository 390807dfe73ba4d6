internal import Codec

/// All errors of a configuration.
///
/// The operator sees every error of a file at once instead of one per run.
package struct ConfigurationError: Error, Sendable, Equatable {
  /// In file order.
  package var faults: [ConfigurationDiagnostic]

  package init(_ faults: [ConfigurationDiagnostic]) {
    self.faults = faults
  }

  /// The errors grouped by file, in the order in which files first had an error, then by location; those
  /// without a location first. The order at one location is kept.
  package var sorted: ConfigurationError {
    let start = TextLocation(line: 0, column: 0)
    var ranks: [String: Int] = [:]
    for diagnostic in self.faults where ranks[diagnostic.file] == nil {
      ranks[diagnostic.file] = ranks.count
    }
    let ordered = self.faults.enumerated().sorted { left, right in
      (ranks[left.element.file] ?? 0, left.element.location ?? start, left.offset)
        < (ranks[right.element.file] ?? 0, right.element.location ?? start, right.offset)
    }
    return ConfigurationError(ordered.map(\.element))
  }

  /// One error without a location in a file, for command-line arguments.
  package init(key: String, reason: String) {
    self.faults = [ConfigurationDiagnostic(file: "", location: nil, key: key, reason: reason)]
  }
}

extension ConfigurationError: CustomStringConvertible {
  /// One line per error.
  package var description: String { self.lines.joined(separator: "\n") }

  /// One line per error, up to a limit, and the number of further ones.
  package var lines: [String] {
    let lines = self.faults.prefix(Self.lineLimit).map(\.description)
    let more = self.faults.count - lines.count
    return more > 0 ? lines + ["… and \(more) more errors"] : lines
  }

  /// Maximum number of lines; more aren't readable.
  private static let lineLimit = 100
}

/// An error of a configuration: its location, and how to fix it.
package struct ConfigurationDiagnostic: Sendable, Equatable {
  /// Name as given by the user; empty for values from the command line.
  package var file: String
  /// Nil if the error has no particular location.
  package var location: TextLocation?
  /// The key's path, `services.bench.listen[1]`; empty at the top.
  package var key: String
  /// A clause with the value and the rule: `"30" is not a duration; write …`.
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

/// A line and a column of a text, both 1-based; columns count Unicode scalars.
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

/// An invalid value: the reason for a `ConfigurationDiagnostic`.
package struct ValueError: Error, Sendable, Equatable, CustomStringConvertible {
  package var reason: String

  package init(_ reason: String) {
    self.reason = reason
  }

  package var description: String { self.reason }
}
