/// Values that stand in the environment or in a file of their own, not in the configuration.
extension ConfigurationReader {
  /// The secret that `KEY_env` or `KEY_file` leads to; nil where neither is there, or where there's none.
  /// No message holds it.
  ///
  /// - Parameter example: the environment variable that a message proposes.
  func secret(
    _ key: String, of section: SectionReader, folder: String, example: String
  ) -> Configuration.Secret? {
    let fromEnvironment = section.value("\(key)_env", example: example) {
      name throws(ValueFault) -> Configuration.Secret in
      guard let value = self.environment(name), !value.isEmpty else {
        throw ValueFault(
          "the environment variable \(ConfigurationValues.quoted(name)) is not set; set it, or use "
            + "\(key)_file")
      }
      return Configuration.Secret(value)
    }
    let fromFile = section.value("\(key)_file", example: "\(key).txt") {
      path throws(ValueFault) -> Configuration.Secret in
      try Self.secret(inFile: path, folder: folder)
    }
    if section.node("\(key)_env") != nil, section.node("\(key)_file") != nil {
      section.fault("\(key)_file", "\(key)_env is there as well; keep one of them")
    }
    return fromEnvironment ?? fromFile
  }

  /// The text of a file without line breaks at its end.
  private static func secret(
    inFile path: String, folder: String
  ) throws(ValueFault) -> Configuration.Secret {
    let bytes: [UInt8]
    do throws(Files.Failure) {
      bytes = try Files.read(FilePaths.absolute(path, in: folder), limit: 64 << 10)
    } catch {
      throw ValueFault("\(ConfigurationValues.quoted(path)): \(error)")
    }
    guard var text = String(validating: bytes, as: UTF8.self) else {
      throw ValueFault("the file \(ConfigurationValues.quoted(path)) is not UTF-8 text")
    }
    while let last = text.last, last.isNewline { text.removeLast() }
    guard !text.isEmpty else {
      throw ValueFault("the file \(ConfigurationValues.quoted(path)) is empty")
    }
    return Configuration.Secret(text)
  }
}
