internal import Codec

/// Percent-encoding of paths and queries (RFC 3986 §2.1).
package enum PercentCoding {
  /// The characters that stay encoded while the rest is decoded.
  package enum Scope {
    /// Everything is decoded: a variable of one segment.
    case everything
    /// `%2F` and `%2f` stay encoded: a variable of several segments, where a decoded one would look
    /// like a separator (google/api/http.proto, "Path template syntax").
    case allButSlash
    /// The reserved characters of RFC 6570 §1.5 (RFC 3986 §2.2) stay encoded: a variable of several
    /// segments with google/api/http.proto's `fully_decode_reserved_expansion = false`.
    case allButReserved
    /// Everything is decoded and `+` is a space: a query (HTML's form encoding).
    case query
  }

  /// Appends the decoded form of `bytes[range]` to `output`.
  ///
  /// - Returns: false if a `%` isn't followed by two hexadecimal digits.
  package static func decode(
    _ bytes: RawSpan, _ range: Range<Int>, _ scope: Scope, into output: inout [UInt8]
  ) -> Bool {
    var index = range.lowerBound
    while index < range.upperBound {
      let byte = bytes[index]
      if byte == UInt8(ascii: "%") {
        guard index + 2 < range.upperBound, let high = Self.digit(bytes[index + 1]),
          let low = Self.digit(bytes[index + 2])
        else { return false }
        let decoded = high << 4 | low
        if Self.staysEncoded(decoded, scope) {
          output.append(byte)
          output.append(bytes[index + 1])
          output.append(bytes[index + 2])
        } else {
          output.append(decoded)
        }
        index += 3
      } else {
        output.append(scope == .query && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
        index += 1
      }
    }
    return true
  }

  private static func staysEncoded(_ byte: UInt8, _ scope: Scope) -> Bool {
    switch scope {
    case .everything, .query: false
    case .allButSlash: byte == UInt8(ascii: "/")
    case .allButReserved: Self.isReserved(byte)
    }
  }

  /// RFC 3986 §2.2.
  private static func isReserved(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#"),
      UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "@"), UInt8(ascii: "!"),
      UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("),
      UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ","),
      UInt8(ascii: ";"), UInt8(ascii: "="):
      true
    default: false
    }
  }

  /// Whether `bytes[range]`, decoded, equals `labels[label]`. Never with an invalid escape.
  package static func matches(
    _ bytes: RawSpan, _ range: Range<Int>, _ labels: [UInt8], _ label: Range<Int32>
  ) -> Bool {
    // Decoding never makes text longer, and shrinks it to a third at most.
    guard range.count >= label.count, range.count <= label.count &* 3 else { return false }
    var index = range.lowerBound
    var position = Int(label.lowerBound)
    while index < range.upperBound {
      var byte = bytes[index]
      index += 1
      if byte == UInt8(ascii: "%") {
        guard index + 1 < range.upperBound, let high = Self.digit(bytes[index]),
          let low = Self.digit(bytes[index + 1])
        else { return false }
        byte = high << 4 | low
        index += 2
      }
      guard position < Int(label.upperBound), labels[position] == byte else { return false }
      position += 1
    }
    return position == Int(label.upperBound)
  }

  /// The value of a hexadecimal digit.
  package static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  /// A segment with everything encoded that isn't unreserved (RFC 3986 §2.3) or harmless in a
  /// segment. For keys and messages, not for request processing.
  package static func encoded(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    let digits = Array("0123456789ABCDEF".utf8)
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: "*"), UInt8(ascii: "%"),
        UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "?"), UInt8(ascii: "#"), 0...0x20, 0x7F:
        text.append(UInt8(ascii: "%"))
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
      default:
        text.append(byte)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
