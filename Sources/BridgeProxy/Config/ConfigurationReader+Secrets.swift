/// Values that stand in the environment or in a file of their own, not in the configuration.
extension ConfigurationReader {
  /// The secret that `KEY_env` or `KEY_file` leads to; nil where neither is there, or where there's none.
  /// No message holds it.
  ///
  /// - Parameter example: the environment variable that a message proposes.
  func secret(
    _ key: String, of section: SectionReader, folder: String, example: String,
    for use: SecretFile.Use
  ) -> Configuration.SecretSource? {
    let fromEnvironment = section.value("\(key)_env", example: example) {
      name throws(ValueFault) -> Configuration.SecretSource in
      guard let value = self.environment(name), !value.isEmpty else {
        throw ValueFault(
          "the environment variable \(ConfigurationValues.quoted(name)) is not set; set it, or use "
            + "\(key)_file")
      }
      return Configuration.SecretSource(
        try SecretFile.secret(value, from: "the environment variable \(name)", for: use))
    }
    let fromFile = section.value("\(key)_file", example: "\(key).txt") {
      text throws(ValueFault) -> Configuration.SecretSource in
      let path = FilePaths.absolute(text, in: folder)
      return Configuration.SecretSource(
        try SecretFile.read(path, shownAs: text, for: use), file: path)
    }
    if section.node("\(key)_env") != nil, section.node("\(key)_file") != nil {
      section.fault("\(key)_file", "\(key)_env is there as well; keep one of them")
    }
    return fromEnvironment ?? fromFile
  }
}
