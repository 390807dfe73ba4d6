extension JSONReader {
  /// Reads a number by RFC 8259 §6: no leading zeros, no plus, digits on both sides of the point.
  @inline(__always)
  mutating func number() throws(CodecError) -> DecimalNumber {
    let start = self.position
    var offset = start
    let count = self.count
    let isNegative = unsafe offset < count && self.base[offset] == UInt8(ascii: "-")
    if isNegative { offset &+= 1 }
    var digits: UInt64 = 0
    let firstDigit = offset
    self.passDigits(&offset, addingTo: &digits)
    var digitCount = offset &- firstDigit
    if digitCount == 0 { throw self.notANumber(at: start) }
    if digitCount > 1, unsafe self.base[firstDigit] == UInt8(ascii: "0") {
      throw CodecError(
        .malformedJSON, offset: firstDigit, reason: "a JSON number can't have leading zeros")
    }
    var exponent = 0
    if offset < count, unsafe self.base[offset] == UInt8(ascii: ".") {
      offset &+= 1
      let firstFraction = offset
      self.passDigits(&offset, addingTo: &digits)
      exponent = firstFraction &- offset
      if exponent == 0 {
        throw CodecError(
          .malformedJSON, offset: offset, reason: "a decimal point needs a digit after it")
      }
      digitCount &-= exponent
    }
    self.position = offset
    if offset < count, unsafe self.base[offset] | 0x20 == UInt8(ascii: "e") {
      exponent = Self.sum(exponent, try self.exponentPart())
    }
    // 19 digits always fit; with more, the sum above has wrapped.
    if digitCount > 19 {
      return self.longNumber(from: start, isNegative: isNegative)
    }
    return DecimalNumber(
      digits: digits, exponent: exponent, isNegative: isNegative, isTruncated: false)
  }

  /// Passes the digits at `offset` and appends them to those of `digits`, eight at a time while so
  /// many bytes are left.
  @inline(__always)
  private func passDigits(_ offset: inout Int, addingTo digits: inout UInt64) {
    while offset &+ 8 <= self.count {
      let word = unsafe load64(self.base + offset)
      let length = Self.digitCount(word)
      if length == 8 {
        digits = digits &* 100_000_000 &+ Self.eightDigits(word)
        offset &+= 8
        continue
      }
      if length == 1 {
        digits = digits &* 10 &+ (word & 0x0F)
        offset &+= 1
      } else if length > 0 {
        digits = digits &* Self.powerOfTen(length) &+ Self.leadingDigits(word, count: length)
        offset &+= length
      }
      return
    }
    while offset < self.count {
      let digit = unsafe self.base[offset] &- UInt8(ascii: "0")
      if digit > 9 { return }
      digits = digits &* 10 &+ UInt64(digit)
      offset &+= 1
    }
  }

  /// Reads a quoted integer of at most 19 digits, the form in which encoders write 64-bit integers.
  /// The opening quote is next.
  ///
  /// - Returns: nil for anything else; `position` is undefined then.
  @inline(__always)
  mutating func quotedInteger() -> (magnitude: UInt64, isNegative: Bool)? {
    // A quote, a sign and three words.
    guard self.count &- self.position >= 26 else { return self.lastQuotedInteger() }
    var first = self.position &+ 1
    let isNegative = unsafe self.base[first] == UInt8(ascii: "-")
    if isNegative { first &+= 1 }
    let start = unsafe self.base + first
    let word = unsafe load64(start)
    var length = Self.digitCount(word)
    var magnitude: UInt64
    if length < 8 {
      if length == 0 { return nil }
      magnitude = Self.leadingDigits(word, count: length)
    } else {
      length &+= Self.digitCount(unsafe load64(start + 8))
      if length == 16 { length &+= Self.digitCount(unsafe load64(start + 16)) }
      if length > 19 { return nil }
      // The last eight digits, those before them, and those before both.
      magnitude = Self.eightDigits(unsafe load64(start + (length &- 8)))
      if length > 16 {
        magnitude &+= Self.eightDigits(unsafe load64(start + (length &- 16))) &* 100_000_000
        magnitude &+= Self.leadingDigits(word, count: length &- 16) &* 10_000_000_000_000_000
      } else if length > 8 {
        magnitude &+= Self.leadingDigits(word, count: length &- 8) &* 100_000_000
      }
    }
    guard unsafe start[length] == UInt8(ascii: "\""),
      length == 1 || word & 0xFF != UInt64(UInt8(ascii: "0"))
    else { return nil }
    self.position = first &+ length &+ 1
    return (magnitude, isNegative)
  }

  /// The same near the end of the text.
  @inline(never)
  private mutating func lastQuotedInteger() -> (magnitude: UInt64, isNegative: Bool)? {
    var offset = self.position &+ 1
    let isNegative = self.byte(at: offset) == UInt8(ascii: "-")
    if isNegative { offset &+= 1 }
    let first = offset
    var magnitude: UInt64 = 0
    self.passDigits(&offset, addingTo: &magnitude)
    let length = offset &- first
    guard length > 0 && length <= 19, self.byte(at: offset) == UInt8(ascii: "\""),
      length == 1 || self.byte(at: first) != UInt8(ascii: "0")
    else { return nil }
    self.position = offset &+ 1
    return (magnitude, isNegative)
  }

  /// Reads an exponent such as `e+12`, which is next.
  private mutating func exponentPart() throws(CodecError) -> Int {
    self.position &+= 1
    let isNegative = self.peek == UInt8(ascii: "-")
    if isNegative || self.peek == UInt8(ascii: "+") { self.position &+= 1 }
    let first = self.position
    var value = 0
    while true {
      let digit = self.peek &- UInt8(ascii: "0")
      if digit > 9 { break }
      // Already far beyond every range: further digits change nothing.
      if value < 100_000_000 { value = value * 10 + Int(digit) }
      self.position &+= 1
    }
    if self.position == first {
      throw CodecError(
        .malformedJSON, offset: first, reason: "an exponent needs at least one digit")
    }
    return isNegative ? -value : value
  }

  /// Keeps an exponent in a range in which adding digit counts can't overflow.
  private static func sum(_ first: Int, _ second: Int) -> Int {
    max(-1_000_000_000, min(1_000_000_000, first &+ second))
  }

  /// Rereads a number of more than 19 digits, keeping as many as fit 64 bits. Its syntax has
  /// already been checked.
  @inline(never)
  private func longNumber(from start: Int, isNegative: Bool) -> DecimalNumber {
    var number = DecimalNumber(digits: 0, exponent: 0, isNegative: isNegative, isTruncated: false)
    var offset = start + (isNegative ? 1 : 0)
    var isFull = false
    var isFraction = false
    var written = 0
    while offset < self.position {
      let byte = self.byte(at: offset)
      offset += 1
      if byte == UInt8(ascii: ".") {
        isFraction = true
        continue
      }
      let digit = byte &- UInt8(ascii: "0")
      if digit > 9 {
        // The exponent: its syntax has already been checked.
        let isDown = self.byte(at: offset) == UInt8(ascii: "-")
        var value = 0
        while offset < self.position {
          let digit = self.byte(at: offset) &- UInt8(ascii: "0")
          if digit <= 9 && value < 100_000_000 { value = value * 10 + Int(digit) }
          offset += 1
        }
        written = isDown ? -value : value
        break
      }
      let (product, overflows) = number.digits.multipliedReportingOverflow(by: 10)
      let (sum, carries) = product.addingReportingOverflow(UInt64(digit))
      if !isFull && !overflows && !carries {
        number.digits = sum
        if isFraction { number.exponent -= 1 }
      } else {
        isFull = true
        if digit != 0 { number.isTruncated = true }
        if !isFraction { number.exponent += 1 }
      }
    }
    number.exponent = Self.sum(number.exponent, written)
    return number
  }

  @inline(never)
  private func notANumber(at start: Int) -> CodecError {
    var lookahead = self
    lookahead.position = start
    return lookahead.wrongType("a number")
  }

  /// The number of ASCII digits with which a word begins, 0 to 8.
  @inline(__always)
  static func digitCount(_ word: UInt64) -> Int {
    // Digits become 0 to 9, to which 0x76 can be added without reaching the top bit. A carry only
    // leaves a byte that isn't a digit, so the lowest top bit set is right.
    let values = word ^ 0x3030_3030_3030_3030
    let others = (values &+ 0x7676_7676_7676_7676 | values) & 0x8080_8080_8080_8080
    return others.trailingZeroBitCount >> 3
  }

  /// The value of the first `count` ASCII digits of a word, 1 to 8.
  @inline(__always)
  static func leadingDigits(_ word: UInt64, count: Int) -> UInt64 {
    Self.eightDigits(word &<< UInt64(truncatingIfNeeded: 64 &- count &* 8))
  }

  /// 10 to the power of `exponent`, 1 to 7.
  @inline(__always)
  private static func powerOfTen(_ exponent: Int) -> UInt64 {
    switch exponent {
    case 1: 10
    case 2: 100
    case 3: 1000
    case 4: 10_000
    case 5: 100_000
    case 6: 1_000_000
    default: 10_000_000
    }
  }

  /// The value of eight ASCII digits, the first one lowest in the word: pairs, then fours, then all.
  @inline(__always)
  static func eightDigits(_ word: UInt64) -> UInt64 {
    let digits = word & 0x0F0F_0F0F_0F0F_0F0F
    let pairs = (digits &* 10 &+ (digits >> 8)) & 0x00FF_00FF_00FF_00FF
    let fours = (pairs &* 100 &+ (pairs >> 16)) & 0x0000_FFFF_0000_FFFF
    return (fours &* 10_000 &+ (fours >> 32)) & 0xFFFF_FFFF
  }
}
