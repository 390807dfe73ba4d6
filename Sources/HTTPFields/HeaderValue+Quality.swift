extension HeaderValue {
  /// The weight in the parameters of a list element, in thousandths (RFC 9110 §12.4.2); 1,000 if there's
  /// none or it's invalid.
  package static func quality(_ parameters: Substring.UTF8View) -> Int {
    for parameter in parameters.split(separator: UInt8(ascii: ";")) {
      let text = Self.trimmed(parameter)
      guard text.count > 2, ASCII.lowercased(text[text.startIndex]) == UInt8(ascii: "q"),
        text[text.index(after: text.startIndex)] == UInt8(ascii: "=")
      else { continue }
      return Self.thousandths(text.dropFirst(2)) ?? 1000
    }
    return 1000
  }

  /// `0`, `0.123` or `1.000` in thousandths; nil for anything else.
  private static func thousandths(_ text: Substring.UTF8View) -> Int? {
    var value = 0
    var places = 0
    for (index, byte) in text.enumerated() {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9") where index == 0 || (2...4).contains(index):
        value = 10 * value + Int(byte - UInt8(ascii: "0"))
        places += 1
      case UInt8(ascii: ".") where index == 1:
        continue
      default:
        return nil
      }
    }
    guard places > 0 else { return nil }
    for _ in places..<4 { value *= 10 }
    return min(value, 1000)
  }
}
