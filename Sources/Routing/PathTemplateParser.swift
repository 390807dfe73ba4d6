/// Parses a path template from left to right, once, without recursion.
struct PathTemplateParser {
  private(set) var segments: [PathTemplate.Segment] = []
  private(set) var variables: [PathTemplate.Variable] = []
  private(set) var verb: [UInt8]?

  private let bytes: [UInt8]
  private var position = 0
  private var restIndex: Int?

  init(_ text: String) {
    self.bytes = Array(text.utf8)
  }

  mutating func parse() throws(TemplateError) {
    guard self.bytes.count <= PathTemplate.byteLimit else {
      throw self.error(
        at: PathTemplate.byteLimit, "a template has at most \(PathTemplate.byteLimit) bytes")
    }
    guard self.current == Self.slash else {
      throw self.error("a template begins with \"/\"")
    }
    self.position = 1
    if self.current == nil { return }
    try self.parseSegments()
    if self.current == Self.colon { try self.parseVerb() }
    if let byte = self.current {
      throw self.unexpected(byte, inVariable: false)
    }
  }

  /// Parses `Segment { "/" Segment }` up to anything else. A variable's own segments are parsed by
  /// the same loop: `variable` is set while one is open.
  private mutating func parseSegments() throws(TemplateError) {
    var variable: (name: String, column: Int, start: Int)?
    while true {
      if self.current == Self.openBrace {
        guard variable == nil else {
          throw self.error(
            "a variable can't be nested in another one; close that one with \"}\" first")
        }
        variable = try self.parseVariableName()
        if self.current == Self.closeBrace {
          // `{name}` is short for `{name=*}`.
          try self.append(.any, at: self.position)
        } else {
          self.position += 1  // "="
          continue
        }
      } else {
        try self.parsePlainSegment(inVariable: variable != nil)
      }
      if let open = variable, self.current == Self.closeBrace {
        self.position += 1
        self.close(open)
        variable = nil
        if let byte = self.current, byte != Self.slash, byte != Self.colon {
          throw self.error("a variable is a whole segment; expected \"/\", \":\" or the end")
        }
      }
      guard self.current == Self.slash else { break }
      self.position += 1
      if self.current == nil {
        throw self.error("expected a segment after \"/\"; a template doesn't end with one")
      }
    }
    if variable != nil {
      guard let byte = self.current else {
        throw self.error("the variable isn't closed; expected \"}\"")
      }
      throw self.unexpected(byte, inVariable: true)
    }
  }

  /// Parses `"{" IDENT { "." IDENT } ( "=" | "}" )`; stops at the last of these.
  private mutating func parseVariableName() throws(TemplateError) -> (
    name: String, column: Int, start: Int
  ) {
    let brace = self.position
    self.position += 1
    let start = self.position
    while true {
      guard let first = self.current, Self.isIdentifierStart(first) else {
        throw self.error("expected a field name: a letter or \"_\", then letters, digits and \"_\"")
      }
      while let byte = self.current, Self.isIdentifierPart(byte) { self.position += 1 }
      guard self.current == Self.dot else { break }
      self.position += 1
    }
    let name = String(decoding: self.bytes[start..<self.position], as: UTF8.self)
    for variable in self.variables where variable.fieldPath == name {
      throw self.error(
        at: start, "the variable \"\(name)\" occurs twice; each field can be set only once")
    }
    switch self.current {
    case Self.closeBrace, Self.equals:
      return (name, brace, self.segments.count)
    case nil:
      throw self.error("the variable isn't closed; expected \"}\"")
    default:
      throw self.error("expected \".\", \"=\" or \"}\" after the field name")
    }
  }

  private mutating func close(_ open: (name: String, column: Int, start: Int)) {
    let range = open.start..<self.segments.count
    self.variables.append(
      PathTemplate.Variable(
        fieldPath: open.name, segments: range,
        isMultiSegment: range.count > 1 || self.segments[open.start] == .rest))
  }

  /// Parses `"*" | "**" | LITERAL`.
  private mutating func parsePlainSegment(inVariable: Bool) throws(TemplateError) {
    let start = self.position
    if self.current == Self.star {
      self.position += 1
      if self.current == Self.star {
        self.position += 1
        try self.append(.rest, at: start)
      } else {
        try self.append(.any, at: start)
      }
      if let byte = self.current, byte == Self.star || Self.isLiteral(byte) {
        throw self.error("a wildcard is a whole segment; expected \"/\" after it")
      }
      return
    }
    var literal = try self.parseLiteral()
    while !literal.isEmpty, self.isColonWithin(variable: inVariable) {
      self.position += 1
      literal.append(Self.colon)
      literal += try self.parseLiteral()
    }
    guard !literal.isEmpty else {
      guard let byte = self.current else { throw self.error("expected a segment") }
      switch byte {
      case Self.slash: throw self.error("expected a segment; it can't be empty")
      case Self.colon: throw self.error("expected a segment before the verb")
      case Self.closeBrace where inVariable: throw self.error("expected a segment after \"=\"")
      default: break
      }
      throw self.unexpected(byte, inVariable: inVariable)
    }
    try self.append(.literal(literal), at: start)
    if self.current == Self.star {
      throw self.error("a wildcard is a whole segment; write %2A for a literal \"*\"")
    }
    if self.current == Self.openBrace {
      throw self.error("a variable is a whole segment; expected \"/\" before it")
    }
  }

