/// The value of a `-bin` field: base64, with or without padding (gRPC's PROTOCOL-HTTP2.md).
package enum BinaryHeader {
  /// Decodes a value; nil if it isn't base64. Of several values joined by commas, decodes the first.
  package static func decode(_ value: some Collection<UInt8>) -> [UInt8]? {
    var output: [UInt8] = []
    output.reserveCapacity(value.count * 3 / 4)
    var bits: UInt32 = 0
    var bitCount = 0
    var padding = 0
    for byte in value.prefix(while: { $0 != UInt8(ascii: ",") }) {
      if byte == UInt8(ascii: "=") {
        padding += 1
        continue
      }
      guard padding == 0, let six = self.value(of: byte) else { return nil }
      bits = bits << 6 | UInt32(six)
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        output.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
      }
    }
    // A group of one digit encodes no byte; three padding characters are never valid.
    return bitCount == 6 || padding > 2 ? nil : output
  }

  /// Encodes bytes, without padding.
  package static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity((bytes.count * 4 + 2) / 3)
    var bits: UInt32 = 0
    var bitCount = 0
    for byte in bytes {
      bits = bits << 8 | UInt32(byte)
      bitCount += 8
      while bitCount >= 6 {
        bitCount -= 6
        output.append(self.digit(bits >> UInt32(bitCount)))
      }
    }
    if bitCount > 0 { output.append(self.digit(bits << UInt32(6 - bitCount))) }
    return output
  }

  /// The value of a digit; the URL-safe alphabet (RFC 4648 §5) is accepted as well.
  private static func value(of byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
    case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
    default: nil
    }
  }

  private static func digit(_ bits: UInt32) -> UInt8 {
    switch UInt8(bits & 63) {
    case let six where six < 26: six + UInt8(ascii: "A")
    case let six where six < 52: six - 26 + UInt8(ascii: "a")
    case let six where six < 62: six - 52 + UInt8(ascii: "0")
    case 62: UInt8(ascii: "+")
    default: UInt8(ascii: "/")
    }
  }
}
