/// The decimal digits of a number below 10^17 as ASCII, from the left: eight in each of two words,
/// the first digit in the lowest byte, and the seventeenth in a third. Bytes after the last digit
/// are zero.
///
/// Eight digits are converted at once, in parallel within one word: halves, then pairs, then digits.
struct DigitText {
  private(set) var first: UInt64
  private(set) var second: UInt64 = 0
  private(set) var seventeenth: UInt64 = 0
  private(set) var count: Int

  /// `number` must be below 10^17.
  @inline(__always)
  init(_ number: UInt64) {
    assert(number < 100_000_000_000_000_000)
    if number < 100_000_000 {
      let digits = Self.eight(number)
      let zeros = Self.leadingZeros(digits)
      self.first = (digits | Self.zeros) >> UInt64(truncatingIfNeeded: zeros &* 8)
      self.count = 8 &- zeros
      return
    }
    let (rest, low) = number.quotientAndRemainder(dividingBy: 100_000_000)
    let lowText = Self.eight(low) | Self.zeros
    if rest < 100_000_000 {
      let digits = Self.eight(rest)
      let zeros = Self.leadingZeros(digits)
      // At most seven leading zeros are possible here, so no shift is by a whole word or more,
      // except the left shift by 64 when there are none, which gives 0.
      let shift = UInt64(truncatingIfNeeded: zeros &* 8)
      self.first = (digits | Self.zeros) >> shift | lowText << (64 &- shift)
      self.second = lowText >> shift
      self.count = 16 &- zeros
      return
    }
    let (top, middle) = rest.quotientAndRemainder(dividingBy: 100_000_000)
    let middleText = Self.eight(middle) | Self.zeros
    self.first = top | 0x30 | middleText << 8
    self.second = middleText >> 56 | lowText << 8
    self.seventeenth = lowText >> 56
    self.count = 17
  }

  /// Eight times the character 0.
  static var zeros: UInt64 { 0x3030_3030_3030_3030 }

  /// The digits (not yet characters) of a number below 10^8, with leading zeros, one per byte.
  @inline(__always)
  static func eight(_ number: UInt64) -> UInt64 {
    let number = UInt32(truncatingIfNeeded: number)
    let (high, low) = number.quotientAndRemainder(dividingBy: 10_000)
    let halves = UInt64(high) | UInt64(low) << 32
    // x / 100 as x * 10486 / 2^20, exact for x below 10^4; x / 10 as x * 103 / 2^10, below 100.
    let hundreds = (halves &* 10486) >> 20 & 0x0000_007F_0000_007F
    let pairs = hundreds | (halves &- hundreds &* 100) << 16
    let tens = (pairs &* 103) >> 10 & 0x000F_000F_000F_000F
    return tens | (pairs &- tens &* 10) << 8
  }

  /// The number of leading zeros among eight digits, at most seven: the number 0 has one digit.
  @inline(__always)
  private static func leadingZeros(_ digits: UInt64) -> Int {
    (digits | 1 << 56).trailingZeroBitCount >> 3
  }
}
