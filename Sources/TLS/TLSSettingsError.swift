/// Why TLS can't be had as it's configured.
package struct TLSSettingsError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What of the settings is wrong.
  package enum Subject: Sendable, Equatable {
    case authorities
    case certificate
    case key
  }

  package var subject: Subject
  /// A clause that names the file and the rule; never anything out of a key.
  package var reason: String

  package init(_ subject: Subject, _ reason: String) {
    self.subject = subject
    self.reason = reason
  }

  package var description: String { self.reason }
}
