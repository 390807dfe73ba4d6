import RepeatableRandom
import Testing

@testable import Codec

@Suite("Wire to JSON")
struct DecodeTests {
  @Test(arguments: [
    ("", "{}"),
    ("20 96 01", #"{"aInt32":150}"#),
    ("20 00", "{}"),
    ("a8 08 00", #"{"maybeInt32":0}"#),
    ("28 ff ff ff ff ff ff ff ff ff 01", #"{"aInt64":"-1"}"#),
    ("7a 03 61 22 0a", #"{"aString":"a\"\n"}"#),
    ("7a 03 e2 80 a8", #"{"aString":"\u2028"}"#),
    ("7a 03 3c 3e 26", #"{"aString":"<>&"}"#),
    ("82 01 02 fb ff", #"{"aBytes":"+/8="}"#),
    ("88 01 02", #"{"aColor":"COLOR_GREEN"}"#),
    ("88 01 4d", #"{"aColor":77}"#),
    ("90 01 01", #"{"anAlias":"ALIASED_FIRST"}"#),
    ("8a 02 02 01 02", #"{"manyInt32":[1,2]}"#),
    ("88 02 01 88 02 02", #"{"manyInt32":[1,2]}"#),
    ("a8 03 01 aa 03 02 02 03", #"{"looseInt32":[1,2,3]}"#),
    ("8a 02 00", "{}"),
    ("92 05 06 0a 01 61 12 01 62", #"{"byString":{"a":"b"}}"#),
    ("92 05 00", #"{"byString":{"":""}}"#),
    ("9a 04 02 08 05", "{}"),
    ("c2 09 00", #"{"timestamp":"1970-01-01T00:00:00Z"}"#),
    ("c2 09 0b 08 ff ff ff ff ff ff ff ff ff 01", #"{"timestamp":"1969-12-31T23:59:59Z"}"#),
    ("ca 09 02 08 01", #"{"duration":"1s"}"#),
    ("b0 07 00", #"{"chosenNull":null}"#),
    ("e2 09 00", #"{"value":null}"#),
    ("ba 0a 00", #"{"boxedString":""}"#),
    ("f8 ff ff ff 0f 01", #"{"atMax":1}"#),
    // Unknown fields of every wire type, a group with a group in it among them.
    (
      "d8 3e 01 d9 3e 00 00 00 00 00 00 00 00 da 3e 01 00 dd 3e 00 00 00 00 20 01",
      #"{"aInt32":1}"#
    ),
    ("db 3e e3 3e 08 01 e4 3e dc 3e 20 01", #"{"aInt32":1}"#),
    // A known number with another wire type is unknown too.
    ("22 01 61 20 01", #"{"aInt32":1}"#),
  ])
  func `records become members`(wire: String, expected: String) throws {
    #expect(try decode(hex(wire)) == expected)
  }

  @Test(arguments: [
    // A singular scalar twice: the last one.
    ("20 01 20 02", #"{"aInt32":2}"#),
    // A message twice: merged, also further in.
    ("9a 01 03 0a 01 61 9a 01 02 10 05", #"{"aMessage":{"text":"a","number":"5"}}"#),
    (
      "9a 01 05 1a 03 0a 01 61 9a 01 04 1a 02 10 05",
      #"{"aMessage":{"child":{"text":"a","number":"5"}}}"#
    ),
    // A repeated field in pieces.
    ("8a 02 01 01 20 07 8a 02 01 02", #"{"aInt32":7,"manyInt32":[1,2]}"#),
    (
      "9a 01 00 fa 02 02 10 01 20 01 fa 02 02 10 02",
      #"{"aInt32":1,"aMessage":{},"manyMessage":[{"number":"1"},{"number":"2"}]}"#
    ),
    // Of a oneof the last one.
    ("fa 06 01 61 80 07 05", #"{"chosenNumber":"5"}"#),
    ("80 07 05 fa 06 01 61", #"{"chosenText":"a"}"#),
    (
      "aa 07 03 0a 01 61 aa 07 02 10 01",
      #"{"chosenMessage":{"text":"a","number":"1"}}"#
    ),
    // A member that another one has replaced isn't merged.
    ("aa 07 03 0a 01 61 80 07 05 aa 07 02 10 01", #"{"chosenMessage":{"number":"1"}}"#),
    // Of a map key the last one; value before key; both twice.
    ("92 05 06 0a 01 61 12 01 62 92 05 06 0a 01 61 12 01 63", #"{"byString":{"a":"c"}}"#),
    ("92 05 06 12 01 62 0a 01 61", #"{"byString":{"a":"b"}}"#),
    ("92 05 09 0a 01 78 0a 01 61 12 01 62", #"{"byString":{"a":"b"}}"#),
    // A Value with two kinds.
    ("e2 09 04 08 00 20 01", #"{"value":true}"#),
  ])
  func `valid bytes that no encoder writes are merged by Protobuf's rules`(
    wire: String, expected: String
  ) throws {
    #expect(try decode(hex(wire)) == expected)
  }

  @Test(arguments: [
    // An end tag with more bytes than necessary, after a group whose fields are out of order.
    ("33 08 01 08 02 b4 80 00 40 05", #"{"name":"x","box":{"width":2},"number":"5"}"#),
    ("33 08 01 b4 80 00 33 08 02 34 40 05", #"{"name":"x","box":{"width":2},"number":"5"}"#),
    // A number that a closed enum doesn't have is an unknown field: it replaces nothing.
    ("18 01 18 63", #"{"name":"x","level":"LOW"}"#),
    ("18 63 18 01", #"{"name":"x","level":"LOW"}"#),
  ])
  func `groups and closed enums are merged by Protobuf's rules`(
    wire: String, expected: String
  ) throws {
    #expect(try decode(hex("0a 01 78 " + wire), as: "bridge.test.legacy.Legacy") == expected)
  }

  @Test func `corrupt records within messages to be merged are refused`() throws {
    #expect(throws: CodecError.self) {
      _ = try decode(hex("9a 01 05 1a 03 0a 01 61 9a 01 04 1a 02 04 1a"))
    }
  }

  @Test func `merging deeply nested pieces doesn't double the work at each level`() throws {
    var wire = hex("0a 01 61")
    for _ in 0..<60 {
      var head: [UInt8] = [0x1A]
      var length = wire.count
      while length >= 0x80 {
        head.append(UInt8(length & 0x7F | 0x80))
        length >>= 7
      }
      wire = head + [UInt8(length)] + wire + [0x1A, 0x00]
    }
    let error = try #require(throws: CodecError.self) {
      _ = try decode(wire, as: "bridge.test.Nested")
    }
    #expect(error.code == .tooLarge)
  }

  @Test func `merging within merging is limited, and ordinary merging isn't affected`() throws {
    func lengthDelimited(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
      var head = [tag]
      var length = content.count
      while length >= 0x80 {
        head.append(UInt8(length & 0x7F | 0x80))
        length >>= 7
      }
      return head + [UInt8(length)] + content
    }
    // Each level holds its child in two pieces, the first of them empty.
    func nested(_ levels: Int, text: Int) -> [UInt8] {
      var wire = lengthDelimited(0x0A, [UInt8](repeating: 0x61, count: text))
      for _ in 0..<levels { wire = lengthDelimited(0x1A, []) + lengthDelimited(0x1A, wire) }
      return wire
    }
    let few = try decode(nested(5, text: 1000), as: "bridge.test.Nested")
    #expect(few.hasPrefix(#"{"child":{"child":{"child":{"child":{"child":{"text":"aaa"#))
    let error = try #require(throws: CodecError.self) {
      _ = try decode(nested(60, text: 100_000), as: "bridge.test.Nested")
    }
    #expect(error.code == .tooLarge)
    // Many messages side by side, each to be merged, are just as large as they are.
    let many = (0..<2000).flatMap { _ in lengthDelimited(0x22, [0x10, 0x01, 0x10, 0x02]) }
    let json = try decode(many, as: "bridge.test.Nested")
    #expect(json.split(separator: "}").count == 2001)
  }

  @Test(arguments: [
    ("20", 1), ("20 ff", 1), ("00 01", 0), ("7a 05 61", 2), ("27", 1), ("24", 0),
    ("db 3e 20 01", 4), ("20 ff ff ff ff ff ff ff ff ff ff 01", 1), ("9a 01 02 10", 3),
    ("8a 02 02 01 80", 4), ("7a 01 ff", 2), ("c2 09 0b 08 ff ff", 3),
    ("fd ff ff ff 7f 00 00 00 00", 0),
  ])
  func `malformed messages are refused with their offset`(wire: String, offset: Int) throws {
    let error = try #require(throws: CodecError.self) { _ = try decode(hex(wire)) }
    #expect(error.offset == offset, "\(error)")
  }

  @Test func `options change the form of values, not their presence`() throws {
    let wire = hex("28 01 88 01 02 9a 01 02 10 05")
    #expect(
      try decode(wire) { $0.printsInt64AsNumber = true }
        == #"{"aInt64":1,"aColor":"COLOR_GREEN","aMessage":{"number":5}}"#)
    #expect(
      try decode(wire) { $0.enumStyle = .number }
        == #"{"aInt64":"1","aColor":2,"aMessage":{"number":"5"}}"#)
    #expect(
      try decode(wire) { $0.usesProtoNames = true }
        == #"{"a_int64":"1","a_color":"COLOR_GREEN","a_message":{"number":"5"}}"#)
    let nested = try decode(hex("0a 01 61"), as: "bridge.test.Nested") {
      $0.alwaysPrintsDefaults = true
    }
    #expect(nested == #"{"text":"a","number":"0","children":[]}"#)
    // Extensions aren't declared in the message: a repeated one is printed where it's set.
    let legacy = try decode(hex("0a 01 61"), as: "bridge.test.legacy.Legacy") {
      $0.alwaysPrintsDefaults = true
    }
    #expect(legacy == #"{"name":"a","loose":[],"packed":[],"counts":{},"allLevels":[]}"#)
  }

  @Test func `one field can be the whole response body`() throws {
    let wire = hex("20 07 8a 02 02 01 02 9a 01 03 0a 01 61 92 05 06 0a 01 61 12 01 62 7a 01 78")
    #expect(try decode(wire, selecting: "a_int32") == "7")
    #expect(try decode(wire, selecting: "many_int32") == "[1,2]")
    #expect(try decode(wire, selecting: "a_message") == #"{"text":"a"}"#)
    #expect(try decode(wire, selecting: "by_string") == #"{"a":"b"}"#)
    #expect(try decode(wire, selecting: "a_string") == #""x""#)
    #expect(try decode(wire, selecting: "a_bool") == "false")
    #expect(try decode(wire, selecting: "many_string") == "[]")
    #expect(try decode(hex("20 01 20 02"), selecting: "a_int32") == "2")
    // Of a oneof the last member holds, whichever is asked for.
    let both = hex("fa 06 01 61 80 07 05")
    #expect(try decode(both, selecting: "chosen_text") == "null")
    #expect(try decode(both, selecting: "chosen_number") == #""5""#)
    #expect(try decode(both + hex("fa 06 01 62"), selecting: "chosen_text") == #""b""#)
    // A number that a closed enum doesn't have is no value of the field.
    let legacy = "bridge.test.legacy.Legacy"
    #expect(try decode(hex("18 09"), as: legacy, selecting: "level") == "null")
    // A number that a closed enum doesn't have sets nothing, and so takes nothing back.
    #expect(try decode(hex("18 07 18 09"), as: legacy) == #"{"level":"HIGH"}"#)
    #expect(try decode(hex("18 07 18 09"), as: legacy, selecting: "level") == #""HIGH""#)
    #expect(try decode(hex("18 09 18 07"), as: legacy) == #"{"level":"HIGH"}"#)
    #expect(try decode(hex("50 09"), as: legacy, selecting: "all_levels") == "[]")
  }

  @Test(arguments: [
    ("a_int32", "0"), ("a_string", #""""#), ("a_bool", "false"), ("a_bytes", #""""#),
    ("a_color", #""COLOR_UNSPECIFIED""#), ("an_alias", #""ALIASED_ZERO""#),
    ("maybe_int32", "null"), ("maybe_message", "null"), ("a_message", "null"),
    ("timestamp", "null"), ("duration", "null"), ("field_mask", "null"), ("any", "null"),
    ("struct", "null"), ("value", "null"), ("list_value", "null"), ("boxed_int64", "null"),
    ("chosen_text", "null"), ("chosen_number", "null"), ("chosen_flag", "null"),
    ("chosen_color", "null"), ("chosen_message", "null"), ("chosen_null", "null"),
    ("many_int32", "[]"), ("many_string", "[]"), ("many_message", "[]"), ("by_string", "{}"),
    ("to_message", "{}"),
  ])
  func `an unset field as the response body is null only if it has presence`(
    field: String, json: String
  ) throws {
    for alwaysPrints in [false, true] {
      #expect(
        try decode([], selecting: field) { $0.alwaysPrintsDefaults = alwaysPrints } == json)
    }
  }

  @Test func `nesting is limited, including groups and unknown groups`() throws {
    func nested(_ levels: Int) -> [UInt8] {
      var wire: [UInt8] = []
      for _ in 0..<levels {
        var head: [UInt8] = [0x1A]
        var length = wire.count
        while length >= 0x80 {
          head.append(UInt8(length & 0x7F | 0x80))
          length >>= 7
        }
        head.append(UInt8(length))
        wire = head + wire
      }
      return wire
    }
    _ = try decode(nested(90), as: "bridge.test.Nested")
    let error = try #require(throws: CodecError.self) {
      _ = try decode(nested(500), as: "bridge.test.Nested")
    }
    #expect(error.code == .tooDeep)
    let groups =
      [UInt8](repeating: 0xDB, count: 0)
      + Array((0..<5000).flatMap { _ in [0xDB, 0x3E] as [UInt8] })
    #expect(throws: CodecError.self) { _ = try decode(groups) }
  }

  @Test(arguments: [
    ("50 09", "{}"),
    ("50 09 10 01", #"{"count":1}"#),
    ("10 01 50 09 50 0a", #"{"count":1}"#),
    ("50 09 50 07", #"{"allLevels":["HIGH"]}"#),
    // No element, in a length of two bytes.
    ("2a 80 00 10 01", #"{"count":1}"#),
  ])
  func `a repeated field without elements isn't printed`(wire: String, expected: String) throws {
    #expect(try decode(hex(wire), as: "bridge.test.legacy.Legacy") == expected)
    let always = try decode(hex(wire), as: "bridge.test.legacy.Legacy") {
      $0.alwaysPrintsDefaults = true
    }
    #expect(always.contains(#""allLevels":["#))
  }

  @Test(arguments: [
    // Two pieces of a message, the second of which ends within a string.
    "9a 01 02 10 05 20 01 9a 01 02 0a 05",
    // A truncated record after a duplicate field.
    "20 01 20 02 7a 05 61",
  ])
  func `an error in a reordered copy has no location in the input`(wire: String) throws {
    let error = try #require(throws: CodecError.self) { _ = try decode(hex(wire)) }
    #expect(error.code == .malformedWire)
    #expect(error.offset == nil)
  }

  @Test func `random bytes decode to JSON that encodes again, or to an error`() throws {
    var generator = SeededGenerator(seed: 5)
    var decoded = 0
    for _ in 0..<20_000 {
      let length = Int.random(in: 0...40, using: &generator)
      let wire = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
      guard let json = try? decode(wire, as: "bridge.test.Nested") else { continue }
      decoded += 1
      let again = try decode(try encode(json, as: "bridge.test.Nested"), as: "bridge.test.Nested")
      #expect(again == json)
    }
    #expect(decoded > 100)
  }
}
