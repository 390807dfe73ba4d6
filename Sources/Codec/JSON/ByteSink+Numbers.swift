internal import CTables

/// Writers of numbers as JSON. Those named `store…` ask for no room: the caller has reserved it, 32
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
    if value < 10 {
      self.storeByte(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value))
      return
    }
    let length = Self.decimalLength(value)
    self.storeDigits(value, length: length)
  }

  /// Stores the lowest `length` digits of a number, with zeros in front.
  @inline(__always)
  mutating func storeDigits(_ value: UInt64, length: Int) {
    assert(self.capacity &- self.count >= length)
    let digits = unsafe CTables_digits()
    let start = unsafe UnsafeMutableRawPointer(self.base + self.count)
    var rest = value
    var offset = length
    while offset >= 2 {
      let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 100)
      offset &-= 2
      unsafe start.storeBytes(
        of: digits[Int(truncatingIfNeeded: remainder)], toByteOffset: offset, as: UInt16.self)
      rest = quotient
    }
    if offset == 1 {
      unsafe start.storeBytes(
        of: UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10), as: UInt8.self)
    }
    self.count &+= length
  }

  /// Stores a signed number in decimal.
  @inline(__always)
  mutating func storeDecimal(_ value: Int64) {
    if value < 0 { self.storeByte(UInt8(ascii: "-")) }
    self.storeDecimal(value.magnitude)
  }

  /// How many digits a number has.
  @inline(__always)
  static func decimalLength(_ value: UInt64) -> Int {
    // 1233 / 4096 is a little more than log10(2): the guess is right or one too low, and at most 19.
    let bits = 64 &- (value | 1).leadingZeroBitCount
    let guess = (bits &* 1233) >> 12
    return unsafe guess &+ (value >= CTables_integers()[guess] ? 1 : 0)
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

  /// `-0.0` and not `-0`: readers that take a number without a point for an integer (Python, among
  /// others) would lose the sign.
  @inline(__always)
  private mutating func storeZero(isNegative: Bool) {
    self.storeByte(UInt8(ascii: "0"))
    if isNegative { self.storeWord(0x302E, length: 2) }
  }

  @inline(never)
  private mutating func storeSpecial(_ text: StaticString) {
    self.append(text)
  }

  /// Stores `digits * 10^exponent` as ECMAScript's Number::toString lays it out: plain from 1e-7 to
  /// 1e21, with an exponent beyond.
  @inline(__always)
  private mutating func storeNumber(_ digits: UInt64, exponent: Int) {
    let length = Self.decimalLength(digits)
    let point = length &+ exponent
    if exponent < 0 && point > 0 {
      // 12.34: the digits, then those behind the point move by one.
      let start = self.count
      self.storeDigits(digits, length: length)
      let target = unsafe self.base + (start &+ point)
      let fraction = length &- point
      var index = fraction
      while index > 0 {
        unsafe target[index] = target[index &- 1]
        index &-= 1
      }
      unsafe target[0] = UInt8(ascii: ".")
      self.count &+= 1
    } else if exponent < 0 && point > -6 {
      // 0.00123
      self.storeByte(UInt8(ascii: "0"))
      self.storeByte(UInt8(ascii: "."))
      var zeros = -point
      while zeros > 0 {
        self.storeByte(UInt8(ascii: "0"))
        zeros &-= 1
      }
      self.storeDigits(digits, length: length)
    } else if exponent >= 0 && point <= 21 {
      // 1200
      self.storeDigits(digits, length: length)
      var zeros = exponent
      while zeros > 0 {
        self.storeByte(UInt8(ascii: "0"))
        zeros &-= 1
      }
    } else {
      self.storeScientific(digits, length: length, exponent: point &- 1)
    }
  }

  @inline(never)
  private mutating func storeScientific(_ digits: UInt64, length: Int, exponent: Int) {
    // Zeros at the end carry nothing: 1e21, not 1.000e21.
    var digits = digits
    var length = length
    while length > 1 && digits % 10 == 0 {
      digits /= 10
      length -= 1
    }
    let start = self.count
    self.storeDigits(digits, length: length)
    if length > 1 {
      var index = self.count
      while index > start + 1 {
        unsafe self.base[index] = self.base[index - 1]
        index -= 1
      }
      unsafe self.base[start + 1] = UInt8(ascii: ".")
      self.count += 1
    }
    self.storeByte(UInt8(ascii: "e"))
    self.storeByte(exponent < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
    self.storeDecimal(exponent.magnitude)
  }

  private mutating func storeDecimal(_ value: UInt) {
    self.storeDecimal(UInt64(value))
  }
}
