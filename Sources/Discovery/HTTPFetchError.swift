/// Reason why a discovery request has no response, worded for the author of the configuration.
package struct HTTPFetchError: Error, Sendable, Equatable, CustomStringConvertible {
  package var description: String

  package init(_ description: String) {
    self.description = description
  }
}
