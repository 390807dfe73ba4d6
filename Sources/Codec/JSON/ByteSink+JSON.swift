internal import CTables
internal import CVector

/// Writers of JSON. Those named `store…` ask for no room: the caller has reserved it, 32 bytes for
/// any of them.
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

  /// Appends a string in quotes: `"`, `\` and control characters escaped, and U+2028 and U+2029,
  /// which JavaScript takes for line ends; nothing else.
  ///
  /// - Returns: the offset of the first byte that isn't UTF-8, or nil.
  @inline(__always)
  mutating func appendQuoted(_ start: UnsafePointer<UInt8>, count: Int) -> Int? {
    self.reserve(count &+ 16)
    self.storeByte(UInt8(ascii: "\""))
    var offset = unsafe CVector_copy_plain(self.base + self.count, start, count)
    self.count &+= offset
    // Plain ASCII, eight bytes at a time.
    while offset &+ 8 <= count {
      let word = unsafe load64(start + offset)
      if !Self.isPlain(word) { break }
      self.storeWord(word, length: 8)
      offset &+= 8
    }
    let rest = count &- offset
    if rest > 0 && rest < 8 && count >= 8 {
      // The last eight bytes, some of which are there already.
      let word = unsafe load64(start + (count &- 8))
      if Self.isPlain(word) {
        self.count &-= 8 &- rest
        self.storeWord(word, length: 8)
        offset = count
      }
    } else if offset == 0 && count >= 4 && count < 8 {
      let low = unsafe load32(start)
      let high = unsafe load32(start + (count &- 4))
      if Self.isPlain(UInt64(low) | UInt64(high) << 32) {
        self.storeFixed32(low)
        self.count &-= 8 &- count
        self.storeFixed32(high)
        offset = count
      }
    }
    while offset < count {
      let byte = unsafe start[offset]
      if byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
        if let fault = unsafe self.appendDifficult(start, from: offset, count: count) {
          return fault
        }
        return nil
      }
      self.storeByte(byte)
      offset &+= 1
    }
    self.storeByte(UInt8(ascii: "\""))
    return nil
  }

  /// Whether eight bytes are ASCII and none of them has to be escaped: a zero byte in `x` shows in the
  /// top bit of (x - ones) & ~x.
  @inline(__always)
  private static func isPlain(_ word: UInt64) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    let quotes = word ^ (ones &* 0x22)
    let slashes = word ^ (ones &* 0x5C)
    let found =
      ((quotes &- ones) & ~quotes | (slashes &- ones) & ~slashes | (word &- ones &* 0x20) & ~word
        | word) & tops
    return found == 0
  }

  /// Appends the rest of a string that isn't plain ASCII, and the closing quote.
  @inline(never)
  private mutating func appendDifficult(
    _ start: UnsafePointer<UInt8>, from first: Int, count: Int
  ) -> Int? {
    if let fault = unsafe UTF8Validator.firstFault(in: start + first, count: count - first) {
      return first + fault
    }
    var offset = first
    while offset < count {
      offset = unsafe self.appendPlain(start, from: offset, count: count)
      guard offset < count else { break }
      self.reserve(16)
      let byte = unsafe start[offset]
      switch byte {
      case UInt8(ascii: "\""): self.append("\\\"")
      case UInt8(ascii: "\\"): self.append("\\\\")
      case 0x08: self.append("\\b")
      case 0x09: self.append("\\t")
      case 0x0A: self.append("\\n")
      case 0x0C: self.append("\\f")
      case 0x0D: self.append("\\r")
      case 0xE2:
        self.append(unsafe start[offset + 2] == 0xA8 ? "\\u2028" : "\\u2029")
        offset += 2
      default:
        self.append("\\u00")
        self.storeByte(Self.hexDigit(byte >> 4))
        self.storeByte(Self.hexDigit(byte & 15))
      }
      offset += 1
    }
    self.append(UInt8(ascii: "\""))
    return nil
  }

  /// Appends bytes up to the first that has to be escaped, or that begins U+2028 or U+2029.
  ///
  /// - Returns: where it stopped.
  @inline(__always)
  private mutating func appendPlain(
    _ start: UnsafePointer<UInt8>, from first: Int, count: Int
  ) -> Int {
    self.reserve(count &- first &+ 16)
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    var offset = first
    while true {
      while offset &+ 8 <= count {
        let word = unsafe load64(start + offset)
        let quotes = word ^ (ones &* 0x22)
        let slashes = word ^ (ones &* 0x5C)
        let separators = word ^ (ones &* 0xE2)
        let found =
          ((quotes &- ones) & ~quotes | (slashes &- ones) & ~slashes
            | (separators &- ones) & ~separators | (word &- ones &* 0x20) & ~word) & tops
        // All eight are stored; those from the first one found on are stored over again.
        self.storeWord(word, length: 8)
        if found != 0 {
          let index = found.trailingZeroBitCount >> 3
          self.count &-= 8 &- index
          offset &+= index
          break
        }
        offset &+= 8
      }
      guard offset < count else { return offset }
      let byte = unsafe start[offset]
      if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return offset }
      if byte == 0xE2,
        unsafe offset &+ 2 < count && start[offset &+ 1] == 0x80
          && start[offset &+ 2] & 0xFE == 0xA8
      {
        return offset
      }
      self.storeByte(byte)
      offset &+= 1
    }
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}
