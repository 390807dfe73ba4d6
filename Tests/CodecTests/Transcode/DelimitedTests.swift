import Testing

@testable import Codec

/// Groups, and what editions call delimited: messages with an end tag instead of a length.
@Suite("delimited messages")
struct DelimitedTests {
  static let mixed = "bridge.test.editions.Mixed"
  static let legacy = "bridge.test.legacy.Legacy"

  @Test(arguments: [
    (#"{"delimitedTime":"1970-01-01T00:00:01Z"}"#, "53 08 01 54"),
    (#"{"delimitedTime":"1970-01-01T00:00:00Z"}"#, "53 54"),
    (#"{"delimitedValue":null}"#, "63 08 00 64"),
    (#"{"delimitedValue":"a"}"#, "63 1a 01 61 64"),
    (#"{"delimitedValue":{}}"#, "63 2a 00 64"),
    (#"{"delimitedValue":{"a":[true]}}"#, "63 2a 0d 0a 0b 0a 01 61 12 06 32 04 0a 02 20 01 64"),
    (#"{"delimitedValue":[[],null]}"#, "63 32 08 0a 02 32 00 0a 02 08 00 64"),
    (#"{"delimitedAny":[{}]}"#, "5b 5c"),
    (
      #"{"delimitedAny":[{"@type":"/google.protobuf.Duration","value":"1s"},{}]}"#,
      "5b 0a 19 2f 67 6f 6f 67 6c 65 2e 70 72 6f 74 6f 62 75 66 2e 44 75 72 61 74 69 6f 6e "
        + "12 02 08 01 5c 5b 5c"
    ),
    (
      #"{"delimitedAny":[{"@type":"/bridge.test.editions.Mixed","delimitedTime":"1970-01-01T00:00:01Z"}]}"#,
      "5b 0a 1b 2f 62 72 69 64 67 65 2e 74 65 73 74 2e 65 64 69 74 69 6f 6e 73 2e 4d 69 78 65 64 "
        + "12 04 53 08 01 54 5c"
    ),
    (#"{"delimited":{"delimited":{"explicitText":"a"}}}"#, "43 43 0a 01 61 44 44"),
    (
      #"{"manyDelimited":[{},{"delimitedValue":1}]}"#,
      "4b 4c 4b 63 11 00 00 00 00 00 00 f0 3f 64 4c"
    ),
  ])
  func `well-known types encoded as groups keep their JSON form`(json: String, wire: String) throws
  {
    #expect(hex(try encode(json, as: Self.mixed)) == wire)
    #expect(try decode(hex(wire), as: Self.mixed) == json)
  }

  @Test func `pieces of a group are merged, and unknown fields in it skipped`() throws {
    // Seconds in one group, nanoseconds in the next; a Value that's set twice; an unknown group.
    #expect(
      try decode(hex("53 08 01 54 53 10 80 ca b5 ee 01 54"), as: Self.mixed)
        == #"{"delimitedTime":"1970-01-01T00:00:01.500Z"}"#)
    #expect(
      try decode(hex("63 1a 01 61 20 01 64"), as: Self.mixed) == #"{"delimitedValue":true}"#)
    #expect(
      try decode(hex("53 fb 01 08 01 fc 01 08 05 54"), as: Self.mixed)
        == #"{"delimitedTime":"1970-01-01T00:00:05Z"}"#)
    for wire in ["53 08 01", "53 08 01 5c", "53 08 01 54 54", "63 2a 05 64"] {
      #expect(throws: CodecError.self) { _ = try decode(hex(wire), as: Self.mixed) }
    }
  }

  @Test func `a body, a path variable or a parameter may be within a group`() throws {
    let schema = TestSchema.shared
    let mixed = try TestSchema.type(Self.mixed)
    let text = BodyRule.field(try schema.fieldPath("delimited.explicit_text", in: mixed))
    #expect(hex(try encode(#""a""#, as: Self.mixed, rule: text)) == "43 0a 01 61 44")
    let time = BodyRule.field(try schema.fieldPath("delimited.delimited_time", in: mixed))
    #expect(
      hex(try encode(#""1970-01-01T00:00:01Z""#, as: Self.mixed, rule: time)) == "43 53 08 01 54 44"
    )
    #expect(
      hex(
        try encode(
          "", as: Self.mixed, rule: .none, variables: [("delimited.explicit_text", "v")],
          query: [
            ("delimited.delimited.implicitText", "q"), ("delimitedTime", "1970-01-01T00:00:01Z"),
          ]))
        == "43 0a 01 76 44 43 43 12 01 71 44 44 53 08 01 10 00 54")
    let legacy = try TestSchema.type(Self.legacy)
    let width = BodyRule.field(try schema.fieldPath("box.width", in: legacy))
    #expect(
      hex(try encode("3", as: Self.legacy, rule: width, query: [("name", "n")]))
        == "33 08 03 34 0a 01 6e")
    #expect(
      hex(try encode("", as: Self.legacy, rule: .none, query: [("name", "n"), ("box.width", "3")]))
        == "0a 01 6e 33 08 03 34")
  }

  @Test func `a well-known group as the HTTP body keeps its form, set or not`() throws {
    #expect(
      try decode(hex("53 08 01 54"), as: Self.mixed, selecting: "delimited_time")
        == #""1970-01-01T00:00:01Z""#)
    #expect(try decode([], as: Self.mixed, selecting: "delimited_value") == "null")
    #expect(
      try decode(hex("63 2a 00 64"), as: Self.mixed, selecting: "delimited_value") == "{}")
  }
}
