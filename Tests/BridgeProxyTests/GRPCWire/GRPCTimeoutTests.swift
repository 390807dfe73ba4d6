import NIOCore
import Testing

@testable import GRPCWire

@Suite struct GRPCTimeoutTests {
  @Test(
    arguments: [
      ("1n", 1), ("5u", 5_000), ("100m", 100_000_000), ("30S", 30_000_000_000),
      ("2M", 120_000_000_000), ("1H", 3_600_000_000_000), ("0S", 0), ("00000012m", 12_000_000),
      ("99999999H", 3_162_240_000_000_000_000), ("99999999M", 3_162_240_000_000_000_000),
      ("876000H", 3_153_600_000_000_000_000),
    ] as [(String, Int64)])
  func `timeouts are parsed`(text: String, nanoseconds: Int64) {
    #expect(GRPCTimeout.parse(text) == .nanoseconds(nanoseconds))
  }

  @Test(arguments: [
    "", "1", "S", "1s", "-1S", "+1S", "1.5S", "100000000S", " 1S", "1S ", "1SS", "1h", "１S",
  ])
  func `invalid timeouts are refused`(text: String) {
    #expect(GRPCTimeout.parse(text) == nil)
  }

  @Test(
    arguments: [
      (0, "1n"), (-5, "1n"), (1, "1n"), (999_999, "999999n"), (1_000_000, "1000u"),
      (1_000_001, "1001u"), (999_999_001, "1000000u"), (1_000_000_000, "1000m"),
      (29_999_900_000, "30000m"), (30_000_000_000, "30000m"), (30_000_000_001, "30001m"),
      (99_999_999 * 1_000_000, "99999999m"), (99_999_999 * 1_000_000 + 1, "100000S"),
      (99_999_999 * 1_000_000_000 + 1, "1666667M"), (.max, "2562048H"),
    ] as [(Int64, String)])
  func `amounts are rounded up`(nanoseconds: Int64, text: String) {
    var bytes: [UInt8] = []
    GRPCTimeout.write(.nanoseconds(nanoseconds), into: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == text)
    // What was written is read as at least as long.
    // What's longer than a century is read as a century.
    let century: Int64 = 100 * 366 * 86_400 * 1_000_000_000
    #expect((GRPCTimeout.parse(text)?.nanoseconds ?? 0) >= min(nanoseconds, century))
  }
}
