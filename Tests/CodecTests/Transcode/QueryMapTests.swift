import Testing

@testable import Codec

/// Entries of maps as query parameters: `labels[key]=value`.
@Suite("Maps in a query")
struct QueryMapTests {
  @Test(arguments: [
    ("byString[a]", "b", #"{"byString":{"a":"b"}}"#),
    ("by_string[a.b]", "c d", #"{"byString":{"a.b":"c d"}}"#),
    ("byString[a[0].b]", "x", #"{"byString":{"a[0].b":"x"}}"#),
    ("byString[]", "x", #"{"byString":{"":"x"}}"#),
    ("byString[]]", "", #"{"byString":{"]":""}}"#),
    ("byInt32[-7]", "x", #"{"byInt32":{"-7":"x"}}"#),
    ("byInt64[-9223372036854775808]", "x", #"{"byInt64":{"-9223372036854775808":"x"}}"#),
    ("byUint32[4294967295]", "x", #"{"byUint32":{"4294967295":"x"}}"#),
    ("byUint64[18446744073709551615]", "x", #"{"byUint64":{"18446744073709551615":"x"}}"#),
    ("bySint32[-1]", "x", #"{"bySint32":{"-1":"x"}}"#),
    ("bySint64[-1]", "x", #"{"bySint64":{"-1":"x"}}"#),
    ("byFixed32[1]", "x", #"{"byFixed32":{"1":"x"}}"#),
    ("byFixed64[1]", "x", #"{"byFixed64":{"1":"x"}}"#),
    ("bySfixed32[-1]", "x", #"{"bySfixed32":{"-1":"x"}}"#),
    ("bySfixed64[-1]", "x", #"{"bySfixed64":{"-1":"x"}}"#),
    ("byBool[true]", "x", #"{"byBool":{"true":"x"}}"#),
    ("toDouble[a]", "-0.5", #"{"toDouble":{"a":-0.5}}"#),
    ("toFloat[a]", "NaN", #"{"toFloat":{"a":"NaN"}}"#),
    ("toInt64[a]", "9007199254740993", #"{"toInt64":{"a":"9007199254740993"}}"#),
    ("toSint32[a]", "-3", #"{"toSint32":{"a":-3}}"#),
    ("toFixed64[a]", "3", #"{"toFixed64":{"a":"3"}}"#),
    ("toBool[a]", "true", #"{"toBool":{"a":true}}"#),
    ("toBytes[a]", "-_8", #"{"toBytes":{"a":"+/8="}}"#),
    ("toColor[a]", "COLOR_RED", #"{"toColor":{"a":"COLOR_RED"}}"#),
    ("toColor[a]", "-3", #"{"toColor":{"a":"COLOR_NEGATIVE"}}"#),
    (
      "toTimestamp[a]", "1970-01-01T00:00:01Z", #"{"toTimestamp":{"a":"1970-01-01T00:00:01Z"}}"#
    ),
    ("toInt64Value[a]", "5", #"{"toInt64Value":{"a":"5"}}"#),
  ])
  func `an entry has any key and any value with a text form`(
    name: String, value: String, expected: String
  ) throws {
    #expect(try decode(try encode("", rule: .none, query: [(name, value)])) == expected)
  }

  @Test func `a map may be within a message and have any number of entries`() throws {
    let type = "bridge.test.legacy.Legacy"
    let query = [
      ("name", "n"), ("[bridge.test.legacy.other].name", "o"),
      ("[bridge.test.legacy.other].counts[a.b]", "1"), ("counts[a]", "2"), ("counts[b]", "3"),
      ("[bridge.test.legacy.other].counts[a]", "4"),
    ]
    let wire = try encode("", as: type, rule: .none, query: query)
    let json = try decode(wire, as: type)
    #expect(json.contains(#""counts":{"a":2,"b":3}"#), "\(json)")
    #expect(
      json.contains(#""[bridge.test.legacy.other]":{"name":"o","counts":{"a.b":1,"a":4}}"#),
      "\(json)")
  }

  @Test(
    arguments: [
      ("byString", "a", CodecError.Code.invalidParameter, "byString[key]=value"),
      ("byString.a", "b", .invalidParameter, "byString[key]=value"),
      ("byString[a", "b", .invalidParameter, "in brackets at the end of the name"),
      ("byString[a].b", "c", .invalidParameter, "in brackets at the end of the name"),
      ("byString[", "b", .invalidParameter, "in brackets at the end of the name"),
      ("manyInt32[0]", "1", .invalidParameter, "manyInt32=a&manyInt32=b"),
      ("manyInt32[]", "1", .invalidParameter, "manyInt32=a&manyInt32=b"),
      ("aString[x]", "1", .invalidParameter, "followed by brackets"),
      ("aMessage[text]", "1", .invalidParameter, "aMessage.field=value"),
      ("toMessage[a]", "1", .invalidParameter, "are messages"),
      ("toStruct[a]", "1", .invalidParameter, "are messages"),
      ("toValue[a]", "1", .invalidParameter, "are messages"),
      ("nope[a]", "1", .unknownParameter, "has no field \"nope\""),
      ("[nope]", "1", .unknownParameter, "has no field \"[nope]\""),
      ("byInt32[x]", "1", .invalidValue, "the key in brackets: expected int32, got \"x\""),
      ("byInt32[]", "1", .invalidValue, "the key in brackets"),
      ("byUint32[-1]", "1", .invalidValue, "the key in brackets"),
      ("byBool[yes]", "1", .invalidValue, "the key in brackets: expected true or false"),
      ("toInt32[a]", "x", .invalidValue, "expected int32, got \"x\""),
      ("toColor[a]", "BLUE", .unknownEnumValue, "COLOR_RED"),
    ] as [(String, String, CodecError.Code, String)])
  func `an invalid entry is refused with its reason`(
    name: String, value: String, code: CodecError.Code, reason: String
  ) throws {
    let error = try #require(throws: CodecError.self) {
      _ = try encode("", rule: .none, query: [(name, value)])
    }
    #expect(error.code == code, "\(error)")
    #expect(error.path == name)
    #expect(error.reason.contains(reason), "\(error)")
  }

  @Test(arguments: [0, 15, 16, 100, 20_000])
  func `a duplicate key is refused, however it's spelled`(others: Int) throws {
    var query = (0..<others).map { ("byInt32[\($0 + 10)]", "x") }
    query.append(("by_int32[1]", "a"))
    _ = try encode("", rule: .none, query: query)
    // The same keys of another map are other entries.
    _ = try encode("", rule: .none, query: query + [("byInt64[1]", "a"), ("bySint32[1]", "a")])
    let error = try #require(throws: CodecError.self) {
      _ = try encode("", rule: .none, query: query + [("byInt32[1.0]", "b")])
    }
    #expect(error.code == .invalidParameter)
    #expect(error.path == "byInt32[1.0]")
    #expect(error.reason.contains("twice"), "\(error)")
  }

  @Test func `a key that isn't UTF-8 is refused`() throws {
    var bindings = Bindings()
    let name = Array("byString[".utf8) + [0xFF] + Array("]".utf8)
    bindings.addParameter(name: name.span.bytes, value: Array("x".utf8).span.bytes)
    var sink = ByteSink()
    let error = #expect(throws: CodecError.self) {
      try Transcoder().encode(
        [UInt8]().span.bytes, rule: .none, as: try TestSchema.type("bridge.test.Everything"),
        of: TestSchema.shared, bindings: bindings, options: EncodeOptions(), into: &sink)
    }
    #expect(error?.code == .invalidUTF8)
  }

  @Test func `a map that is the body can't be set by the query`() throws {
    let type = try TestSchema.type("bridge.test.Everything")
    let path = try TestSchema.shared.fieldPath("by_string", in: type)
    let error = try #require(throws: CodecError.self) {
      _ = try encode(#"{"a":"b"}"#, rule: .field(path), query: [("byString[c]", "d")])
    }
    #expect(error.code == .parameterUnderBody)
    #expect(error.reason.contains("route's body"), "\(error)")
    let wire = try encode(#"{"a":"b"}"#, rule: .field(path), query: [("byInt32[1]", "d")])
    #expect(try decode(wire) == #"{"byString":{"a":"b"},"byInt32":{"1":"d"}}"#)
  }

  @Test func `entries of unknown maps can be ignored`() throws {
    let wire = try encode("", rule: .none, query: [("nope[a]", "1"), ("aInt32", "1")]) {
      $0.ignoresUnknownParameters = true
    }
    #expect(hex(wire) == "20 01")
  }
}
