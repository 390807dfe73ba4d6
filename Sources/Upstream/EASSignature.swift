package import BridgeConfiguration
internal import Crypto
package import NIOCore

/// The signature by which PAI-EAS authenticates clients (`Authorization: EAS …`): HMAC-SHA1 with the
/// token as the key, over method, digest of the body, content type, date and path, one per line.
///
/// PAI-EAS prescribes SHA-1 and MD5; neither is used for confidentiality here.
package enum EASSignature {
  /// The MD5 digest of a body in lower-case hexadecimal digits, for `Content-MD5` (RFC 1864 would have
  /// base64).
  package static func digest(of body: ByteBuffer) -> String {
    var hash = Insecure.MD5()
    unsafe body.withUnsafeReadableBytes { unsafe hash.update(bufferPointer: $0) }
    var digits = ""
    digits.reserveCapacity(32)
    for byte in hash.finalize() {
      digits.append(Self.digit(byte >> 4))
      digits.append(Self.digit(byte & 15))
    }
    return digits
  }

  /// Returns the part of the field after `EAS `.
  ///
  /// - Parameters:
  ///   - digest: the result of `digest(of:)`.
  ///   - date: the value of the `Date` field.
  ///   - path: the request's, without the query.
  package static func signature(
    key: Configuration.Secret, digest: String, contentType: String, date: String, path: String
  ) -> String {
    let text = "POST\n\(digest)\n\(contentType)\n\(date)\n\(path)"
    return TextSignature.make(of: text, key: key)
  }

  private static func digit(_ value: UInt8) -> Character {
    Character(Unicode.Scalar(value < 10 ? 0x30 + value : 0x57 + value))
  }
}
