package import BridgeConfiguration
internal import Crypto
internal import GRPCWire

/// Signatures of Alibaba Cloud: HMAC-SHA1 (RFC 2104) of a text, in base64.
package enum TextSignature {
  /// - Parameter key: the shared secret.
  package static func make(of text: String, key: Configuration.Secret) -> String {
    var code = HMAC<Insecure.SHA1>(key: SymmetricKey(data: Array(key.revealed.utf8)))
    code.update(data: Array(text.utf8))
    // 20 bytes leave the last group of four one character short: it needs padding.
    return String(decoding: BinaryHeader.encode(Array(code.finalize())), as: UTF8.self) + "="
  }
}
