package import LocalFiles

/// Reading of secrets from files. Blocking; never on an event loop.
package enum SecretFile {
  /// The use of a secret, which determines the characters it may contain.
  package enum Use: Sendable {
    /// Sent in a header field unchanged.
    case header
    /// Sent encoded, or used as a key.
    case other
  }

  /// Maximum size of the file in bytes. Stops a wrong path from exhausting memory.
  private static let byteLimit = 64 << 10

  /// Reads a secret; trailing line breaks are removed.
  ///
  /// - Parameters:
  ///   - path: absolute. Symbolic links are followed; Kubernetes mounts secrets as such.
  ///   - text: the path for messages.
  ///   - files: defaults to the local file system.
  /// - Throws: why the secret can't be used. The message never contains the file's contents.
  package static func read(
    _ path: String, shownAs text: String, for use: Use, files: FileAccess = .local
  ) throws(ValueError) -> Configuration.Secret {
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try files.read(path, Self.byteLimit)
    } catch {
      throw ValueError("\(ConfigurationValues.quoted(text)): \(error)")
    }
    guard var secret = String(validating: bytes, as: UTF8.self) else {
      throw ValueError("the file \(text) is not UTF-8 text")
    }
    while let last = secret.last, last.isNewline { secret.removeLast() }
    return try Self.secret(secret, from: "the file \(text)", for: use)
  }

  /// Checks that a text can be used as a secret.
  ///
  /// - Throws: why it can't; the message never contains the text.
  static func secret(
    _ text: String, from source: String, for use: Use
  ) throws(ValueError) -> Configuration.Secret {
    guard !text.isEmpty else { throw ValueError("\(source) is empty") }
    if use == .header, MetadataRules.fault(value: text, of: "authorization") != nil {
      throw ValueError(
        "\(source) contains characters that aren't allowed in a header (or blanks at an end)")
    }
    return Configuration.Secret(text)
  }
}
