package import LocalFiles

/// Everything that a configuration is read with besides its text: the folder of its relative paths, the
/// environment and the file system.
///
/// The only way of the reader to files and environment variables, so that tests replace both.
package struct ReadContext {
  /// What relative paths are relative to; absolute.
  package let folder: String
  /// The value of an environment variable; nil when it isn't set.
  let environment: (String) -> String?
  let files: FileAccess
  /// Whether tokens and passwords are read; otherwise they stay empty, with a warning.
  let readsSecrets: Bool
  /// Whether `${NAME}` in addresses and paths is replaced.
  var fillsVariables = true

  package init(
    folder: String, environment: @escaping (String) -> String? = { _ in nil },
    files: FileAccess = .local, readsSecrets: Bool = true
  ) {
    self.folder = folder
    self.environment = environment
    self.files = files
    self.readsSecrets = readsSecrets
  }

  /// A path of the configuration, made absolute.
  func absolute(_ path: String) -> String { FilePaths.absolute(path, in: self.folder) }
}
