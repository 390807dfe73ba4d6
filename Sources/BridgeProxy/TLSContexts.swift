package import BridgeConfiguration
internal import TLS

/// The TLS contexts of a configuration, created from its files. Equal settings share a context.
package struct TLSContexts: Sendable {
  private var contexts: [TLSSettings: TLSContext] = [:]

  /// Loads the contexts of a configuration file. Errors are added to those of the draft, so that all are
  /// reported together. Blocking; never on an event loop.
  package init(of draft: inout ConfigurationReader.Draft) {
    var faults: [ConfigurationDiagnostic] = []
    for tls in draft.tls {
      do throws(TLSSettingsError) {
        try self.load(tls.settings)
      } catch {
        faults.append(tls.fault(error))
      }
    }
    // The configuration file's errors precede those of files that it refers to.
    draft.faults = ConfigurationError(faults + draft.faults).sorted.faults
  }

  /// Loads the contexts of a configuration without a file. Blocking; never on an event loop.
  ///
  /// - Throws: all errors, each with its key.
  init(of configuration: Configuration) throws(ConfigurationError) {
    var faults: [ConfigurationDiagnostic] = []
    for (key, settings) in configuration.tlsSettings {
      do throws(TLSSettingsError) {
        try self.load(settings)
      } catch {
        faults.append(
          ConfigurationDiagnostic(file: "", location: nil, key: key, reason: error.reason))
      }
    }
    guard faults.isEmpty else { throw ConfigurationError(faults) }
  }

  private mutating func load(_ settings: TLSSettings) throws(TLSSettingsError) {
    guard self.contexts[settings] == nil else { return }
    self.contexts[settings] = try settings.load()
  }

  /// The reloadable context for settings, which must be part of the loaded configuration.
  ///
  /// - Parameter key: the key's path in the configuration, for messages.
  func reloadable(_ settings: TLSSettings, key: String) -> ReloadableTLSContext {
    guard let context = self.contexts[settings] else {
      preconditionFailure("no TLS context for \(key)")
    }
    return ReloadableTLSContext(key: key, settings: settings, loaded: context)
  }
}

extension Configuration {
  /// All TLS settings, each with its key path.
  fileprivate var tlsSettings: [(key: String, settings: TLSSettings)] {
    let listeners = [self.tls].compactMap { $0 }.map { (key: "tls", settings: $0.settings) }
    let endpoints = self.services.flatMap { service in
      service.groups.enumerated().compactMap { index, group in
        group.cluster.tls.map {
          (key: "\(service.path(ofGroup: index)).tls", settings: $0.settings)
        }
      }
    }
    return listeners + endpoints
  }
}
