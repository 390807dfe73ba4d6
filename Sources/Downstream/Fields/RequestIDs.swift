internal import HTTP2

/// Generates identifiers for requests without one: UUIDs of version 4 (RFC 9562 §5.4).
///
/// They distinguish requests in logs and aren't secret, so the numbers come from the loop's own small
/// generator (xoshiro256**), seeded once by the system, instead of a system call each.
struct RequestIDs {
  private var state: (UInt64, UInt64, UInt64, UInt64)

  /// Bytes of an identifier in text form.
  static let byteCount = 36
  /// The most bytes of a client's own identifier, which goes into headers and log lines.
  static let clientByteLimit = 128

  /// - Parameter generator: the source of the seed.
  init(seededBy generator: inout some RandomNumberGenerator) {
    self.state = (generator.next(), generator.next(), generator.next(), generator.next() | 1)
  }

  /// Whether a client's own identifier is kept: visible ASCII, at most `clientByteLimit` bytes.
  static func isKept(_ value: String) -> Bool {
    (1...Self.clientByteLimit).contains(value.utf8.count)
      && value.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }

  /// Appends a new one: `0f8fad5b-d9cb-469f-a165-70867728950e`.
  mutating func append(to bytes: inout [UInt8]) {
    let high = self.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
    let low = self.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    let start = bytes.count
    bytes.append(contentsOf: Self.blank)
    var span = bytes.mutableSpan
    var text = unsafe span.mutableBytes
    let second = Self.digits(high)
    let third = Self.digits(low >> 32)
    text.storeBytes(of: Self.digits(high >> 32), toByteOffset: start, as: UInt64.self)
    text.storeBytes(
      of: UInt32(truncatingIfNeeded: second), toByteOffset: start + 9, as: UInt32.self)
    text.storeBytes(
      of: UInt32(truncatingIfNeeded: second >> 32), toByteOffset: start + 14, as: UInt32.self)
    text.storeBytes(
      of: UInt32(truncatingIfNeeded: third), toByteOffset: start + 19, as: UInt32.self)
    text.storeBytes(
      of: UInt32(truncatingIfNeeded: third >> 32), toByteOffset: start + 24, as: UInt32.self)
    text.storeBytes(of: Self.digits(low), toByteOffset: start + 28, as: UInt64.self)
  }

  /// Template that the digits are written into.
  private static let blank = Array("00000000-0000-0000-0000-000000000000".utf8)

  /// The eight hexadecimal digits of the low 32 bits, in memory order: a byte per digit, all at once.
  private static func digits(_ value: UInt64) -> UInt64 {
    var digits = value & 0xFFFF_FFFF
    digits = (digits | digits << 16) & 0x0000_FFFF_0000_FFFF
    digits = (digits | digits << 8) & 0x00FF_00FF_00FF_00FF
    digits = (digits | digits << 4) & 0x0F0F_0F0F_0F0F_0F0F
    // 1 in each byte that is a letter, which is 39 further from its value than a digit is.
    let letters = (digits &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return (digits &+ 0x3030_3030_3030_3030 &+ letters &* 39).bigEndian
  }

  private mutating func next() -> UInt64 {
    func rotated(_ value: UInt64, by count: UInt64) -> UInt64 {
      value << count | value >> (64 - count)
    }
    let result = rotated(self.state.1 &* 5, by: 7) &* 9
    let shifted = self.state.1 << 17
    self.state.2 ^= self.state.0
    self.state.3 ^= self.state.1
    self.state.1 ^= self.state.2
    self.state.0 ^= self.state.3
    self.state.2 ^= shifted
    self.state.3 = rotated(self.state.3, by: 45)
    return result
  }
}

extension ExchangeDriver {
  /// Sets the request's identifier, the client's own or a new one.
  func identify(_ headers: RequestHeaders) {
    Self.write(headers.requestID, &self.loop.requestIDs, &self.requestID)
  }

  /// Appends the fields common to all responses of this exchange.
  func appendResponseFields(to head: inout ResponseHead) {
    if self.exchange != nil { head.append("x-request-id", self.requestID[...]) }
    if !self.responseFields.isEmpty { head.append(self.responseFields) }
  }

  /// A single call: each `inout` access to a property of a class costs an exclusivity check.
  private static func write(
    _ own: String, _ made: inout RequestIDs, _ bytes: inout [UInt8]
  ) {
    bytes.removeAll(keepingCapacity: true)
    if own.isEmpty {
      made.append(to: &bytes)
    } else {
      bytes.append(contentsOf: own.utf8)
    }
  }
}
