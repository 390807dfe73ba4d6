extension Configuration {
  /// A value that never prints itself.
  package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The value, for the header that needs it and nothing else.
    package let revealed: String

    package init(_ value: String) {
      self.revealed = value
    }

    package var description: String { "(secret)" }
    package var debugDescription: String { "(secret)" }
  }
}
