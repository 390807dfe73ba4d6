/// The text forms of google.protobuf.Timestamp and Duration (timestamp.proto, duration.proto, the
/// ProtoJSON page): reading and writing.
enum TimeText {
  /// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z in seconds since 1970.
  static let timestampSeconds: ClosedRange<Int64> = -62_135_596_800...253_402_300_799
  /// 10,000 years in seconds.
  static let durationSeconds: ClosedRange<Int64> = -315_576_000_000...315_576_000_000

  // MARK: Reading

  /// Reads RFC 3339 with capital T and Z, or an offset; nil if it isn't valid or is out of range.
  static func timestamp(
    _ start: UnsafePointer<UInt8>, count: Int
  ) -> (seconds: Int64, nanos: Int32)? {
    var text = unsafe TextScanner(start: start, count: count)
    guard
      let year = text.digits(4), text.take("-"),
      let month = text.digits(2), text.take("-"),
      let day = text.digits(2), text.take("T"),
      let hour = text.digits(2), text.take(":"),
      let minute = text.digits(2), text.take(":"),
      let second = text.digits(2),
      year >= 1, month >= 1, month <= 12, day >= 1, day <= Self.days(in: month, of: year),
      hour <= 23, minute <= 59, second <= 59
    else { return nil }
    var nanos: Int32 = 0
    if text.take(".") {
      guard let fraction = text.fraction() else { return nil }
      nanos = fraction
    }
    var offset: Int64 = 0
    if !text.take("Z") {
      let isWest = text.take("-")
      guard isWest || text.take("+"), let hours = text.digits(2), text.take(":"),
        let minutes = text.digits(2), hours <= 23, minutes <= 59
      else { return nil }
      offset = (hours * 60 + minutes) * 60 * (isWest ? -1 : 1)
    }
    let day1970 = Self.daysSince1970(year: year, month: month, day: day)
    let seconds = day1970 * 86400 + hour * 3600 + minute * 60 + second - offset
    guard text.isAtEnd, Self.timestampSeconds.contains(seconds) else { return nil }
    return (seconds, nanos)
  }

  /// Reads `-1.5s`; nil if it isn't valid or is out of range.
  static func duration(
    _ start: UnsafePointer<UInt8>, count: Int
  ) -> (seconds: Int64, nanos: Int32)? {
    var text = unsafe TextScanner(start: start, count: count)
    let isNegative = text.take("-")
    guard let seconds = text.wholeNumber(limit: Self.durationSeconds.upperBound) else { return nil }
    var nanos: Int32 = 0
    if text.take(".") {
      guard let fraction = text.fraction() else { return nil }
      nanos = fraction
    }
    guard text.take("s"), text.isAtEnd else { return nil }
    return isNegative ? (-seconds, -nanos) : (seconds, nanos)
  }

  // MARK: Writing

  /// Writes a quoted timestamp with 0, 3, 6 or 9 fractional digits; false if it's out of range.
  static func write(timestamp seconds: Int64, nanos: Int32, into sink: inout ByteSink) -> Bool {
    guard Self.timestampSeconds.contains(seconds), nanos >= 0, nanos <= 999_999_999 else {
      return false
    }
    var (day, rest) = seconds.quotientAndRemainder(dividingBy: 86400)
    if rest < 0 {
      day -= 1
      rest += 86400
    }
    let (year, month, dayOfMonth) = Self.date(daysSince1970: day)
    sink.reserve(48)
    sink.storeByte(UInt8(ascii: "\""))
    sink.storeTwoDigits(year / 100)
    sink.storeTwoDigits(year % 100)
    sink.storeByte(UInt8(ascii: "-"))
    sink.storeTwoDigits(month)
    sink.storeByte(UInt8(ascii: "-"))
    sink.storeTwoDigits(dayOfMonth)
    sink.storeByte(UInt8(ascii: "T"))
    sink.storeTwoDigits(rest / 3600)
    sink.storeByte(UInt8(ascii: ":"))
    sink.storeTwoDigits(rest / 60 % 60)
    sink.storeByte(UInt8(ascii: ":"))
    sink.storeTwoDigits(rest % 60)
    Self.storeFraction(nanos, into: &sink)
    sink.storeByte(UInt8(ascii: "Z"))
    sink.storeByte(UInt8(ascii: "\""))
    return true
  }

