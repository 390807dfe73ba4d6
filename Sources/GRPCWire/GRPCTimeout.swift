package import NIOCore

/// The value of `grpc-timeout`: at most eight digits and a unit (gRPC's PROTOCOL-HTTP2.md).
package enum GRPCTimeout {
  /// Parses a value; nil if it's not valid. More than a century counts as a century, so that a
  /// deadline computed from it can't overflow.
  ///
  ///     parse("100m")  // 100 ms
  package static func parse(_ text: some StringProtocol) -> TimeAmount? {
    self.parse(bytes: text.utf8)
  }

  /// Parses a value from its bytes.
  package static func parse(bytes: some Collection<UInt8>) -> TimeAmount? {
    var amount: Int64 = 0
    var digits = 0
    var unit: Int64?
    for byte in bytes {
      guard unit == nil else { return nil }
      if let digit = Int64(exactly: Int(byte) - Int(UInt8(ascii: "0"))), (0...9).contains(digit) {
        digits += 1
        guard digits <= self.digitLimit else { return nil }
        amount = amount * 10 + digit
      } else {
        guard digits > 0, let known = self.nanoseconds(unit: byte) else { return nil }
        unit = known
      }
    }
    guard let unit else { return nil }
    let (nanoseconds, overflow) = amount.multipliedReportingOverflow(by: unit)
    return .nanoseconds(overflow ? self.century : min(nanoseconds, self.century))
  }

  /// Appends the value for an amount of time, rounded up to its unit; at least one nanosecond.
  ///
  /// From one second on the unit is a millisecond or more, so that a configured timeout gives the
  /// same text for each call although some microseconds have passed, and HPACK can index it.
  package static func write(_ timeout: TimeAmount, into output: inout [UInt8]) {
    let nanoseconds = max(1, timeout.nanoseconds)
    for (symbol, unit, most) in self.units where nanoseconds <= most {
      let (quotient, rest) = nanoseconds.quotientAndRemainder(dividingBy: unit)
      output.append(contentsOf: String(quotient + (rest > 0 ? 1 : 0)).utf8)
      output.append(symbol)
      return
    }
  }

  /// Nanoseconds in a unit.
  private static func nanoseconds(unit: UInt8) -> Int64? {
    switch unit {
    case UInt8(ascii: "n"): 1
    case UInt8(ascii: "u"): 1_000
    case UInt8(ascii: "m"): 1_000_000
    case UInt8(ascii: "S"): 1_000_000_000
    case UInt8(ascii: "M"): 60_000_000_000
    case UInt8(ascii: "H"): 3_600_000_000_000
    default: nil
    }
  }

  private static let digitLimit = 8
  private static let century = Int64(100 * 366 * 86_400) * 1_000_000_000
  /// Units from fine to coarse, and the most nanoseconds for which each is used: what eight digits
  /// can represent, but less for the finest two.
  private static let units: [(symbol: UInt8, nanoseconds: Int64, most: Int64)] = [
    (UInt8(ascii: "n"), 1, 999_999),
    (UInt8(ascii: "u"), 1_000, 999_999_999),
    (UInt8(ascii: "m"), 1_000_000, 99_999_999 * 1_000_000),
    (UInt8(ascii: "S"), 1_000_000_000, 99_999_999 * 1_000_000_000),
    (UInt8(ascii: "M"), 60_000_000_000, 99_999_999 * 60_000_000_000),
    (UInt8(ascii: "H"), 3_600_000_000_000, .max),
  ]
}
