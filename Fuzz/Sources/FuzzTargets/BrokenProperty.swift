/// A property that doesn't hold for an input.
package struct BrokenProperty: Error, Sendable, Equatable, CustomStringConvertible {
  /// The expected property, and what was observed instead.
  package var description: String

  package init(_ description: String) {
    self.description = description
  }
}

/// Throws unless `condition` holds.
func require(
  _ condition: Bool, _ description: @autoclosure () -> String
) throws(BrokenProperty) {
  guard condition else { throw BrokenProperty(description()) }
}
