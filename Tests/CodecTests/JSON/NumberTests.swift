import RepeatableRandom
import Testing

@testable import Codec

@Suite("Numbers")
struct NumberTests {
  private func text(_ store: (inout ByteSink) -> Void) -> String {
    var sink = ByteSink(capacity: 128)
    sink.reserve(64)
    store(&sink)
    return String(decoding: sink.array, as: UTF8.self)
  }

  private func read<Value>(
    _ text: String,
    _ body: (DecimalNumber, (start: UnsafePointer<UInt8>, count: Int)) -> Value
  ) throws -> Value {
    try Array(text.utf8).withUnsafeBufferPointer { buffer in
      let start = try #require(buffer.baseAddress)
      var reader = JSONReader(start: start, count: buffer.count)
      let number = try reader.number()
      #expect(reader.isAtEnd)
      return body(number, (start, buffer.count))
    }
  }

  @Test func `every float is printed as the shortest text that reads back the same`() throws {
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<200_000 {
      let value = Float(bitPattern: UInt32(truncatingIfNeeded: generator.next()))
      guard value.isFinite else { continue }
      let printed = self.text { $0.storeFloat(value) }
      let back = try self.read(printed) { $0.float(text: $1) }
      try #require(back.bitPattern == value.bitPattern, "\(value) became \(printed)")
      // Swift prints the shortest digits too; only the layout differs.
      try #require(self.digits(printed) == self.digits("\(value)"), "\(value) became \(printed)")
    }
  }

  @Test func `every double is printed as the shortest text that reads back the same`() throws {
    var generator = SeededGenerator(seed: 2)
    for _ in 0..<200_000 {
      let value = Double(bitPattern: generator.next())
      guard value.isFinite else { continue }
      let printed = self.text { $0.storeDouble(value) }
      let back = try self.read(printed) { $0.double(text: $1) }
      try #require(back.bitPattern == value.bitPattern, "\(value) became \(printed)")
      try #require(self.digits(printed) == self.digits("\(value)"), "\(value) became \(printed)")
    }
  }

  /// The significant digits of a number's text.
  private func digits(_ text: String) -> String {
    var digits = text.split(whereSeparator: { $0 == "e" || $0 == "E" })[0].filter(\.isNumber)
    while digits.hasPrefix("0") { digits.removeFirst() }
    while digits.hasSuffix("0") { digits.removeLast() }
    return digits
  }

  @Test func `decimal texts of any length are read as the nearest float and double`() throws {
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<100_000 {
      let length = Int.random(in: 1...25, using: &generator)
      var text = String(Int.random(in: 1...9, using: &generator))
      for _ in 1..<max(2, length) { text += String(Int.random(in: 0...9, using: &generator)) }
      if Bool.random(using: &generator) {
        text.insert(".", at: text.index(text.startIndex, offsetBy: 1))
      }
      if Bool.random(using: &generator) {
        text += "e\(Int.random(in: -60...60, using: &generator))"
      } else if Bool.random(using: &generator) {
        text += "E\(Int.random(in: -340...300, using: &generator))"
      }
      let double = try self.read(text) { $0.double(text: $1) }
      try #require(double == Double(text), "\(text)")
      let float = try self.read(text) { $0.float(text: $1) }
      try #require(float == Float(text), "\(text)")
    }
  }

  @Test(arguments: [
    "9007199254740993", "9007199254740992.5", "2.2250738585072011e-308", "4.9e-324", "2.5e-324",
    "2.4e-324", "1.7976931348623157e308", "123456789012345678901234567890", "1e-400", "0e999999",
    "16777217", "16777217.0000000000000001", "1.17549435e-38", "1.4e-45", "0.7e-45",
    "3.4028235e38",
    "7.0064923216240854e-46", "0.000000000000000000000000000000000000000000001", "1e22", "1e23",
    "8.589973e9", "18446744073709551615", "18446744073709551616", "6.02214076e23",
  ])
  func `hard cases of rounding are exact`(text: String) throws {
    #expect(try self.read(text) { $0.double(text: $1) } == Double(text))
    #expect(try self.read(text) { $0.float(text: $1) } == Float(text))
  }

  @Test(arguments: [
    (0.0, "0"), (-0.0, "-0.0"), (1.0, "1"), (100.0, "100"), (0.1, "0.1"), (123.456, "123.456"),
    (1e-6, "0.000001"), (1e-7, "1e-7"), (1.5e-7, "1.5e-7"), (1e20, "100000000000000000000"),
    (1e21, "1e+21"), (1.25e21, "1.25e+21"), (Double.leastNonzeroMagnitude, "5e-324"),
    (-2.5, "-2.5"), (1234567.25, "1234567.25"), (12345678.5, "12345678.5"),
    (123456789.125, "123456789.125"), (123456789012345.6, "123456789012345.6"),
    (-1234567890123456.5, "-1234567890123456.5"), (1.2345678901234567, "1.2345678901234567"),
    (-0.0000012345678901234567, "-0.0000012345678901234567"),
    (-1.2345678901234568e-300, "-1.2345678901234568e-300"), (1e15, "1000000000000000"),
    (-123456789012345680000.0, "-123456789012345680000"), (12e19, "120000000000000000000"),
    (1.7976931348623157e308, "1.7976931348623157e+308"), (Double.nan, "\"NaN\""),
    (Double.infinity, "\"Infinity\""), (-Double.infinity, "\"-Infinity\""),
  ])
  func `numbers have ECMAScript's form`(value: Double, expected: String) {
    #expect(self.text { $0.storeDouble(value) } == expected)
  }

  @Test func `integers are printed digit by digit`() {
    var generator = SeededGenerator(seed: 4)
    for shift in 0..<64 {
      for _ in 0..<50 {
        let value = generator.next() >> UInt64(shift)
        #expect(self.text { $0.storeDecimal(value) } == String(value))
        let signed = Int64(bitPattern: value)
        #expect(self.text { $0.storeDecimal(signed) } == String(signed))
      }
    }
    var power: UInt64 = 1
    for _ in 0..<20 {
      for value in [power &- 1, power, power &+ 1] {
        #expect(self.text { $0.storeDecimal(value) } == String(value))
      }
      power = power &* 10
    }
    #expect(self.text { $0.storeDecimal(Int64.min) } == String(Int64.min))
  }
}
