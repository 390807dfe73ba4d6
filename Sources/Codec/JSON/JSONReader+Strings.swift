internal import CTables
internal import CVector

/// Reading of strings and their escapes.
extension JSONReader {
  /// A string's content between its quotes, escapes unresolved.
  struct StringToken {
    var start: Int
    var end: Int
    var hasEscapes: Bool

    var count: Int { self.end - self.start }
  }

  /// Reads the string whose opening quote is next: finds its end, rejects control characters and
  /// bytes that aren't UTF-8 (RFC 8259 §7, §8.1). Escapes are checked by `unescape`.
  @inline(__always)
  mutating func string() throws(CodecError) -> StringToken {
    let length = self.shortStringLength
    if length < 0 { return try self.string(stopsAtEscape: false) }
    let start = self.position &+ 1
    self.position = start &+ length &+ 1
    return StringToken(start: start, end: start &+ length, hasEscapes: false)
  }

  /// The length of the string whose opening quote is next if it's short, ASCII and free of escapes,
  /// as most are: it's found in one or two steps. -1 for any other, and if fewer than 32 bytes
  /// follow the quote.
  @inline(__always)
  var shortStringLength: Int {
    guard self.count &- self.position > 32,
      unsafe self.base[self.position] == UInt8(ascii: "\"")
    else { return -1 }
    return unsafe CVector_short_string(self.base + self.position)
  }

  /// Reads the string whose opening quote is next up to its end, or up to its first escape, where
  /// both the token and `position` then end.
  @inline(never)
  mutating func string(stopsAtEscape: Bool) throws(CodecError) -> StringToken {
    guard self.take(UInt8(ascii: "\"")) else { throw self.expected("a string") }
    let start = self.position
    var offset = start
    var hasEscapes = false
    var high: UInt64 = 0
    var blockHigh: UInt32 = 0
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    while true {
      unsafe offset &+= CVector_pass_string(
        self.base + offset, self.count &- offset, &blockHigh)
      // If fewer than sixteen bytes are left, eight at a time: a zero byte in `x` sets the top bit
      // of that byte in (x - ones) & ~x.
      while offset &+ 8 <= self.count {
        let word = unsafe load64(self.base + offset)
        let quotes = word ^ (ones &* 0x22)
        let slashes = word ^ (ones &* 0x5C)
        let found =
          ((quotes &- ones) & ~quotes | (slashes &- ones) & ~slashes
            | (word &- ones &* 0x20) & ~word) & tops
        if found != 0 {
          let index = found.trailingZeroBitCount >> 3
          high |= word & ((1 << UInt64(index &* 8)) &- 1)
          offset &+= index
          break
        }
        high |= word
        offset &+= 8
      }
      guard offset < self.count else { throw self.unterminatedString(from: start) }
      let byte = unsafe self.base[offset]
      if byte == UInt8(ascii: "\"") { break }
      if byte == UInt8(ascii: "\\") {
        hasEscapes = true
        if stopsAtEscape { break }
        offset &+= 2
        // The text may end right after the backslash: then nothing is left to read.
        guard offset < self.count else { throw self.unterminatedString(from: start) }
      } else if byte < 0x20 {
        throw self.controlCharacter(at: offset)
      } else {
        high |= UInt64(byte)
        offset &+= 1
      }
    }
    self.position = stopsAtEscape && hasEscapes ? offset : offset &+ 1
    if high & tops != 0 || blockHigh != 0 { try self.validateUTF8(from: start, to: offset) }
    return StringToken(start: start, end: offset, hasEscapes: hasEscapes)
  }

  @inline(never)
  private func validateUTF8(from start: Int, to end: Int) throws(CodecError) {
    if let fault = unsafe UTF8Validator.firstFault(in: self.base + start, count: end - start) {
      throw CodecError(
        .invalidUTF8, offset: start + fault, reason: "the string isn't UTF-8 here")
    }
  }

  @inline(never)
  private func controlCharacter(at offset: Int) -> CodecError {
    CodecError(
      .malformedJSON, offset: offset,
      reason: "the string contains a control character "
        + "(0x\(String(self.byte(at: offset), radix: 16))); write it as an escape, such as \\n or "
        + "\\u0000")
  }

  @inline(never)
  private func unterminatedString(from start: Int) -> CodecError {
    CodecError(
      .malformedJSON, offset: start - 1, reason: "the string that begins here isn't terminated")
  }

  /// Appends the string's value, its escapes resolved. Surrogates must be paired (the ProtoJSON
  /// page; RFC 8259 §8.2 doesn't require it).
  func unescape(_ token: StringToken, into sink: inout ByteSink) throws(CodecError) {
    // No escape is shorter than its value, and whole words may be stored beyond the end.
    sink.reserve(token.count &+ 16)
    var offset = token.start
    while offset < token.end {
      offset = self.copyPlain(from: offset, to: token.end, into: &sink)
      guard offset < token.end else { break }
      offset &+= try self.unescapeOne(at: offset, into: &sink)
    }
  }

