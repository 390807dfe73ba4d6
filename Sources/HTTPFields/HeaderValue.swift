/// Parsers of header field values.
package enum HeaderValue {
  /// Compares case-insensitively. `text` is in lower case.
  package static func equals(_ value: String, _ text: String) -> Bool {
    Self.equals(value.utf8, text)
  }

  /// The same for bytes.
  package static func equals(_ value: some Collection<UInt8>, _ text: String) -> Bool {
    guard value.count == text.utf8.count else { return false }
    return zip(value, text.utf8).allSatisfy { ASCII.lowercased($0) == $1 }
  }

  /// A part of a value without leading and trailing spaces and tabs.
  package static func trimmed(_ part: Substring.UTF8View) -> Substring.UTF8View {
    var part = part.drop(while: Self.isBlank)
    while let last = part.last, Self.isBlank(last) { part.removeLast() }
    return part
  }

  /// Whether a media type is JSON; in lower case and without parameters.
  package static func isJSONType(_ type: String) -> Bool {
    type == "application/json" || type == "text/json"
      || (type.hasPrefix("application/") && type.hasSuffix("+json"))
  }

  /// Whether a media type is that of HTML forms, ignoring parameters.
  package static func isForm(_ value: String) -> Bool {
    let type = value.utf8.prefix { $0 != UInt8(ascii: ";") }
    return Self.equals(Self.trimmed(Substring(type).utf8), "application/x-www-form-urlencoded")
  }

  /// Whether a `TE` value contains `trailers`.
  package static func hasTrailers(_ value: String) -> Bool {
    value.utf8.split(separator: UInt8(ascii: ",")).contains { part in
      Self.equals(Self.trimmed(part), "trailers")
    }
  }

  /// Whether a value is valid metadata: 0x20-0x7E.
  package static func isMetadata(_ value: String) -> Bool {
    // A span, because String's own iterator takes several times as long.
    let bytes = value.utf8.span
    for index in bytes.indices where bytes[index] < 0x20 || bytes[index] > 0x7E { return false }
    return true
  }

  /// Whether a value has a control character other than a tab.
  package static func hasControls(_ value: String) -> Bool {
    let bytes = value.utf8.span
    for index in bytes.indices {
      let byte = bytes[index]
      if (byte < 0x20 && byte != UInt8(ascii: "\t")) || byte == 0x7F { return true }
    }
    return false
  }

  /// Whether a value is base64, or several base64 values separated by commas; padding is optional.
  package static func isBase64(_ value: String) -> Bool {
    var length = 0
    var padding = 0
    for byte in value.utf8 {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
        guard padding == 0 else { return false }
        length += 1
      case UInt8(ascii: "="):
        padding += 1
      case UInt8(ascii: ","):
        guard Self.isComplete(length, padding) else { return false }
        length = 0
        padding = 0
      case UInt8(ascii: " ") where length == 0 && padding == 0:
        continue
      default:
        return false
      }
    }
    return Self.isComplete(length, padding)
  }

  private static func isComplete(_ length: Int, _ padding: Int) -> Bool {
    switch length % 4 {
    case 0: padding == 0
    case 2: padding == 0 || padding == 2
    case 3: padding == 0 || padding == 1
    default: false
    }
  }

  /// Whether a value consists only of characters of a host and port (RFC 3986 §3.2.2).
  package static func isHost(_ value: String) -> Bool {
    let bytes = value.utf8.span
    for index in bytes.indices {
      switch bytes[index] {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: ":"), UInt8(ascii: "["),
        UInt8(ascii: "]"), UInt8(ascii: "%"), UInt8(ascii: "!"), UInt8(ascii: "$"),
        UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("), UInt8(ascii: ")"),
        UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: ";"),
        UInt8(ascii: "="):
        continue
      default:
        return false
      }
    }
    return true
  }

  package static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
  }
}