  private mutating func append(
    _ segment: PathTemplate.Segment, at offset: Int
  ) throws(TemplateError) {
    guard self.segments.count < PathTemplate.segmentLimit else {
      throw self.error(
        at: offset, "a template has at most \(PathTemplate.segmentLimit) segments")
    }
    if segment == .rest {
      guard self.restIndex == nil else {
        throw self.error(at: offset, "a second \"**\"; a template has one at most")
      }
      self.restIndex = self.segments.count
    } else if self.restIndex != nil, segment == .any {
      throw self.error(at: offset, "only literals may follow \"**\"")
    }
    self.segments.append(segment)
  }

  /// Parses everything after the first `:` after the last segment, including further colons:
  /// services use `{name}:resource:action`.
  private mutating func parseVerb() throws(TemplateError) {
    var verb: [UInt8] = []
    for count in 0... {
      let colon = self.position
      guard count <= PathTemplate.verbColonLimit else {
        throw self.error(
          at: colon, "a verb has at most \(PathTemplate.verbColonLimit) colons within it")
      }
      self.position += 1
      let part = try self.parseLiteral()
      guard !part.isEmpty else { throw self.error("expected a verb after \":\"") }
      if count > 0 { verb.append(Self.colon) }
      verb += part
      guard self.current == Self.colon else { break }
    }
    self.verb = verb
  }

  /// Whether the current colon is within a segment that is followed by others, where it's an
  /// ordinary character (RFC 3986 §3.3): only after the last segment does a colon begin a verb.
  private func isColonWithin(variable: Bool) -> Bool {
    guard self.current == Self.colon, !variable else { return false }
    for byte in self.bytes[self.position...] {
      if byte == Self.slash { return true }
      guard byte == Self.colon || Self.isLiteral(byte) else { return false }
    }
    return false
  }

  /// Parses characters of a path segment (RFC 3986 §3.3 `pchar` without ":" and "*"), percent-decoded.
  private mutating func parseLiteral() throws(TemplateError) -> [UInt8] {
    var literal: [UInt8] = []
    while let byte = self.current {
      if byte == Self.percent {
        guard self.position + 2 < self.bytes.count,
          let high = PercentCoding.digit(self.bytes[self.position + 1]),
          let low = PercentCoding.digit(self.bytes[self.position + 2])
        else { throw self.error("expected two hexadecimal digits after \"%\"") }
        literal.append(high << 4 | low)
        self.position += 3
      } else if Self.isLiteral(byte) {
        literal.append(byte)
        self.position += 1
      } else {
        break
      }
    }
    return literal
  }

  // MARK: Errors

  private func error(_ reason: String) -> TemplateError {
    self.error(at: self.position, reason)
  }

  private func error(at offset: Int, _ reason: String) -> TemplateError {
    var column = 1
    for byte in self.bytes.prefix(offset) where byte & 0xC0 != 0x80 { column += 1 }
    return TemplateError(column: column, reason: reason)
  }

  private func unexpected(_ byte: UInt8, inVariable: Bool) -> TemplateError {
    switch byte {
    case Self.colon where inVariable:
      return self.error("a verb must be at the end of the template; write %3A for a literal \":\"")
    case Self.colon, Self.slash:
      return self.error(
        "nothing may follow the verb; write %3A for a literal \":\" in a segment")
    case Self.closeBrace:
      return self.error("\"}\" without \"{\" before it")
    case UInt8(ascii: "?"), UInt8(ascii: "#"):
      return self.error("a template is a path only: no query and no fragment")
    default:
      return self.error("this character must be percent-encoded in a path")
    }
  }

  // MARK: Characters

  private static let slash = UInt8(ascii: "/")
  private static let colon = UInt8(ascii: ":")
  private static let star = UInt8(ascii: "*")
  private static let openBrace = UInt8(ascii: "{")
  private static let closeBrace = UInt8(ascii: "}")
  private static let equals = UInt8(ascii: "=")
  private static let dot = UInt8(ascii: ".")
  private static let percent = UInt8(ascii: "%")

  private var current: UInt8? {
    self.position < self.bytes.count ? self.bytes[self.position] : nil
  }

  private static func isIdentifierStart(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "_"):
      true
    default: false
    }
  }

  private static func isIdentifierPart(_ byte: UInt8) -> Bool {
    Self.isIdentifierStart(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  /// Letters, digits, `-._~!$&'()+,;=@` and bytes of UTF-8 beyond ASCII, which are often left
  /// unencoded.
  private static func isLiteral(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), 0x80...0xFF:
      return true
    case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"),
      UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"),
      UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "+"), UInt8(ascii: ","),
      UInt8(ascii: ";"), UInt8(ascii: "="), UInt8(ascii: "@"), UInt8(ascii: "%"):
      return true
    default:
      return false
    }
  }
}
