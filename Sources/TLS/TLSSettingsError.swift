/// Reason why the TLS settings can't be used.
package struct TLSSettingsError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The invalid setting.
  package enum Subject: Sendable, Equatable {
    case authorities
    case certificate
    case key
  }

  package var subject: Subject
  /// A clause that names the file and the rule; never contains key material.
  package var reason: String

  package init(_ subject: Subject, _ reason: String) {
    self.subject = subject
    self.reason = reason
  }

  package var description: String { self.reason }
}
