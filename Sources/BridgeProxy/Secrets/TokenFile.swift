/// A token that stands in a file of its own. Blocks on the file system; never on an event loop.
enum TokenFile {
  /// The most bytes of the file. Stops a wrong path from filling memory.
  private static let byteLimit = 64 << 10

  /// Reads it; line ends behind the token don't count.
  ///
  /// - Parameters:
  ///   - path: absolute. Symbolic links are followed, as Kubernetes mounts secrets.
  ///   - text: what messages call it.
  /// - Throws: why there's no token that can be sent. The message never holds what's in the file.
  static func read(
    _ path: String, shownAs text: String
  ) throws(ValueFault) -> Configuration.Secret {
    let bytes: [UInt8]
    do throws(Files.Failure) {
      bytes = try Files.read(path, limit: Self.byteLimit)
    } catch {
      throw ValueFault("\(ConfigurationValues.quoted(text)): \(error)")
    }
    var token = String(decoding: bytes, as: UTF8.self)
    while let last = token.last, last.isNewline { token.removeLast() }
    return try Self.token(token, from: "the file \(text)")
  }

  /// A token, if a header can carry it.
  ///
  /// - Throws: why it can't; the message never holds the token.
  static func token(
    _ token: String, from source: String
  ) throws(ValueFault) -> Configuration.Secret {
    guard !token.isEmpty else { throw ValueFault("\(source) is empty") }
    guard MetadataRules.fault(value: token, of: "authorization") == nil else {
      throw ValueFault("\(source) holds characters that a header can't carry (or blanks at an end)")
    }
    return Configuration.Secret(token)
  }
}
