import Testing

@testable import Codec

/// Strings and integers of every length, at every distance from the end of the input: the codec loads
/// sixteen and more bytes at once, which AddressSanitizer reports if they are beyond the end.
@Suite("Values near the end of the input")
struct EndOfInputTests {
  private static let distances = 0...40

  /// Texts of `length` bytes: plain, with an escape, and with a character beyond ASCII.
  private static func texts(_ length: Int) -> [(wire: String, json: String)] {
    let plain = String(
      "The quick brown fox jumps over the lazy dog, again and again.".prefix(length))
    var texts = [(plain, plain)]
    for place in 0..<length {
      let (before, after) = (plain.prefix(place), plain.dropFirst(place + 1))
      texts.append(("\(before)\"\(after)", "\(before)\\\"\(after)"))
      if place + 1 < length {
        let text = "\(before)é\(after.dropFirst())"
        texts.append((text, text))
      }
    }
    return texts
  }

  /// A varint, byte by byte.
  private static func varint(_ value: UInt64) -> [UInt8] {
    var (rest, bytes) = (value, [UInt8]())
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  /// A length-delimited record.
  private static func record(_ tag: String, _ content: [UInt8]) -> [UInt8] {
    hex(tag) + Self.varint(UInt64(content.count)) + content
  }

  /// An unknown field of `count` bytes; none if it has fewer than three.
  private static func unknown(_ count: Int) -> [UInt8] {
    count < 3 ? [] : Self.record("da 3e", Array(repeating: 0, count: count - 3))
  }

  @Test(arguments: 0...48) func `a string is read and printed`(length: Int) throws {
    for (text, escaped) in Self.texts(length) {
      let wire = length == 0 ? [] : Self.record("7a", Array(text.utf8))
      let json = length == 0 ? "{}" : "{\"aString\":\"\(escaped)\"}"
      for distance in Self.distances {
        #expect(try decode(wire + Self.unknown(distance)) == json)
        let spaces = String(repeating: " ", count: distance)
        #expect(try encode("{\"aString\":\"\(escaped)\"\(spaces)}") == wire)
      }
    }
  }

  @Test(arguments: 0...48) func `a map entry is read and printed`(length: Int) throws {
    for (key, value) in [("k", length), (String(repeating: "k", count: length), 0)] {
      let text = String(repeating: "v", count: value)
      let entry = Self.record("0a", Array(key.utf8)) + Self.record("12", Array(text.utf8))
      let wire = Self.record("92 05", entry)
      for distance in Self.distances {
        #expect(
          try decode(wire + Self.unknown(distance)) == "{\"byString\":{\"\(key)\":\"\(text)\"}}")
        let spaces = String(repeating: " ", count: distance)
        #expect(
          try encode("{\"byString\":{\"\(key)\"\(spaces):\"\(text)\"\(spaces)}\(spaces)}") == wire)
      }
    }
  }

  @Test func `an integer of any size is read and printed`() throws {
    let powers = (0..<63).map { Int64(1) << $0 }
    let ones = (1...18).compactMap { Int64(String(repeating: "1", count: $0)) }
    let numbers = powers + powers.map { -$0 } + ones + [.max, .min]
    for number in numbers {
      let wire = hex("28") + Self.varint(UInt64(bitPattern: number))
      for distance in Self.distances {
        #expect(try decode(wire + Self.unknown(distance)) == "{\"aInt64\":\"\(number)\"}")
        let spaces = String(repeating: " ", count: distance)
        #expect(try encode("{\"aInt64\":\"\(number)\"\(spaces)}") == wire)
        #expect(try encode("{\"aInt64\":\(number)\(spaces)}") == wire)
      }
    }
  }
}
