package import LocalFiles

/// The surroundings of a configuration file: the folder of its relative paths, the environment and the file
/// system.
///
/// The reader accesses files and environment variables only through it, so that tests can replace both.
package struct ReadContext {
  /// Absolute path of the folder that relative paths are resolved against.
  package let folder: String
  /// Returns the value of an environment variable; nil if it isn't set.
  let environment: (String) -> String?
  let files: FileAccess
  /// Whether tokens and passwords are read; otherwise they stay empty, with a warning.
  let readsSecrets: Bool
  /// Whether `${NAME}` is replaced in addresses and paths.
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
