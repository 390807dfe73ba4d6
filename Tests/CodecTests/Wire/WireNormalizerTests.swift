import Testing

@testable import Codec

/// The form that encoders write, of messages that are written otherwise; one rule per test.
struct WireNormalizerTests {
  private static let everything = "bridge.test.Everything"
  private static let legacy = "bridge.test.legacy.Legacy"

  private static func normalize(
    _ wire: String, as type: String = Self.everything, depthLimit: Int = 100
  ) throws -> String {
    let normalizer = WireNormalizer(plan: TestSchema.shared.plan, depthLimit: depthLimit)
    var sink = ByteSink(capacity: 16)
    try normalizer.normalize(hex(wire), message: try TestSchema.type(type).rawValue, into: &sink)
    return hex(sink.array)
  }

  @Test(arguments: ["", "20 01", "7a 01 61 82 01 01 00", "f2 02 01 02", "9a 01 02 10 05"])
  func `a message in the form of encoders stays the same`(wire: String) throws {
    #expect(try Self.normalize(wire) == wire)
  }

  @Test func `the result is appended`() throws {
    let normalizer = WireNormalizer(plan: TestSchema.shared.plan, depthLimit: 100)
    var sink = ByteSink(capacity: 1)
    sink.append(0xFF)
    try normalizer.normalize(
      hex("20 01"), message: try TestSchema.type(Self.everything).rawValue, into: &sink)
    #expect(hex(sink.array) == "ff 20 01")
  }

  @Test(arguments: [
    // Fields by their order in the message.
    ("28 01 20 02", "20 02 28 01"),
    // Records of a repeated field together, in their order.
    ("e2 02 01 61 20 01 e2 02 01 62", "20 01 e2 02 01 61 e2 02 01 62"),
    // Packed and unpacked records stay unchanged.
    ("8a 02 01 01 20 03 88 02 02", "20 03 8a 02 01 01 88 02 02"),
  ])
  func `records of a field are together, and fields in order`(wire: String, expected: String) throws
  {
    #expect(try Self.normalize(wire) == expected)
  }

  @Test func `the last scalar wins`() throws {
    #expect(try Self.normalize("20 01 7a 01 61 20 02 7a 01 62") == "20 02 7a 01 62")
  }

  @Test func `messages are merged by their bytes`() throws {
    #expect(
      try Self.normalize("9a 01 03 0a 01 61 20 01 9a 01 02 10 05")
        == "20 01 9a 01 05 0a 01 61 10 05")
    #expect(
      try Self.normalize("33 08 01 34 40 05 33 08 02 34", as: Self.legacy)
        == "33 08 01 08 02 34 40 05")
  }

  @Test func `a merged message longer than 127 bytes has a longer length`() throws {
    let piece = "9a 01 42 0a 40" + String(repeating: " 61", count: 64)
    let content = String(repeating: " 0a 40" + String(repeating: " 61", count: 64), count: 2)
    #expect(try Self.normalize(piece + " " + piece) == "9a 01 84 01" + content)
  }

  @Test func `of a oneof the last member wins`() throws {
    // chosen_text, chosen_flag, chosen_number
    #expect(try Self.normalize("fa 06 01 61 90 07 01 80 07 05") == "80 07 05")
    #expect(try Self.normalize("fa 06 01 61 80 07 05 fa 06 01 62") == "fa 06 01 62")
  }

  @Test func `a member of a oneof is merged only with what follows another member`() throws {
    // chosen_message twice, chosen_text, chosen_message: only the last counts.
    #expect(
      try Self.normalize(
        "aa 07 02 10 01 aa 07 02 10 02 fa 06 01 61 aa 07 02 10 03 aa 07 03 0a 01 62")
        == "aa 07 05 10 03 0a 01 62")
  }

  @Test(arguments: [
    // Unknown numbers, of each wire type.
    ("f8 3f 01 20 01 fa 3f 01 61", "20 01"), ("fb 3f 08 01 fc 3f 20 01", "20 01"),
    ("fd 3f 01 02 03 04 20 01", "20 01"),
    // A known number with another wire type.
    ("22 01 61 20 01", "20 01"),
  ])
  func `unknown fields are removed`(wire: String, expected: String) throws {
    #expect(try Self.normalize(wire) == expected)
  }

  @Test func `a number that a closed enum lacks replaces nothing`() throws {
    #expect(try Self.normalize("18 01 18 63", as: Self.legacy) == "18 01")
    #expect(try Self.normalize("18 63", as: Self.legacy) == "")
    // In a repeated field it's dropped where its records are read.
    #expect(try Self.normalize("50 01 50 63", as: Self.legacy) == "50 01 50 63")
    // An open enum has every number.
    #expect(try Self.normalize("88 01 01 88 01 63") == "88 01 63")
  }

  @Test(arguments: [
    // by_string: the last entry of a key, at its place.
    (
      "92 05 06 0a 01 61 12 01 31 92 05 06 0a 01 62 12 01 32 92 05 06 0a 01 61 12 01 33",
      "92 05 06 0a 01 62 12 01 32 92 05 06 0a 01 61 12 01 33"
    ),
    // The value before the key, and both twice.
    ("92 05 06 12 01 31 0a 01 61", "92 05 06 0a 01 61 12 01 31"),
    ("92 05 0c 0a 01 61 12 01 31 0a 01 62 12 01 32", "92 05 06 0a 01 62 12 01 32"),
    // No key is the empty one.
    ("92 05 03 12 01 31 92 05 05 0a 00 12 01 32", "92 05 05 0a 00 12 01 32"),
    // by_int32: the key 1 in one byte and in two; none and 0.
    ("ba 04 05 08 01 12 01 31 ba 04 06 08 81 00 12 01 32", "ba 04 06 08 81 00 12 01 32"),
    ("ba 04 05 08 00 12 01 31 ba 04 03 12 01 32", "ba 04 03 12 01 32"),
    // by_int32: -1 in five bytes and in ten.
    (
      "ba 04 09 08 ff ff ff ff 0f 12 01 31 ba 04 0e 08 ff ff ff ff ff ff ff ff ff 01 12 01 32",
      "ba 04 0e 08 ff ff ff ff ff ff ff ff ff 01 12 01 32"
    ),
    // by_bool: every number but 0 is true.
    ("8a 05 05 08 01 12 01 31 8a 05 05 08 02 12 01 32", "8a 05 05 08 02 12 01 32"),
    // An entry without a value.
    ("92 05 03 0a 01 61", "92 05 03 0a 01 61"),
  ])
  func `the last entry of each map key wins`(wire: String, expected: String) throws {
    #expect(try Self.normalize(wire) == expected)
  }

  @Test(arguments: ["20", "20 ff", "7a 05 61", "24", "33 08 01", "92 05 02 0a 05"])
  func `a malformed message is refused`(wire: String) throws {
    let type = wire.hasPrefix("33") ? Self.legacy : Self.everything
    #expect(throws: CodecError.self) { try Self.normalize(wire, as: type) }
  }

  @Test func `groups that are skipped are limited in depth`() throws {
    let groups = { (depth: Int) in
      (Array(repeating: "fb 3f", count: depth) + Array(repeating: "fc 3f", count: depth))
        .joined(separator: " ")
    }
    #expect(try Self.normalize(groups(5), depthLimit: 5) == "")
    #expect(throws: CodecError.self) { try Self.normalize(groups(6), depthLimit: 5) }
  }
}
