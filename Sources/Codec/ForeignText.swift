/// Sanitizes text from elsewhere (an endpoint, a schema, a client) for terminals, logs, messages
/// and warnings.
///
/// Names in a descriptor, messages of a server and names in a certificate may contain anything.
/// Printed unchanged, line breaks forge log lines, escape sequences control a terminal, and
/// bidirectional marks make a name look like another one.
package enum ForeignText {
  /// The maximum number of characters of one quoted item; a longer one is truncated.
  package static let lengthLimit = 200
  /// The maximum number of characters of one line, whatever it is composed of.
  package static let lineLimit = 4096

  /// The text on one line, of at most `limit` characters and an ellipsis; characters that are
  /// invisible, or change how other text is displayed, become question marks.
  package static func shown(_ text: String, limit: Int = Self.lengthLimit) -> String {
    if text.utf8.count <= limit, text.utf8.allSatisfy(Self.isPlain) { return text }
    var shown = String.UnicodeScalarView()
    var count = 0
    for scalar in text.unicodeScalars {
      guard count < limit else { return String(shown) + "…" }
      shown.append(Self.isHarmless(scalar) ? scalar : "?")
      count += 1
    }
    return String(shown)
  }

  /// A whole line of output, sanitized.
  package static func line(_ text: String) -> String {
    Self.shown(text, limit: Self.lineLimit)
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte < 0x7F
  }

  /// Whether a character neither controls a terminal nor changes the order or the look of its
  /// neighbours (UAX #9, UTR #36 §2.5).
  package static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    // C0, DEL, C1.
    case 0x00...0x1F, 0x7F...0x9F: false
    // Bidirectional marks and invisible characters.
    case 0x061C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xFFF9...0xFFFB,
      0xE0000...0xE007F:
      false
    default: true
    }
  }
}
