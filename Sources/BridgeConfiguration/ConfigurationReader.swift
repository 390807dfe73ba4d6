package import Addresses
package import LocalFiles

/// Reads a configuration file: text in, a valid `Configuration` or all errors out.
///
/// docs/configuration.md describes the format. Environment and files are accessed through a `ReadContext`,
/// so that tests can replace both.
package struct ConfigurationReader {
  private let environment: (String) -> String?
  private let files: FileAccess
  private let readsSecrets: Bool

  /// - Parameters:
  ///   - environment: returns the value of an environment variable; nil if it isn't set.
  ///   - files: defaults to the local file system.
  ///   - readsSecrets: whether tokens and passwords are read; otherwise they stay empty, with a warning.
  package init(
    environment: @escaping (String) -> String?, files: FileAccess = .local,
    readsSecrets: Bool = true
  ) {
    self.environment = environment
    self.files = files
    self.readsSecrets = readsSecrets
  }

  /// A configuration as far as it could be read, and its errors. It's used to find further errors (in the
  /// schemas that it names) and only served if there are none.
  package struct Draft {
    package var configuration: Configuration
    package var faults: [ConfigurationDiagnostic]
    /// One sentence each.
    package var warnings: [String]
    /// All TLS settings of the file, including those of parts with other errors. To serve the
    /// configuration, contexts must be created from them, which may cause further errors.
    package var tls: [LocatedTLSSettings]
  }

  /// Reads the file at `path`, which may be relative to `folder`. Doesn't load TLS contexts.
  ///
  /// - Throws: `ConfigurationError`, whose messages name the file as `path` does.
  package func read(path: String, in folder: String) throws(ConfigurationError) -> Configuration {
    let draft = try self.draft(path: path, in: folder)
    guard draft.faults.isEmpty else { throw ConfigurationError(draft.faults) }
    return draft.configuration
  }

  /// Reads the file at `path` as far as possible.
  ///
  /// - Throws: if it can't be parsed at all.
  package func draft(path: String, in folder: String) throws(ConfigurationError) -> Draft {
    let absolute = FilePaths.absolute(path, in: folder)
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try self.files.read(absolute, YAMLDocument.byteLimit)
    } catch {
      throw Self.fault(file: path, "can't be read: \(error)")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Self.fault(file: path, "is not UTF-8 text")
    }
    return try self.draft(text: text, file: path, folder: FilePaths.folder(of: absolute))
  }

  /// Reads a text.
  ///
  /// - Parameters:
  ///   - file: the file's name for messages.
  ///   - folder: the absolute path that relative paths in the text are resolved against.
  package func read(
    text: String, file: String, folder: String
  ) throws(ConfigurationError) -> Configuration {
    let draft = try self.draft(text: text, file: file, folder: folder)
    guard draft.faults.isEmpty else { throw ConfigurationError(draft.faults) }
    return draft.configuration
  }

  private func draft(
    text: String, file: String, folder: String
  ) throws(ConfigurationError) -> Draft {
    let (root, documentFaults) = YAMLDocument.read(text, file: file)
    let faults = SectionReader.Faults(file: file, documentFaults)
    guard let root else { throw ConfigurationError(faults.list).sorted }
    let context = ReadContext(
      folder: folder, environment: self.environment, files: self.files,
      readsSecrets: self.readsSecrets)
    let start = TextLocation(line: 1, column: 1)
    guard
      let top = SectionReader(root, path: "", location: start, context: context, faults: faults)
    else {
      throw ConfigurationError(faults.list).sorted
    }
    let configuration = Configuration(top)
    top.finish()
    return Draft(
      configuration: configuration, faults: ConfigurationError(faults.list).sorted.faults,
      warnings: faults.warnings, tls: faults.tls)
  }

  private static func fault(file: String, _ reason: String) -> ConfigurationError {
    ConfigurationError([ConfigurationDiagnostic(file: file, location: nil, key: "", reason: reason)]
    )
  }

  /// Default listen address.
  package static let defaultListen = ListenAddress.tcp(host: "127.0.0.1", port: 8080)
}
