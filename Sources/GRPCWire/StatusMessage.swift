/// The value of `grpc-message`: UTF-8, percent-encoded (gRPC's PROTOCOL-HTTP2.md).
package enum StatusMessage {
  /// Decodes a value. It never fails: an invalid escape stays unchanged, and bytes that aren't UTF-8
  /// become U+FFFD.
  package static func decode(_ value: some Collection<UInt8>) -> String {
    guard value.contains(UInt8(ascii: "%")) else { return String(decoding: value, as: UTF8.self) }
    var output: [UInt8] = []
    output.reserveCapacity(value.count)
    var rest = value[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2,
        let high = self.hexValue(rest[rest.startIndex]),
        let low = self.hexValue(rest[rest.index(after: rest.startIndex)])
      {
        output.append(high << 4 | low)
        rest = rest.dropFirst(2)
      } else {
        output.append(byte)
      }
    }
    return String(decoding: output, as: UTF8.self)
  }

  /// Encodes a message: escapes the percent sign and everything but printable ASCII.
  package static func encode(_ message: String) -> [UInt8] {
    var output: [UInt8] = []
    for byte in message.utf8 {
      if (0x20...0x7e).contains(byte) && byte != UInt8(ascii: "%") {
        output.append(byte)
      } else {
        output.append(UInt8(ascii: "%"))
        output.append(self.hexDigit(byte >> 4))
        output.append(self.hexDigit(byte & 15))
      }
    }
    return output
  }

  private static func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? value + UInt8(ascii: "0") : value - 10 + UInt8(ascii: "A")
  }
}
