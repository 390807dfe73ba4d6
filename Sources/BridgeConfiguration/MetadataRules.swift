internal import HTTPFields

/// Rules for configured metadata, from gRPC over HTTP/2 and RFC 9110.
package enum MetadataRules {
  /// Fields that the bridge sets, and those that HTTP/2 forbids (RFC 9113 §8.2.2).
  private static let reserved: Set<String> = [
    "connection", "content-length", "content-type", "host", "keep-alive", "proxy-connection", "te",
    "trailer", "transfer-encoding", "upgrade", "user-agent",
  ]

  /// Why a name, in lower case, is invalid; nil if it's valid.
  static func fault(name: String) -> String? {
    guard !name.isEmpty, name.utf8.count <= 256, name.isAlphanumeric(or: "-_.") else {
      return "not a metadata name; write letters, digits, -, _ or ."
    }
    if name.hasPrefix("grpc-") || Self.reserved.contains(name) {
      return "reserved: the bridge sets this field"
    }
    return nil
  }

  /// Why a value is invalid for this name; nil if it's valid.
  package static func fault(value: String, of name: String) -> String? {
    guard value.utf8.count <= 8192 else { return "longer than 8192 bytes" }
    guard value.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
      return "contains characters that aren't allowed in a header; write printable ASCII"
    }
    guard !value.hasPrefix(" "), !value.hasSuffix(" ") else {
      return "starts or ends with a blank, which isn't allowed in a header"
    }
    // A -bin value is base64 on the wire.
    guard name.hasSuffix("-bin") else { return nil }
    let text = value.utf8.reversed().drop { $0 == UInt8(ascii: "=") }
    let isBase64 = text.allSatisfy { ASCII.isAlphanumeric($0) || "+/".utf8.contains($0) }
    guard isBase64, text.count % 4 != 1 else {
      return "a name that ends in -bin requires base64"
    }
    return nil
  }
}
