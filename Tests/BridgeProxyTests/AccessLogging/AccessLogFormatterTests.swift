import NIOCore
import Testing

@testable import AccessLogging
@testable import GRPCWire
@testable import Time

@Suite struct AccessLogFormatterTests {
  private static let time = WallTime(seconds: 1_763_820_347, milliseconds: 32)

  private func line(_ change: (inout AccessEntry) -> Void = { _ in }) -> String {
    var entry = AccessEntry(
      method: "POST", path: "/v1/echo", service: "bench", rpc: "/bench.Echo/Say", httpStatus: 200,
      grpcCode: .ok, requestBytes: 120, responseBytes: 98, duration: .microseconds(412),
      requestID: "a-1")
    change(&entry)
    var formatter = AccessLogFormatter()
    var buffer: [UInt8] = []
    formatter.append(entry, at: Self.time, to: &buffer)
    return String(decoding: buffer, as: UTF8.self)
  }

  @Test func `a line has every part of an entry`() {
    #expect(
      self.line() == """
        {"time":"2025-11-22T14:05:47.032Z","method":"POST","path":"/v1/echo","service":"bench",\
        "rpc":"/bench.Echo/Say","status":200,"grpc":"OK","bytes_in":120,"bytes_out":98,"ms":0.412,\
        "id":"a-1"}

        """)
  }

  @Test func `a failure comes last in a line, truncated and escaped`() {
    let line = self.line { entry in
      entry.failure = .init(reason: "NO\n", message: "it's \"\u{1B}[31m\"")
    }
    #expect(
      line.hasSuffix(
        #","id":"a-1","reason":"NO\u000a","message":"it's \"\u001b[31m\""}"# + "\n"))
    let long = self.line { entry in
      entry.failure = .init(reason: "", message: String(repeating: "ä", count: 100_000))
    }
    #expect(long.utf8.count < 900)
    #expect(long.hasSuffix("ä…\"}\n"))
  }

  @Test func `integers at their limits are printed in full`() {
    let line = self.line { entry in
      entry.httpStatus = 0
      entry.grpcCode = .deadlineExceeded
      entry.requestBytes = .max
      entry.responseBytes = -1
      entry.duration = .nanoseconds(123_456_789_999)
    }
    #expect(
      line.hasSuffix(
        """
        "status":0,"grpc":"DEADLINE_EXCEEDED","bytes_in":9223372036854775807,"bytes_out":-1,\
        "ms":123456.789,"id":"a-1"}

        """))
  }

  @Test(arguments: [
    ("/a\"b\\c", #"/a\"b\\c"#),
    ("/a\nb\r\tc\u{0}", #"/a\u000ab\u000d\u0009c\u0000"#),
    ("/\u{1B}[31m\u{7F}\u{9B}", #"/\u001b[31m\u007f\u009b"#),
    ("/größe/日本/😀", "/größe/日本/😀"),
    ("/\u{2028}\u{2029}", #"/\u2028\u2029"#),
    ("", ""),
  ])
  func `input from a client can't break the line`(path: String, written: String) {
    #expect(self.line { $0.path = path }.contains("\"path\":\"\(written)\",\"service\""))
    #expect(self.line { $0.method = path }.contains("\"method\":\"\(written)\",\"path\""))
  }

  @Test func `a long path is cut at a character boundary`() {
    let limit = AccessLogFormatter.pathByteLimit
    let exact = String(repeating: "a", count: limit)
    #expect(self.line { $0.path = exact }.contains("\"\(exact)\""))
    let long = String(repeating: "a", count: limit - 1)
    #expect(self.line { $0.path = long + "ä!" }.contains("\"\(long)…\""))
  }

  @Test(arguments: [
    (0, 1970, 1, 1), (-1, 1969, 12, 31), (951_782_399, 2000, 2, 28), (951_782_400, 2000, 2, 29),
    (951_868_800, 2000, 3, 1), (1_709_164_800, 2024, 2, 29), (4_107_542_399, 2100, 2, 28),
    (4_107_542_400, 2100, 3, 1), (253_402_300_799, 9999, 12, 31), (-62_167_219_200, 0, 1, 1),
  ])
  func `seconds convert to a date of the Gregorian calendar`(
    seconds: Int, year: Int, month: Int, day: Int
  ) {
    let date = WallTime(seconds: seconds, milliseconds: 0).date
    #expect((date.year, date.month, date.day) == (year, month, day))
  }

  @Test func `the time is formatted again when the second changes`() {
    var formatter = AccessLogFormatter()
    var buffer: [UInt8] = []
    formatter.append(
      droppedLines: 3, at: WallTime(seconds: 59, milliseconds: 999), to: &buffer)
    formatter.append(droppedLines: 4, at: WallTime(seconds: 60, milliseconds: 0), to: &buffer)
    #expect(
      String(decoding: buffer, as: UTF8.self) == """
        {"time":"1970-01-01T00:00:59.999Z","dropped_lines":3}
        {"time":"1970-01-01T00:01:00.000Z","dropped_lines":4}

        """)
  }
}
