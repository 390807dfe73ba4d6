internal import LocalFiles

extension Configuration {
  /// A secret, and the file that it's re-read from while the bridge runs.
  package struct SecretSource: Sendable {
    /// The value as last read.
    package var secret: Secret
    /// Absolute path of its file; nil: it never changes.
    package var file: String?

    package init(_ secret: Secret, file: String? = nil) {
      self.secret = secret
      self.file = file
    }
  }
}

extension Configuration.SecretSource {
  /// Reads the secret that `KEY_env` or `KEY_file` refers to; nil if neither key is there, or on an error.
  /// Messages never contain the secret.
  ///
  /// - Parameter example: the environment variable that a message suggests.
  init?(_ key: String, of section: SectionReader, example: String, for use: SecretFile.Use) {
    guard section.context.readsSecrets else {
      self.init(placeholderFor: key, of: section)
      return
    }
    let fromEnvironment = section.value("\(key)_env", example: example) {
      name throws(ValueError) -> Self in
      guard let value = section.context.environment(name), !value.isEmpty else {
        throw ValueError(
          PlausibleText.isVariableName(name)
            ? "the environment variable \(ConfigurationValues.quoted(name)) is not set; set it, or use "
              + "\(key)_file"
            : "the value isn't shown, because it may be the \(Self.noun(key)) itself; write the name "
              + "of the environment variable that holds it, such as \(example)")
      }
      return Self(
        try SecretFile.secret(
          value,
          from: PlausibleText.isVariableName(name)
            ? "the environment variable \(name)" : "the environment variable that is named here",
          for: use))
    }
    let fromFile = section.value("\(key)_file", example: "\(key).txt") {
      text throws(ValueError) -> Self in
      let path = section.context.absolute(text)
      guard PlausibleText.isPath(text) || (try? section.context.files.kind(path)) != nil else {
        throw ValueError(
          "there is no such file, and its name isn't shown, because it may be the \(Self.noun(key)) "
            + "itself; write the path of the file that holds it")
      }
      return Self(
        try SecretFile.read(path, shownAs: text, for: use, files: section.context.files), file: path
      )
    }
    if section.node("\(key)_env") != nil, section.node("\(key)_file") != nil {
      section.fault("\(key)_file", "\(key)_env is set too; keep one of them")
    }
    guard let source = fromEnvironment ?? fromFile else { return nil }
    self = source
  }

  /// A placeholder for a secret that isn't read, if a key refers to one.
  private init?(placeholderFor key: String, of section: SectionReader) {
    let sources = ["\(key)_env", "\(key)_file"].filter { section.node($0) != nil }
    guard let source = sources.first, let node = section.node(source) else { return nil }
    section.faults.warn(
      node.location, section.path(of: source), "the \(Self.noun(key)) isn't read (--no-secrets)")
    self.init(Configuration.Secret("none"))
  }

  /// `access_key` as a phrase.
  private static func noun(_ key: String) -> String { key.replacing("_", with: " ") }
}
