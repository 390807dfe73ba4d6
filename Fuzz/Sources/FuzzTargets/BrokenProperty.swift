/// A property that an input has been found to break.
package struct BrokenProperty: Error, Sendable, Equatable, CustomStringConvertible {
  /// What should hold, and what was seen instead.
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
