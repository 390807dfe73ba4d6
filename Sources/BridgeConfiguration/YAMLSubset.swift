/// Finds unsupported YAML before the text is parsed, for messages that say what to write instead.
///
/// Aliases, anchors and tags are unsupported. No value of the bridge's own spans lines, so block scalars are
/// rejected too; in files from elsewhere they are skipped. The scan understands quotes, comments and
/// indentation, not all of YAML: the protection against alias attacks is that `YAMLDocument` leaves no
/// anchor in the text.
struct YAMLSubset {
  /// An unsupported construct and its location.
  struct Finding: Equatable {
    var location: TextLocation
    var reason: String
  }

  private var location = TextLocation(line: 1, column: 1)
  /// Whether a value or key may begin here.
  private var mayBegin = true
  /// Whether the previous byte was a blank or a line break.
  private var afterBlank = true
  /// `-` and `?` are indicators only if followed by a blank.
  private var afterDash = false
  private var quote: UInt8?
  private var isEscaped = false
  private var isComment = false
  private let allowsTextBlocks: Bool
  private var block: TextBlock?
  /// Spaces at the start of the line, and whether nothing else followed yet.
  private var indentation = 0
  private var isIndentation = true

  /// A block scalar, in which nothing is an indicator. It ends before the first non-blank line that is
  /// indented less than its first one (YAML 1.2.2 §8.1.1).
  private struct TextBlock {
    /// Indentation of the line with its indicator.
    var outer: Int
    /// Known from the first non-blank line, or from an indicator.
    var inner: Int?
    var isHeader = true
  }

  private init(allowsTextBlocks: Bool) {
    self.allowsTextBlocks = allowsTextBlocks
  }

  /// The first unsupported construct; nil if there is none.
  ///
  /// - Parameter allowsTextBlocks: whether block scalars are skipped.
  static func firstRefused(in text: String, allowsTextBlocks: Bool = false) -> Finding? {
    var scan = YAMLSubset(allowsTextBlocks: allowsTextBlocks)
    // A byte order mark has no column.
    let mark = text.utf8.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    for index in text.utf8.indices.dropFirst(mark) {
      guard var finding = scan.take(text.utf8[index]) else { continue }
      if text.utf8[index...].starts(with: "*:".utf8) {
        finding.reason =
          "a \"*\" doesn't mean all addresses here; write 0.0.0.0 or \"[::]\" instead"
      }
      return finding
    }
    return nil
  }

  private mutating func take(_ byte: UInt8) -> Finding? {
    defer { self.advance(over: byte) }
    if self.block != nil, self.takeBlock(byte) { return nil }
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

  /// Consumes a byte of a block scalar; false for the first one after it.
  private mutating func takeBlock(_ byte: UInt8) -> Bool {
    guard var block = self.block else { return false }
    let isBreak = byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
    if block.isHeader {
      if (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(byte), block.inner == nil {
        block.inner = block.outer + 1
      }
      // A comment may follow in the header; a digit in it at worst makes the block appear longer.
      block.isHeader = !isBreak
      self.block = block
      return true
    }
    let isInside = !self.isIndentation || byte == UInt8(ascii: " ") || isBreak
    if isInside { return true }
    let inner = block.inner ?? self.indentation
    guard inner > block.outer, self.indentation >= inner else {
      self.block = nil
      self.startLine()
      return false
    }
    block.inner = inner
    self.block = block
    return true
  }

  private mutating func takeQuoted(_ byte: UInt8, quote: UInt8) {
    if self.isEscaped {
      self.isEscaped = false
    } else if byte == UInt8(ascii: "\\") && quote == UInt8(ascii: "\"") {
      self.isEscaped = true
    } else if byte == quote {
      // A doubled single quote closes and reopens: `mayBegin` is true for the second one.
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
      return self.refuse(
        "aliases (*name) are not supported; write the value out, or put it in quotes")
    case UInt8(ascii: "|") where self.mayBegin && self.allowsTextBlocks,
      UInt8(ascii: ">") where self.mayBegin && self.allowsTextBlocks:
      self.block = TextBlock(outer: self.indentation)
    case UInt8(ascii: "|") where self.mayBegin, UInt8(ascii: ">") where self.mayBegin:
      return self.refuse("block scalars (| and >) are not supported; write the value in quotes")
    case UInt8(ascii: "&") where self.mayBegin, UInt8(ascii: "!") where self.mayBegin:
      return self.refuse("anchors (&) and tags (!) are not supported; put the value in quotes")
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
    Finding(location: self.location, reason: reason)
  }

  private mutating func advance(over byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
      self.indentation = 0
      self.isIndentation = true
    case UInt8(ascii: " ") where self.isIndentation:
      self.indentation += 1
    default:
      self.isIndentation = false
    }
    if byte == UInt8(ascii: "\n") {
      self.location = TextLocation(line: self.location.line + 1, column: 1)
    } else if byte & 0xC0 != 0x80 {
      self.location.column += 1
    }
  }
}