  /// Appends the value of a string that was read up to its first escape, which is next, and reads
  /// the rest of it at the same time: one pass over the text instead of two.
  @inline(never)
  mutating func finishString(
    from token: StringToken, into sink: inout ByteSink
  ) throws(CodecError) {
    // The rest of the text is an upper bound. No escape is shorter than its value, and whole blocks
    // may be stored beyond the end.
    sink.reserve(self.count &- token.start &+ 32)
    unsafe sink.append(start: self.base + token.start, count: token.count)
    let target = sink.count
    var offset = token.end
    var high: UInt32 = 0
    while true {
      if self.byte(at: offset) == UInt8(ascii: "\\") {
        guard offset &+ 1 < self.count else { throw self.unterminatedString(from: token.start) }
        offset &+= try self.unescapeOne(at: offset, into: &sink)
      }
      let copied = unsafe CVector_copy_string(
        sink.base + sink.count, self.base + offset, max(0, self.count &- offset), &high)
      sink.count &+= copied
      offset &+= copied
      var byte = self.byte(at: offset)
      while byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") {
        sink.storeByte(byte)
        high |= UInt32(byte & 0x80)
        offset &+= 1
        byte = self.byte(at: offset)
      }
      if byte == UInt8(ascii: "\"") { break }
      if byte != UInt8(ascii: "\\") {
        throw offset < self.count
          ? self.controlCharacter(at: offset) : self.unterminatedString(from: token.start)
      }
    }
    self.position = offset &+ 1
    // Escapes produce whole characters: the value is UTF-8 if and only if the text is.
    if high != 0,
      unsafe UTF8Validator.firstFault(in: sink.base + target, count: sink.count &- target) != nil
    {
      try self.validateUTF8(from: token.start, to: offset)
    }
  }

  /// Appends the value of the escape at `offset`. There must be room for it and a word.
  ///
  /// - Returns: the length of the escape in bytes.
  @inline(__always)
  private func unescapeOne(at offset: Int, into sink: inout ByteSink) throws(CodecError) -> Int {
    let next = self.byte(at: offset &+ 1)
    let simple = Self.simpleEscape(next)
    if simple != 0 {
      sink.storeByte(simple)
      return 2
    }
    guard next == UInt8(ascii: "u") else { throw self.noEscape(at: offset) }
    let (scalar, length) = try self.unicodeEscape(at: offset)
    sink.storeUTF8(scalar)
    return length
  }

  @inline(never)
  private func noEscape(at offset: Int) -> CodecError {
    CodecError(
      .malformedJSON, offset: offset,
      reason: "not a JSON escape; those are \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX")
  }

  /// The value of a backslash followed by this byte; 0 if that isn't an escape, or is a longer one.
  @inline(__always)
  private static func simpleEscape(_ byte: UInt8) -> UInt8 {
    switch byte {
    case UInt8(ascii: "\""): 0x22
    case UInt8(ascii: "\\"): 0x5C
    case UInt8(ascii: "/"): 0x2F
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "f"): 0x0C
    case UInt8(ascii: "n"): 0x0A
    case UInt8(ascii: "r"): 0x0D
    case UInt8(ascii: "t"): 0x09
    default: 0
    }
  }

  /// Copies bytes up to the next backslash. There must be room for all of them and a word.
  @inline(__always)
  private func copyPlain(from first: Int, to end: Int, into sink: inout ByteSink) -> Int {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let copied = unsafe CVector_copy_to_backslash(
      sink.base + sink.count, self.base + first, end &- first)
    sink.count &+= copied
    var offset = first &+ copied
    if offset < end, unsafe self.base[offset] == UInt8(ascii: "\\") { return offset }
    while offset &+ 8 <= end {
      let word = unsafe load64(self.base + offset)
      let slashes = word ^ (ones &* 0x5C)
      let found = (slashes &- ones) & ~slashes & (ones &* 0x80)
      sink.storeWord(word, length: 8)
      if found != 0 {
        let index = found.trailingZeroBitCount >> 3
        sink.count &-= 8 &- index
        return offset &+ index
      }
      offset &+= 8
    }
    while offset < end, unsafe self.base[offset] != UInt8(ascii: "\\") {
      unsafe sink.storeByte(self.base[offset])
      offset &+= 1
    }
    return offset
  }

  /// The scalar of the escape at `offset`, and the length of the escape: 6 bytes, or 12 for a pair.
  private func unicodeEscape(at offset: Int) throws(CodecError) -> (Unicode.Scalar, Int) {
    let first = try self.codeUnit(at: offset)
    if let scalar = Unicode.Scalar(first) { return (scalar, 6) }
    let lone = CodecError(
      .invalidUTF8, offset: offset,
      reason: "half of a surrogate pair; a character beyond U+FFFF needs both escapes")
    guard first < 0xDC00, self.byte(at: offset + 6) == UInt8(ascii: "\\"),
      self.byte(at: offset + 7) == UInt8(ascii: "u")
    else { throw lone }
    let second = try self.codeUnit(at: offset + 6)
    guard second >= 0xDC00 && second <= 0xDFFF else { throw lone }
    let value = 0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)
    guard let scalar = Unicode.Scalar(value) else { throw lone }
    return (scalar, 12)
  }

  private func codeUnit(at offset: Int) throws(CodecError) -> UInt32 {
    let values = unsafe CTables_hexadecimal()
    // The table value of a character that isn't a digit has all bits set.
    let high =
      unsafe UInt32(values[Int(self.byte(at: offset &+ 2))]) << 4
      | UInt32(values[Int(self.byte(at: offset &+ 3))])
    let low =
      unsafe UInt32(values[Int(self.byte(at: offset &+ 4))]) << 4
      | UInt32(values[Int(self.byte(at: offset &+ 5))])
    guard high | low <= 0xFF else {
      throw CodecError(
        .malformedJSON, offset: offset, reason: "\\u needs four hexadecimal digits")
    }
    return high << 8 | low
  }
}
