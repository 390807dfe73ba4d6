extension Configuration {
  /// A value that is never printed.
  package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The value; only for the header that carries it.
    package let revealed: String

    package init(_ value: String) {
      self.revealed = value
    }

    package var description: String { "(secret)" }
    package var debugDescription: String { "(secret)" }
  }
}
