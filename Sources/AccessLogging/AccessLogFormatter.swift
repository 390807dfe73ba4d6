internal import Codec
internal import GRPCWire
internal import NIOCore
internal import Time

/// Formats access entries as JSON, one line each:
///
///     {"time":"2026-11-22T14:05:47.032Z","method":"POST","path":"/v1/echo","service":"bench",
///      "rpc":"/bench.Echo/Say","status":200,"grpc":"OK","bytes_in":120,"bytes_out":98,"ms":0.412,
///      "id":"0f8fad5b-d9cb-469f-a165-70867728950e"}
///
/// (on one line); a failed request has `"reason"` and `"message"` at the end. Everything that a client
/// chooses is escaped, so that an entry is always one line and valid JSON, and can't contain terminal
/// escape sequences.
struct AccessLogFormatter {
  /// Maximum bytes of a path. Stops a client from filling the log with long paths.
  static let pathByteLimit = 2048
  /// Maximum bytes of an error's message and of its reason: an endpoint chooses both.
  static let messageByteLimit = 512

  /// `2026-11-22T14:05:47`, for `second`; updated once a second.
  private var secondText: [UInt8] = []
  private var second = Int.min

  init() {}

  /// Appends one line.
  mutating func append(_ entry: AccessEntry, at time: WallTime, to buffer: inout [UInt8]) {
    Self.append("{\"time\":\"", to: &buffer)
    self.append(time, to: &buffer)
    Self.append("\",\"method\":\"", to: &buffer)
    Self.append(escaped: entry.method, to: &buffer)
    Self.append("\",\"path\":\"", to: &buffer)
    Self.append(escaped: entry.path, to: &buffer)
    Self.append("\",\"service\":\"", to: &buffer)
    Self.append(escaped: entry.service, to: &buffer)
    Self.append("\",\"rpc\":\"", to: &buffer)
    Self.append(escaped: entry.rpc, to: &buffer)
    Self.append("\",\"status\":", to: &buffer)
    Self.append(entry.httpStatus, to: &buffer)
    Self.append(",\"grpc\":\"", to: &buffer)
    buffer.append(contentsOf: entry.grpcCode.name.utf8)
    Self.append("\",\"bytes_in\":", to: &buffer)
    Self.append(entry.requestBytes, to: &buffer)
    Self.append(",\"bytes_out\":", to: &buffer)
    Self.append(entry.responseBytes, to: &buffer)
    Self.append(",\"ms\":", to: &buffer)
    let microseconds = Int(max(0, entry.duration.nanoseconds) / 1000)
    Self.append(microseconds / 1000, to: &buffer)
    buffer.append(UInt8(ascii: "."))
    Self.append(microseconds % 1000, digits: 3, to: &buffer)
    Self.append(",\"id\":\"", to: &buffer)
    Self.append(escaped: entry.requestID, to: &buffer)
    if let failure = entry.failure { Self.append(failure, to: &buffer) }
    Self.append("\"}\n", to: &buffer)
  }

  /// Appends reason and message after an open string.
  @inline(never)
  private static func append(_ failure: AccessEntry.Failure, to buffer: inout [UInt8]) {
    Self.append("\",\"reason\":\"", to: &buffer)
    Self.append(slowly: failure.reason, limit: Self.messageByteLimit, to: &buffer)
    Self.append("\",\"message\":\"", to: &buffer)
    Self.append(slowly: failure.message, limit: Self.messageByteLimit, to: &buffer)
  }

  /// Appends a line with the number of dropped lines.
  mutating func append(droppedLines count: Int, at time: WallTime, to buffer: inout [UInt8]) {
    Self.append("{\"time\":\"", to: &buffer)
    self.append(time, to: &buffer)
    Self.append("\",\"dropped_lines\":", to: &buffer)
    Self.append(count, to: &buffer)
    Self.append("}\n", to: &buffer)
  }

  /// RFC 3339 in UTC with milliseconds.
  private mutating func append(_ time: WallTime, to buffer: inout [UInt8]) {
    if time.seconds != self.second {
      self.second = time.seconds
      self.secondText.removeAll(keepingCapacity: true)
      let date = time.date
      let seconds = time.secondsOfDay
      Self.append(date.year, digits: 4, to: &self.secondText)
      self.secondText.append(UInt8(ascii: "-"))
      Self.append(date.month, digits: 2, to: &self.secondText)
      self.secondText.append(UInt8(ascii: "-"))
      Self.append(date.day, digits: 2, to: &self.secondText)
      self.secondText.append(UInt8(ascii: "T"))
      Self.append(seconds / 3600, digits: 2, to: &self.secondText)
      self.secondText.append(UInt8(ascii: ":"))
      Self.append(seconds / 60 % 60, digits: 2, to: &self.secondText)
      self.secondText.append(UInt8(ascii: ":"))
      Self.append(seconds % 60, digits: 2, to: &self.secondText)
    }
    buffer.append(contentsOf: self.secondText)
    buffer.append(UInt8(ascii: "."))
    Self.append(time.milliseconds, digits: 3, to: &buffer)
    buffer.append(UInt8(ascii: "Z"))
  }
}

// MARK: - Pieces

extension AccessLogFormatter {
  private static func append(_ text: StaticString, to buffer: inout [UInt8]) {
    unsafe buffer.append(
      contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  private static func append(_ number: Int, to buffer: inout [UInt8]) {
    guard number >= 0 else {
      buffer.append(UInt8(ascii: "-"))
      Self.append(number == .min ? .max : -number, to: &buffer)
      return
    }
    var digits = 1
    var rest = number / 10
    while rest > 0 {
      digits += 1
      rest /= 10
    }
    Self.append(number, digits: digits, to: &buffer)
  }

  /// The last `digits` decimal digits, zero-padded.
  private static func append(_ number: Int, digits: Int, to buffer: inout [UInt8]) {
    let start = buffer.count
    for _ in 0..<digits { buffer.append(UInt8(ascii: "0")) }
    var rest = number
    var index = start + digits - 1
    while index >= start, rest > 0 {
      buffer[index] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
      index -= 1
    }
  }

  /// The contents of a JSON string (RFC 8259 §7), truncated at `pathByteLimit`.
  private static func append(escaped text: String, to buffer: inout [UInt8]) {
    let isPlain = text.utf8.count <= Self.pathByteLimit && text.utf8.allSatisfy(Self.isPlain)
    if isPlain {
      buffer.append(contentsOf: text.utf8)
    } else {
      Self.append(slowly: text, limit: Self.pathByteLimit, to: &buffer)
    }
  }

  /// Whether a byte needs no escaping: printable ASCII except the quote and the backslash.
  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  @inline(never)
  private static func append(slowly text: String, limit: Int, to buffer: inout [UInt8]) {
    var count = 0
    for scalar in text.unicodeScalars {
      count += UTF8.width(scalar)
      if count > limit {
        Self.append("…", to: &buffer)
        return
      }
      switch scalar.value {
      case 0x22, 0x5C:
        buffer.append(UInt8(ascii: "\\"))
        buffer.append(UInt8(scalar.value))
      case 0...0xFFFF where !ForeignText.isHarmless(scalar):
        // Control characters, including C1: terminals interpret them. Unicode line separators: some line
        // readers split at them. Bidirectional controls: they can make a path look like another one.
        Self.append("\\u", to: &buffer)
        for shift in [12, 8, 4, 0] {
          buffer.append(Self.hexDigit(UInt8(scalar.value >> shift & 0xF)))
        }
      default:
        buffer.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      }
    }
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}
