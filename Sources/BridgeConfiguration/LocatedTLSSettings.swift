package import TLS

/// TLS settings of a configuration file with the locations of their keys.
///
/// The reader checks each PEM file separately. A mismatch between files is only detected when a context is
/// created from them, and is reported as an error of the configuration file.
package struct LocatedTLSSettings: Sendable {
  package let settings: TLSSettings
  /// Diagnostics by part, without their reasons.
  private let faults: [TLSSettingsError.Subject: ConfigurationDiagnostic]

  /// The settings of a section.
  ///
  /// - Parameter authorities: the key of the CA file.
  init(_ settings: TLSSettings, _ section: SectionReader, authorities: String) {
    self.settings = settings
    self.faults = [
      .authorities: section.diagnostic(authorities, ""),
      .certificate: section.diagnostic("certificate", ""), .key: section.diagnostic("key", ""),
    ]
  }

  /// The settings of `tls: on`, which names no files; only the system's CAs may be missing.
  init(_ settings: TLSSettings, switchOf service: SectionReader) {
    self.settings = settings
    self.faults = [.authorities: service.diagnostic("tls", "ca: ")]
  }

  /// The diagnostic for an error of loading the files together.
  package func fault(_ error: TLSSettingsError) -> ConfigurationDiagnostic {
    var diagnostic =
      self.faults[error.subject] ?? self.faults[.authorities]
      ?? ConfigurationDiagnostic(file: "", location: nil, key: "tls", reason: "")
    diagnostic.reason += error.reason
    return diagnostic
  }
}
