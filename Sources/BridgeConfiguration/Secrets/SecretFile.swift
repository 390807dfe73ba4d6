package import LocalFiles

/// A secret that stands in a file of its own. Blocks on the file system; never on an event loop.
package enum SecretFile {
  /// What a secret is for, and so what it may hold.
  package enum Use: Sendable {
    /// It goes into a header field as it is.
    case header
    /// It's encoded, or a key.
    case other
  }

  /// The most bytes of the file. Stops a wrong path from filling memory.
  private static let byteLimit = 64 << 10

  /// Reads it; line ends behind the secret don't count.
  ///
  /// - Parameters:
  ///   - path: absolute. Symbolic links are followed, as Kubernetes mounts secrets.
  ///   - text: what messages call it.
  ///   - files: this machine's unless told otherwise.
  /// - Throws: why there's no secret that can be used. The message never holds what's in the file.
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

  /// A text, if it can be a secret for this.
  ///
  /// - Throws: why it can't; the message never holds the text.
  static func secret(
    _ text: String, from source: String, for use: Use
  ) throws(ValueError) -> Configuration.Secret {
    guard !text.isEmpty else { throw ValueError("\(source) is empty") }
    if use == .header, MetadataRules.fault(value: text, of: "authorization") != nil {
      throw ValueError("\(source) holds characters that a header can't carry (or blanks at an end)")
    }
    return Configuration.Secret(text)
  }
}
