/// All errors in loading the schemas of one service.
package struct SchemaLoadError: Error, Sendable, Equatable {
  /// One sentence each, beginning with the file: `/etc/a.proto:3:1: Import "b.proto" was not found`.
  package var faults: [String]

  package init(_ faults: [String]) {
    self.faults = faults
  }
}

extension SchemaLoadError: CustomStringConvertible {
  /// One line per error.
  package var description: String { self.faults.joined(separator: "\n") }
}
