/// JSON strings.
package enum JSONText {
  /// Appends a quoted string, escaped as RFC 8259 §7 requires.
  package static func append(_ text: String, to sink: inout ByteSink) {
    sink.append(UInt8(ascii: "\""))
    Self.append(escaped: text.utf8, to: &sink)
    sink.append(UInt8(ascii: "\""))
  }

  /// Appends the content of a string, escaped, without quotes.
  ///
  /// - Parameter text: UTF-8.
  package static func append(escaped text: some Sequence<UInt8>, to sink: inout ByteSink) {
    for byte in text {
      switch byte {
      case UInt8(ascii: "\""):
        sink.append("\\\"")
      case UInt8(ascii: "\\"):
        sink.append("\\\\")
      case UInt8(ascii: "\n"):
        sink.append("\\n")
      case UInt8(ascii: "\r"):
        sink.append("\\r")
      case UInt8(ascii: "\t"):
        sink.append("\\t")
      case 0..<0x20, 0x7F:
        sink.append("\\u00")
        sink.append(Self.digit(byte >> 4))
        sink.append(Self.digit(byte & 15))
      default:
        sink.append(byte)
      }
    }
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}
