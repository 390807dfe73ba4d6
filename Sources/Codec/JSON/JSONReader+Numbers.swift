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
    while offset < count {
      let digit = unsafe self.base[offset] &- UInt8(ascii: "0")
      if digit > 9 { break }
      digits = digits &* 10 &+ UInt64(digit)
      offset &+= 1
    }
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
      while offset &+ 8 <= count {
        let word = unsafe load64(self.base + offset)
        guard Self.isEightDigits(word) else { break }
        digits = digits &* 100_000_000 &+ Self.eightDigits(word)
        offset &+= 8
      }
      while offset < count {
        let digit = unsafe self.base[offset] &- UInt8(ascii: "0")
        if digit > 9 { break }
        digits = digits &* 10 &+ UInt64(digit)
        offset &+= 1
      }
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

  /// Reads a quoted integer of at most 19 digits, the form in which encoders write 64-bit integers.
  /// The opening quote is next.
  ///
  /// - Returns: nil for anything else; `position` is undefined then.
  @inline(__always)
  mutating func quotedInteger() -> (magnitude: UInt64, isNegative: Bool)? {
    var offset = self.position &+ 1
    let count = self.count
    let isNegative = unsafe offset < count && self.base[offset] == UInt8(ascii: "-")
    if isNegative { offset &+= 1 }
    let first = offset
    var magnitude: UInt64 = 0
    while offset &+ 8 <= count && offset &- first <= 8 {
      let word = unsafe load64(self.base + offset)
      guard Self.isEightDigits(word) else { break }
      magnitude = magnitude &* 100_000_000 &+ Self.eightDigits(word)
      offset &+= 8
    }
    while offset < count {
      let digit = unsafe self.base[offset] &- UInt8(ascii: "0")
      if digit > 9 { break }
      magnitude = magnitude &* 10 &+ UInt64(digit)
      offset &+= 1
    }
    let length = offset &- first
    guard length > 0 && length <= 19 && offset < count,
      unsafe self.base[offset] == UInt8(ascii: "\""),
      unsafe length == 1 || self.base[first] != UInt8(ascii: "0")
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

  /// Whether all eight bytes are ASCII digits.
  @inline(__always)
  static func isEightDigits(_ word: UInt64) -> Bool {
    let high = word & 0xF0F0_F0F0_F0F0_F0F0
    let carried = (word &+ 0x0606_0606_0606_0606) & 0xF0F0_F0F0_F0F0_F0F0
    return high == 0x3030_3030_3030_3030 && carried == 0x3030_3030_3030_3030
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
