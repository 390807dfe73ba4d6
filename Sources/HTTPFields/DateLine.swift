#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The `date` field of responses (RFC 9110 §6.6.1), formatted once a second.
package struct DateLine {
  /// `date: Sun, 06 Nov 1994 08:49:37 GMT` with its CRLF.
  package private(set) var bytes: [UInt8] = []
  /// The field's value only.
  package var value: ArraySlice<UInt8> { self.bytes.dropFirst(6).dropLast(2) }
  private var second: Int64 = -1

  /// Empty until the first `update`.
  package init() {}

  /// The current second of the wall clock, since 1970.
  package static func now() -> Int64 {
    Int64(time(nil))
  }

  /// Formats the given second if it's a new one.
  package mutating func update(to second: Int64) {
    guard second != self.second else { return }
    self.second = second
    self.bytes = Array("date: \(Self.text(of: second))\r\n".utf8)
  }

  /// A second as `IMF-fixdate` (RFC 9110 §5.6.7). Years 1970 to 9999.
  package static func text(of second: Int64) -> String {
    let days = second / 86_400
    let rest = second % 86_400
    // Days are counted from 1 March of year 0, so that leap days are the last of their year; 400 years
    // have 146,097 days.
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    let weekday = Self.weekdays[Int((days + 4) % 7)]
    let clock = [rest / 3600, rest / 60 % 60, rest % 60].map(Self.twoDigits)
    return "\(weekday), \(Self.twoDigits(day)) \(Self.months[Int(month - 1)]) \(year) "
      + "\(clock.joined(separator: ":")) GMT"
  }

  private static func twoDigits(_ value: Int64) -> String {
    value < 10 ? "0\(value)" : "\(value)"
  }

  private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]
}
