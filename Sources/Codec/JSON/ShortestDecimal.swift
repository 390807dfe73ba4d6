internal import CTables

/// The shortest decimal that reads back as the same float or double, and of those the nearest:
/// `digits * 10^exponent`.
///
/// By the method of Raffaele Giulietti ("The Schubfach way to render doubles", 2020): the interval
/// that rounds to the value is scaled by a power of ten, with one rounding to odd for each bound,
/// so that two candidates remain to be checked.
struct ShortestDecimal {
  var digits: UInt64
  var exponent: Int

  /// `value` must be finite, positive and not zero.
  @inline(__always)
  init(_ value: Float) {
    let bits = value.bitPattern
    let fraction = bits & 0x7F_FFFF
    let biased = Int(bits >> 23)
    // Small whole numbers are their own digits.
    let significand = biased == 0 ? fraction : fraction | 0x80_0000
    let binary = biased == 0 ? -149 : biased - 150
    if binary <= 0 && binary > -24 && significand & ((1 << UInt32(-binary)) &- 1) == 0 {
      self.init(whole: UInt64(significand >> UInt32(-binary)))
      return
    }
    let isLowerCloser = fraction == 0 && biased > 1
    let decimal = Self.floorLog10(binary, threeQuarters: isLowerCloser)
    let shift = UInt32(truncatingIfNeeded: binary + Self.floorLog2OfPower(-decimal) + 1)
    let power = Self.powerRoundedUp(-decimal)
    let center = significand << 2
    let lowerBound = Self.roundToOdd(power, (center - (isLowerCloser ? 1 : 2)) << shift)
    let middle = Self.roundToOdd(power, center << shift)
    let upperBound = Self.roundToOdd(power, (center + 2) << shift)
    let isOdd = significand & 1
    self.init(
      lower: UInt64(lowerBound + isOdd), middle: UInt64(middle),
      upper: UInt64(upperBound - isOdd), exponent: decimal)
  }

  /// `value` must be finite, positive and not zero.
  @inline(__always)
  init(_ value: Double) {
    let bits = value.bitPattern
    let fraction = bits & 0xF_FFFF_FFFF_FFFF
    let biased = Int(bits >> 52)
    let significand = biased == 0 ? fraction : fraction | 1 << 52
    let binary = biased == 0 ? -1074 : biased - 1075
    if binary <= 0 && binary > -53 && significand & ((1 << UInt64(-binary)) &- 1) == 0 {
      self.init(whole: significand >> UInt64(-binary))
      return
    }
    let isLowerCloser = fraction == 0 && biased > 1
    let decimal = Self.floorLog10(binary, threeQuarters: isLowerCloser)
    let shift = UInt64(truncatingIfNeeded: binary + Self.floorLog2OfPower(-decimal) + 1)
    let (high, low) = Self.powerRoundedUp128(-decimal)
    let center = significand << 2
    let lowerBound = Self.roundToOdd(high, low, (center - (isLowerCloser ? 1 : 2)) << shift)
    let middle = Self.roundToOdd(high, low, center << shift)
    let upperBound = Self.roundToOdd(high, low, (center + 2) << shift)
    let isOdd = significand & 1
    self.init(
      lower: lowerBound + isOdd, middle: middle, upper: upperBound - isOdd, exponent: decimal)
  }

  @inline(__always)
  private init(whole: UInt64) {
    self.digits = whole
    self.exponent = 0
  }

  /// Chooses between the candidates; the bounds are four times the value, rounded to odd.
  @inline(__always)
  private init(lower: UInt64, middle: UInt64, upper: UInt64, exponent: Int) {
    let below = middle >> 2
    if below >= 10 {
      let shorter = below / 10
      let isLowInside = lower <= 40 * shorter
      let isHighInside = 40 * shorter + 40 <= upper
      if isLowInside != isHighInside {
        self.digits = shorter + (isHighInside ? 1 : 0)
        self.exponent = exponent + 1
        self.dropTrailingZeros()
        return
      }
    }
    let isLowInside = lower <= 4 * below
    let isHighInside = 4 * below + 4 <= upper
    self.exponent = exponent
    if isLowInside != isHighInside {
      self.digits = below + (isHighInside ? 1 : 0)
      return
    }
    let halfway = 4 * below + 2
    let roundsUp = middle > halfway || (middle == halfway && below & 1 == 1)
    self.digits = below + (roundsUp ? 1 : 0)
  }

  /// Removes the trailing zeros that the result has for a value with few digits.
  @inline(__always)
  private mutating func dropTrailingZeros() {
    while true {
      let (quotient, remainder) = self.digits.quotientAndRemainder(dividingBy: 10)
      if remainder != 0 { return }
      self.digits = quotient
      self.exponent &+= 1
    }
  }

  /// floor(log10(2^e)), or floor(log10(3/4 * 2^e)).
  @inline(__always)
  private static func floorLog10(_ exponent: Int, threeQuarters: Bool) -> Int {
    (exponent &* 1_262_611 &- (threeQuarters ? 524_031 : 0)) >> 22
  }

  /// floor(log2(10^k)).
  @inline(__always)
  private static func floorLog2OfPower(_ power: Int) -> Int {
    (power &* 1_741_647) >> 19
  }

  /// The 64 highest bits of 10^k, rounded up.
  @inline(__always)
  private static func powerRoundedUp(_ power: Int) -> UInt64 {
    let entry = (power - Int(CTables_lowest_power)) * 2
    let table = unsafe CTables_powers()
    let isExact = power >= 0 && power <= 27
    return unsafe table[entry] &+ (isExact ? 0 : 1)
  }

  /// The 128 highest bits of 10^k, rounded up.
  @inline(__always)
  private static func powerRoundedUp128(_ power: Int) -> (high: UInt64, low: UInt64) {
    let entry = (power - Int(CTables_lowest_power)) * 2
    let table = unsafe CTables_powers()
    let isExactOrUp = power >= -27 && power <= 55
    let (low, carries) = unsafe table[entry + 1].addingReportingOverflow(isExactOrUp ? 0 : 1)
    return unsafe (table[entry] &+ (carries ? 1 : 0), low)
  }

  @inline(__always)
  private static func roundToOdd(_ power: UInt64, _ value: UInt32) -> UInt32 {
    let product = power.multipliedFullWidth(by: UInt64(value))
    let rest = UInt32(truncatingIfNeeded: product.low >> 32)
    return UInt32(truncatingIfNeeded: product.high) | (rest > 1 ? 1 : 0)
  }

  @inline(__always)
  private static func roundToOdd(_ high: UInt64, _ low: UInt64, _ value: UInt64) -> UInt64 {
    let lower = low.multipliedFullWidth(by: value)
    let upper = high.multipliedFullWidth(by: value)
    let (sum, carries) = upper.low.addingReportingOverflow(lower.high)
    return (upper.high &+ (carries ? 1 : 0)) | (sum > 1 ? 1 : 0)
  }
}
