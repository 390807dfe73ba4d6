/// Finds the parts of YAML that a configuration file may not use, before a parser sees the text.
///
/// Aliases let a file of one kilobyte stand for a billion values (each alias of a list of aliases);
/// the parser compares keys by content, so that one such key never ends. No value of ours spans
/// lines, so block text is refused too, and with that this scan needs to know only quotes and
/// comments. Anchors and tags go with them. What it can't tell apart it refuses.
struct YAMLSubset {
  /// What was found and where.
  struct Finding: Equatable {
    var place: TextPlace
    var reason: String
  }

  private var place = TextPlace(line: 1, column: 1)
  /// Whether a value or key may begin here.
  private var mayBegin = true
  /// Whether the byte before was a blank or the start of a line.
  private var afterBlank = true
  /// `-` and `?` count as indicators only with a blank behind.
  private var afterDash = false
  private var quote: UInt8?
  private var isEscaped = false
  private var isComment = false

  private init() {}

  /// The first use of an alias or of block text; nil when there is none.
  static func firstRefused(in text: String) -> Finding? {
    var scan = YAMLSubset()
    for byte in text.utf8 {
      if let finding = scan.take(byte) { return finding }
    }
    return nil
  }

  private mutating func take(_ byte: UInt8) -> Finding? {
    defer { self.advance(over: byte) }
    if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
      self.isComment = false
      if self.quote == nil { self.startLine() }
      self.isEscaped = false
      return nil
    }
    if self.isComment { return nil }
    if let quote = self.quote {
      self.takeQuoted(byte, quote: quote)
      return nil
    }
    return self.takeOpen(byte)
  }

  private mutating func takeQuoted(_ byte: UInt8, quote: UInt8) {
    if self.isEscaped {
      self.isEscaped = false
    } else if byte == UInt8(ascii: "\\") && quote == UInt8(ascii: "\"") {
      self.isEscaped = true
    } else if byte == quote {
      // A doubled single quote closes and opens again: `mayBegin` holds for the second one.
      self.quote = nil
      self.mayBegin = true
      self.afterBlank = false
    }
  }

  private mutating func takeOpen(_ byte: UInt8) -> Finding? {
    switch byte {
    case UInt8(ascii: " "), UInt8(ascii: "\t"):
      if self.afterDash { self.mayBegin = true }
      self.afterDash = false
      self.afterBlank = true
      return nil
    case UInt8(ascii: "#") where self.afterBlank:
      self.isComment = true
      return nil
    case UInt8(ascii: "[") where self.mayBegin, UInt8(ascii: "{") where self.mayBegin,
      UInt8(ascii: ","), UInt8(ascii: ":"):
      self.mayBegin = true
    case UInt8(ascii: "-") where self.mayBegin, UInt8(ascii: "?") where self.mayBegin:
      self.afterDash = true
      self.mayBegin = false
    case UInt8(ascii: "\"") where self.mayBegin, UInt8(ascii: "'") where self.mayBegin:
      self.quote = byte
    case UInt8(ascii: "*") where self.mayBegin:
      return self.refuse("aliases (*name) are not read; write the value out, or put it in quotes")
    case UInt8(ascii: "|") where self.mayBegin, UInt8(ascii: ">") where self.mayBegin:
      return self.refuse("text blocks (| and >) are not read; write the value in quotes")
    case UInt8(ascii: "&") where self.mayBegin, UInt8(ascii: "!") where self.mayBegin:
      return self.refuse("anchors (&) and tags (!) are not read; put the value in quotes")
    default:
      self.mayBegin = false
      self.afterDash = false
    }
    self.afterBlank = false
    return nil
  }

  private mutating func startLine() {
    self.mayBegin = true
    self.afterBlank = true
    self.afterDash = false
  }

  private func refuse(_ reason: String) -> Finding {
    Finding(place: self.place, reason: reason)
  }

  private mutating func advance(over byte: UInt8) {
    if byte == UInt8(ascii: "\n") {
      self.place = TextPlace(line: self.place.line + 1, column: 1)
    } else if byte & 0xC0 != 0x80 {
      self.place.column += 1
    }
  }
}