  /// Writes a quoted duration; false if it's out of range or its signs differ.
  static func write(duration seconds: Int64, nanos: Int32, into sink: inout ByteSink) -> Bool {
    guard Self.durationSeconds.contains(seconds), abs(Int64(nanos)) <= 999_999_999,
      seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0)
    else { return false }
    sink.reserve(48)
    sink.storeByte(UInt8(ascii: "\""))
    if seconds < 0 || nanos < 0 { sink.storeByte(UInt8(ascii: "-")) }
    sink.storeDecimal(seconds.magnitude)
    Self.storeFraction(Int32(nanos.magnitude), into: &sink)
    sink.storeByte(UInt8(ascii: "s"))
    sink.storeByte(UInt8(ascii: "\""))
    return true
  }

  private static func storeFraction(_ nanos: Int32, into sink: inout ByteSink) {
    if nanos == 0 { return }
    sink.storeByte(UInt8(ascii: "."))
    let groups = (nanos / 1_000_000, nanos / 1000 % 1000, nanos % 1000)
    Self.storeThreeDigits(groups.0, into: &sink)
    if groups.1 == 0 && groups.2 == 0 { return }
    Self.storeThreeDigits(groups.1, into: &sink)
    if groups.2 == 0 { return }
    Self.storeThreeDigits(groups.2, into: &sink)
  }

  private static func storeThreeDigits(_ value: Int32, into sink: inout ByteSink) {
    sink.storeByte(UInt8(ascii: "0") + UInt8(value / 100))
    sink.storeTwoDigits(Int64(value % 100))
  }

  // MARK: The calendar

  private static func days(in month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 4, 6, 9, 11: 30
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    default: 31
    }
  }

  /// Days from 1970-01-01 to a date of the proleptic Gregorian calendar. Years are counted from
  /// March, so that the leap day is the last day of a year.
  private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted / 400
    let yearOfEra = shifted % 400
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  /// The date that is this many days after 1970-01-01, from the year 1 on.
  private static func date(
    daysSince1970 days: Int64
  ) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }
}

/// Reads a short text of a fixed format, forwards.
@safe
private struct TextScanner {
  private let start: UnsafePointer<UInt8>
  private let count: Int
  private var offset = 0

  init(start: UnsafePointer<UInt8>, count: Int) {
    unsafe self.start = start
    self.count = count
  }

  var isAtEnd: Bool { self.offset == self.count }

  private var next: UInt8 {
    self.offset < self.count ? unsafe self.start[self.offset] : 0
  }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard self.next == UInt8(ascii: character) else { return false }
    self.offset += 1
    return true
  }

  /// Reads exactly `length` digits.
  mutating func digits(_ length: Int) -> Int64? {
    var value: Int64 = 0
    for _ in 0..<length {
      let digit = self.next &- UInt8(ascii: "0")
      guard digit <= 9 else { return nil }
      value = value * 10 + Int64(digit)
      self.offset += 1
    }
    return value
  }

  /// Reads one or more digits, with a value of at most `limit`.
  mutating func wholeNumber(limit: Int64) -> Int64? {
    var value: Int64 = 0
    let first = self.offset
    while true {
      let digit = self.next &- UInt8(ascii: "0")
      guard digit <= 9 else { break }
      value = value * 10 + Int64(digit)
      guard value <= limit else { return nil }
      self.offset += 1
    }
    return self.offset > first ? value : nil
  }

  /// Reads one to nine fractional digits, in billionths.
  mutating func fraction() -> Int32? {
    var value: Int32 = 0
    var length = 0
    while length < 9 {
      let digit = self.next &- UInt8(ascii: "0")
      guard digit <= 9 else { break }
      value = value * 10 + Int32(digit)
      length += 1
      self.offset += 1
    }
    guard length > 0, self.next &- UInt8(ascii: "0") > 9 else { return nil }
    for _ in length..<9 { value *= 10 }
    return value
  }
}
