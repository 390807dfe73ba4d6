internal import Glibc

/// A wall clock time in UTC.
package struct WallTime: Sendable, Equatable {
  /// Since 1970-01-01T00:00:00Z, without leap seconds.
  package var seconds: Int
  /// 0 to 999.
  package var milliseconds: Int

  package init(seconds: Int, milliseconds: Int) {
    self.seconds = seconds
    self.milliseconds = milliseconds
  }

  /// The current time.
  package static func now() -> WallTime {
    var time = timespec()
    let result = unsafe clock_gettime(CLOCK_REALTIME, &time)
    precondition(result == 0, "CLOCK_REALTIME is always available")
    return WallTime(seconds: time.tv_sec, milliseconds: time.tv_nsec / 1_000_000)
  }

  /// The current second since 1970.
  package static var second: Int64 { Int64(Self.now().seconds) }

  /// Year, month (1-12) and day (1-31) of the Gregorian calendar.
  ///
  /// Counts years from March, so that the leap day is the last day of a year, in eras of 400 years
  /// (146,097 days); 1970-01-01 is day 719,468 since 0000-03-01.
  package var date: (year: Int, month: Int, day: Int) {
    let days = Self.floorDivided(self.seconds, by: 86_400) + 719_468
    let era = Self.floorDivided(days, by: 146_097)
    let dayOfEra = days - era * 146_097
    let leapCorrected = dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096
    let yearOfEra = leapCorrected / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    // Months from March have 31, 30, 31, 30, 31, 31, … days: 153 in five.
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }

  /// Seconds since midnight.
  package var secondsOfDay: Int {
    self.seconds - Self.floorDivided(self.seconds, by: 86_400) * 86_400
  }

  private static func floorDivided(_ value: Int, by divisor: Int) -> Int {
    value >= 0 ? value / divisor : (value - divisor + 1) / divisor
  }
}
