internal import CTables

/// Writers of JSON numbers. Those named `store…` reserve no room: the caller has reserved it, 32
/// bytes for any of them.
extension ByteSink {
  /// Stores a number below 100 with two digits.
  @inline(__always)
  mutating func storeTwoDigits(_ value: Int64) {
    assert(value >= 0 && value < 100 && self.capacity &- self.count >= 2)
    unsafe UnsafeMutableRawPointer(self.base + self.count).storeBytes(
      of: CTables_digits()[Int(value)], as: UInt16.self)
    self.count &+= 2
  }

  /// Stores a number in decimal, at most 20 digits.
  @inline(__always)
  mutating func storeDecimal(_ value: UInt64) {
    if value < 100_000_000_000_000_000 {
      let text = DigitText(value)
      self.storeDigits(text)
    } else {
      // 18 digits or more: those above 10^8, at most 12, then eight with leading zeros.
      let (high, low) = value.quotientAndRemainder(dividingBy: 100_000_000)
      self.storeDigits(DigitText(high))
      self.storeWord(DigitText.eight(low) | DigitText.zeros, length: 8)
    }
  }

  /// Stores digits; up to seven bytes after them are overwritten.
  @inline(__always)
  private mutating func storeDigits(_ text: DigitText) {
    self.store(text.first, at: 0)
    if text.count > 8 {
      self.store(text.second, at: 8)
      if text.count > 16 { self.store(text.seventeenth, at: 16) }
    }
    self.count &+= text.count
  }

  /// Stores a word at an offset after the current bytes, without adding to `count`.
  @inline(__always)
  private mutating func store(_ word: UInt64, at offset: Int) {
    assert(self.capacity &- self.count >= offset &+ 8)
    unsafe UnsafeMutableRawPointer(self.base + (self.count &+ offset)).storeBytes(
      of: word.littleEndian, as: UInt64.self)
  }

  /// Stores a signed number in decimal.
  @inline(__always)
  mutating func storeDecimal(_ value: Int64) {
    if value < 0 { self.storeByte(UInt8(ascii: "-")) }
    self.storeDecimal(value.magnitude)
  }

  /// Stores a float as the shortest text that reads back the same; NaN and infinities as strings
  /// (the ProtoJSON page).
  @inline(__always)
  mutating func storeFloat(_ value: Float) {
    let magnitude = value.magnitude
    if value.sign == .minus && !value.isNaN {
      if magnitude == .infinity { return self.storeSpecial("\"-Infinity\"") }
      self.storeByte(UInt8(ascii: "-"))
    }
    if magnitude == 0 { return self.storeZero(isNegative: value.sign == .minus) }
    guard magnitude.isFinite else {
      return self.storeSpecial(value.isNaN ? "\"NaN\"" : "\"Infinity\"")
    }
    let shortest = ShortestDecimal(magnitude)
    self.storeNumber(shortest.digits, exponent: shortest.exponent)
  }

  /// Stores a double as the shortest text that reads back the same; NaN and infinities as strings.
  @inline(__always)
  mutating func storeDouble(_ value: Double) {
    let magnitude = value.magnitude
    if value.sign == .minus && !value.isNaN {
      if magnitude == .infinity { return self.storeSpecial("\"-Infinity\"") }
      self.storeByte(UInt8(ascii: "-"))
    }
    if magnitude == 0 { return self.storeZero(isNegative: value.sign == .minus) }
    guard magnitude.isFinite else {
      return self.storeSpecial(value.isNaN ? "\"NaN\"" : "\"Infinity\"")
    }
    let shortest = ShortestDecimal(magnitude)
    self.storeNumber(shortest.digits, exponent: shortest.exponent)
  }

  /// Stores `0`, or `-0.0` rather than `-0`: readers that parse a number without a point as an
  /// integer (Python, among others) would lose the sign.
  @inline(__always)
  private mutating func storeZero(isNegative: Bool) {
    self.storeByte(UInt8(ascii: "0"))
    if isNegative { self.storeWord(0x302E, length: 2) }
  }

  @inline(never)
  private mutating func storeSpecial(_ text: StaticString) {
    self.append(text)
  }

  /// Stores `digits * 10^exponent` in the format of ECMAScript's Number::toString: plain from 1e-7
  /// to 1e21, with an exponent beyond. At most 25 bytes; up to seven bytes after them are overwritten.
  @inline(__always)
  private mutating func storeNumber(_ digits: UInt64, exponent: Int) {
    let text = DigitText(digits)
    let point = text.count &+ exponent
    if exponent < 0 && point > 0 {
      self.storePointed(text, point: point)
    } else if exponent < 0 && point > -6 {
      // 0.00123
      self.store(0x3030_3030_3030_2E30, at: 0)
      self.count &+= 2 &- point
      self.storeDigits(text)
    } else if exponent >= 0 && point <= 21 {
      // 1200
      self.storeDigits(text)
      if exponent > 0 {
        self.store(DigitText.zeros, at: 0)
        if exponent > 8 { self.store(DigitText.zeros, at: 8) }
        if exponent > 16 { self.store(DigitText.zeros, at: 16) }
        self.count &+= exponent
      }
    } else {
      self.storeScientific(digits, exponent: point &- 1)
    }
  }

  /// Stores 12.34: the digits, the point over the first digit after it, then the rest again, one
  /// byte further.
  @inline(__always)
  private mutating func storePointed(_ text: DigitText, point: Int) {
    let dot = UInt64(UInt8(ascii: "."))
    self.store(text.first, at: 0)
    if point < 8 {
      let rest = text.first >> UInt64(truncatingIfNeeded: point &* 8)
      self.store(dot | rest << 8, at: point)
      // From the eighth digit, which is at offset 8 now.
      self.store(text.first >> 56 | text.second << 8, at: 8)
      if text.count > 15 { self.store(text.second >> 56 | text.seventeenth << 8, at: 16) }
    } else {
      self.storeLatePoint(text, point: point)
    }
    self.count &+= text.count &+ 1
  }

  /// Stores the point after eight digits or more.
  @inline(never)
  private mutating func storeLatePoint(_ text: DigitText, point: Int) {
    let dot = UInt64(UInt8(ascii: "."))
    self.store(text.second, at: 8)
    if point < 16 {
      let rest = text.second >> UInt64(truncatingIfNeeded: (point &- 8) &* 8)
      self.store(dot | rest << 8, at: point)
      self.store(text.second >> 56 | text.seventeenth << 8, at: 16)
    } else {
      self.store(dot | text.seventeenth << 8, at: 16)
    }
  }

  @inline(never)
  private mutating func storeScientific(_ digits: UInt64, exponent: Int) {
    // Trailing zeros carry no information: 1e21, not 1.000e21.
    var digits = digits
    while digits >= 10 && digits % 10 == 0 { digits /= 10 }
    let text = DigitText(digits)
    if text.count == 1 {
      self.storeDigits(text)
    } else {
      self.storePointed(text, point: 1)
    }
    self.storeByte(UInt8(ascii: "e"))
    self.storeByte(exponent < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
    self.storeDecimal(UInt64(exponent.magnitude))
  }
}
