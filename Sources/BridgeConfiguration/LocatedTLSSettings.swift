package import TLS

/// TLS settings of a configuration file, with the places of their keys.
///
/// The reader looks at each of the files that they name. What is wrong with them together shows when a
/// context is made of them, and is a fault of the same configuration file.
package struct LocatedTLSSettings: Sendable {
  package let settings: TLSSettings
  /// Faults of each part, without their reasons.
  private let faults: [TLSSettingsError.Subject: ConfigurationDiagnostic]

  /// Those of a section.
  ///
  /// - Parameter authorities: the key of the file with authorities.
  init(_ settings: TLSSettings, _ section: SectionReader, authorities: String) {
    self.settings = settings
    self.faults = [
      .authorities: section.diagnostic(authorities, ""),
      .certificate: section.diagnostic("certificate", ""), .key: section.diagnostic("key", ""),
    ]
  }

  /// Those of `tls: on`, which names no files: it's the authorities that may be missing.
  init(_ settings: TLSSettings, switchOf service: SectionReader) {
    self.settings = settings
    self.faults = [.authorities: service.diagnostic("tls", "ca: ")]
  }

  /// What is wrong with the files together, as a fault of the configuration file.
  package func fault(_ error: TLSSettingsError) -> ConfigurationDiagnostic {
    var fault =
      self.faults[error.subject] ?? self.faults[.authorities]
      ?? ConfigurationDiagnostic(file: "", location: nil, key: "tls", reason: "")
    fault.reason += error.reason
    return fault
  }
}
