internal import CTables

/// The value of a decimal literal: `digits * 10^exponent`.
struct DecimalNumber {
  /// The significant digits, as many as fit; `isTruncated` accounts for the rest.
  var digits: UInt64
  var exponent: Int
  var isNegative: Bool
  /// Whether there were more digits than `digits` can contain and one of the rest isn't zero.
  var isTruncated: Bool

  /// The nearest double; infinity if it's out of range.
  ///
  /// - Parameter text: the number's text, for the rare cases that need `strtod`.
  @inline(__always)
  func double(text: (start: UnsafePointer<UInt8>, count: Int)) -> Double {
    // Clinger's fast path: both operands are exact, so a single operation rounds once.
    if !self.isTruncated && self.digits <= 1 << 53 && self.exponent >= -22 && self.exponent <= 22 {
      let magnitude = Double(self.digits)
      let power = unsafe CTables_doubles()[abs(self.exponent)]
      let value = self.exponent < 0 ? magnitude / power : magnitude * power
      return self.isNegative ? -value : value
    }
    return unsafe self.slowDouble(text: text)
  }

  /// The nearest float; infinity if it's out of range.
  @inline(__always)
  func float(text: (start: UnsafePointer<UInt8>, count: Int)) -> Float {
    if !self.isTruncated && self.digits <= 1 << 53 && self.exponent >= -22 && self.exponent <= 22 {
      let magnitude = Double(self.digits)
      let power = unsafe CTables_doubles()[abs(self.exponent)]
      let value = self.exponent < 0 ? magnitude / power : magnitude * power
      // The double is correctly rounded, so rounding it again fails only if it lies exactly between
      // two floats, or in the subnormal range, where floats lie further apart.
      let isMidpoint = value.bitPattern & 0x1FFF_FFFF == 0x1000_0000
      if !isMidpoint && (value >= 0x1p-126 || value == 0) && value < 0x1p127 {
        let rounded = Float(value)
        return self.isNegative ? -rounded : rounded
      }
    }
    return unsafe self.slowFloat(text: text)
  }

  @inline(never)
  private func slowDouble(text: (start: UnsafePointer<UInt8>, count: Int)) -> Double {
    if let bits = self.rounded(to: .double) {
      return Double(bitPattern: self.isNegative ? bits | 1 << 63 : bits)
    }
    return unsafe strtod(Self.terminated(text), nil)
  }

  @inline(never)
  private func slowFloat(text: (start: UnsafePointer<UInt8>, count: Int)) -> Float {
    if let bits = self.rounded(to: .float) {
      let low = UInt32(truncatingIfNeeded: bits)
      return Float(bitPattern: self.isNegative ? low | 1 << 31 : low)
    }
    return unsafe strtof(Self.terminated(text), nil)
  }

  /// A terminated copy for `strtod`. Nothing sets a locale here, so the decimal separator is a point.
  private static func terminated(
    _ text: (start: UnsafePointer<UInt8>, count: Int)
  ) -> [CChar] {
    var copy: [CChar] = []
    unsafe copy.reserveCapacity(text.count + 1)
    for index in unsafe 0..<text.count { unsafe copy.append(CChar(bitPattern: text.start[index])) }
    copy.append(0)
    return copy
  }
}

/// The parameters of IEEE 754's binary formats that rounding needs.
private struct BinaryFormat {
  var mantissaBits: Int
  var minimumExponent: Int
  var infinitePower: Int
  /// Between these powers of ten a product can lie exactly halfway between two values.
  var halfwayPowers: ClosedRange<Int>

  static let double = BinaryFormat(
    mantissaBits: 52, minimumExponent: -1023, infinitePower: 0x7FF, halfwayPowers: -4...23)
  static let float = BinaryFormat(
    mantissaBits: 23, minimumExponent: -127, infinitePower: 0xFF, halfwayPowers: -17...10)
}

extension DecimalNumber {
  /// The bits (without sign) of the nearest value by the method of Eisel and Lemire ("Number parsing
  /// at a gigabyte per second", 2021): one or two 64-bit products with a table of powers of ten.
  /// Nil where that isn't enough to decide.
  private func rounded(to format: BinaryFormat) -> UInt64? {
    guard let bits = Self.round(self.digits, self.exponent, format) else { return nil }
    // With digits cut off, the value lies between these and the next: both must round to the same bits.
    if self.isTruncated {
      guard self.digits < UInt64.max,
        let above = Self.round(self.digits + 1, self.exponent, format), above == bits
      else { return nil }
    }
    return bits
  }

  private static func round(_ digits: UInt64, _ power: Int, _ format: BinaryFormat) -> UInt64? {
    if digits == 0 || power < Int(CTables_lowest_power) { return 0 }
    let infinity = UInt64(format.infinitePower) << UInt64(format.mantissaBits)
    if power > 308 { return infinity }
    let leadingZeros = digits.leadingZeroBitCount
    let word = digits << UInt64(leadingZeros)
    let entry = (power - Int(CTables_lowest_power)) * 2
    let table = unsafe CTables_powers()
    var (high, low) = unsafe word.multipliedFullWidth(by: table[entry])
    let mask = UInt64.max >> UInt64(format.mantissaBits + 3)
    if high & mask == mask {
      let second = unsafe word.multipliedFullWidth(by: table[entry + 1])
      let (sum, carries) = low.addingReportingOverflow(second.high)
      low = sum
      if carries { high += 1 }
    }
    if low == UInt64.max && (power < -27 || power > 55) { return nil }
    let upperBit = Int(high >> 63)
    let shift = upperBit + 64 - format.mantissaBits - 3
    var mantissa = high >> UInt64(shift)
    var exponent =
      ((217_706 * power) >> 16) + 63 + upperBit - leadingZeros - format.minimumExponent
    if exponent <= 0 {
      if 1 - exponent >= 64 { return 0 }
      mantissa >>= UInt64(1 - exponent)
      mantissa += mantissa & 1
      mantissa >>= 1
      // Rounding up may have made it normal; then the hidden bit becomes the exponent's lowest one.
      return mantissa
    }
    if low <= 1 && format.halfwayPowers.contains(power) && mantissa & 3 == 1
      && mantissa << UInt64(shift) == high
    {
      mantissa &= ~1
    }
    mantissa += mantissa & 1
    mantissa >>= 1
    if mantissa >= 2 << UInt64(format.mantissaBits) {
      mantissa = 1 << UInt64(format.mantissaBits)
      exponent += 1
    }
    if exponent >= format.infinitePower { return infinity }
    let fraction = mantissa & ~(1 << UInt64(format.mantissaBits))
    return UInt64(exponent) << UInt64(format.mantissaBits) | fraction
  }

  /// The integer that the number equals, if it is one and its magnitude fits 64 bits: `1e3`, `1.0`,
  /// `12`.
  var magnitude: UInt64? {
    if self.isTruncated { return nil }
    if self.digits == 0 { return 0 }
    var digits = self.digits
    var exponent = self.exponent
    while exponent < 0 {
      let (quotient, remainder) = digits.quotientAndRemainder(dividingBy: 10)
      guard remainder == 0 else { return nil }
      digits = quotient
      exponent += 1
    }
    while exponent > 0 {
      let (product, overflows) = digits.multipliedReportingOverflow(by: 10)
      if overflows { return nil }
      digits = product
      exponent -= 1
    }
    return digits
  }
}
