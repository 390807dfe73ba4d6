import Testing

@testable import Codec

@Suite("JSON to wire")
struct EncodeTests {
  @Test(arguments: [
    ("{}", ""),
    ("  ", ""),
    (#"{"aInt32":150}"#, "20 96 01"),
    (#"{"a_int32":150}"#, "20 96 01"),
    (#"{"aInt32":-1}"#, "20 ff ff ff ff ff ff ff ff ff 01"),
    (#"{"aInt32":"12"}"#, "20 0c"),
    (#"{"aInt32":"\u0031\u0032.000000000000000000000"}"#, "20 0c"),
    (#"{"aInt32":1.0}"#, "20 01"),
    (#"{"aInt32":1e2}"#, "20 64"),
    (#"{"aInt32":0}"#, ""),
    (#"{"maybeInt32":0}"#, "a8 08 00"),
    (#"{"maybeInt32":null}"#, ""),
    (#"{"aSint32":-2}"#, "40 03"),
    (#"{"aUint64":"18446744073709551615"}"#, "38 ff ff ff ff ff ff ff ff ff 01"),
    (#"{"aFixed32":1}"#, "55 01 00 00 00"),
    (#"{"aDouble":1}"#, "11 00 00 00 00 00 00 f0 3f"),
    (#"{"aFloat":"-Infinity"}"#, "1d 00 00 80 ff"),
    (#"{"aFloat":"\u0049nfinity"}"#, "1d 00 00 80 7f"),
    (#"{"aDouble":"-\u0049nfinity"}"#, "11 00 00 00 00 00 00 f0 ff"),
    (#"{"aDouble":"\u0039007199254740993"}"#, "11 00 00 00 00 00 00 40 43"),
    (#"{"aDouble":"\u0031.000000000000000000000000001"}"#, "11 00 00 00 00 00 00 f0 3f"),
    (#"{"aDouble":-0.0}"#, "11 00 00 00 00 00 00 00 80"),
    (#"{"aBool":true}"#, "70 01"),
    (#"{"aString":"testing"}"#, "7a 07 74 65 73 74 69 6e 67"),
    (#"{"aString":"\u00e9\ud83d\ude00\n"}"#, "7a 07 c3 a9 f0 9f 98 80 0a"),
    (#"{"aBytes":"AQID"}"#, "82 01 03 01 02 03"),
    (#"{"aBytes":"-_8"}"#, "82 01 02 fb ff"),
    (#"{"aBytes":"AQ=="}"#, "82 01 01 01"),
    (#"{"aColor":"COLOR_GREEN"}"#, "88 01 02"),
    (#"{"aColor":2}"#, "88 01 02"),
    (#"{"aColor":77}"#, "88 01 4d"),
    (#"{"anAlias":"ALIASED_SAME"}"#, "90 01 01"),
    (#"{"aMessage":{}}"#, "9a 01 00"),
    (#"{"aMessage":{"text":"a","child":{"number":"3"}}}"#, "9a 01 07 0a 01 61 1a 02 10 03"),
    (#"{"manyInt32":[3,270,86942]}"#, "8a 02 06 03 8e 02 9e a7 05"),
    (#"{"manyInt32":[]}"#, ""),
    (#"{"looseInt32":[3,270]}"#, "a8 03 03 a8 03 8e 02"),
    (#"{"manyString":["a",""]}"#, "e2 02 01 61 e2 02 00"),
    (#"{"byString":{"a":"b"}}"#, "92 05 06 0a 01 61 12 01 62"),
    (#"{"byBool":{"true":""}}"#, "8a 05 04 08 01 12 00"),
    (#"{"bySint32":{"-1":"x"}}"#, "da 04 05 08 01 12 01 78"),
    (#"{"chosenNumber":0}"#, "80 07 00"),
    (#"{"chosenText":null,"chosenNumber":1}"#, "80 07 01"),
    (#"{"chosenNull":null}"#, "b0 07 00"),
    (#"{"timestamp":"1970-01-01T00:00:01.5Z"}"#, "c2 09 08 08 01 10 80 ca b5 ee 01"),
    (#"{"timestamp":"1970-01-01T01:00:00+01:00"}"#, "c2 09 00"),
    (
      #"{"duration":"-1.5s"}"#,
      "ca 09 16 08 ff ff ff ff ff ff ff ff ff 01 10 80 b6 ca 91 fe ff ff ff ff 01"
    ),
    (#"{"fieldMask":"a.bC,d"}"#, "d2 09 0a 0a 05 61 2e 62 5f 63 0a 01 64"),
    (#"{"fieldMask":"*,a.*"}"#, "d2 09 08 0a 01 2a 0a 03 61 2e 2a"),
    (#"{"boxedInt64":"0"}"#, "92 0a 00"),
    (#"{"boxedString":"x"}"#, "ba 0a 03 0a 01 78"),
    (#"{"value":null}"#, "e2 09 02 08 00"),
    (
      #"{"value":{"a":[1]}}"#,
      "e2 09 16 2a 14 0a 12 0a 01 61 12 0d 32 0b 0a 09 11 00 00 00 00 00 00 f0 3f"
    ),
    (#"{"another-name \"quoted\"":"x"}"#, "fa 0b 01 78"),
    (#"{"@kind":"x"}"#, "a2 0c 01 78"),
    (#"{"atMax":1}"#, "f8 ff ff ff 0f 01"),
  ])
  func `values are encoded as the encoding guide defines`(json: String, expected: String) throws {
    #expect(hex(try encode(json)) == expected)
  }

  @Test(
    arguments: [
      (#"{"aInt32":"x"}"#, CodecError.Code.wrongType, 10, "aInt32"),
      (#"{"aInt32":1.5}"#, .invalidValue, 10, "aInt32"),
      (#"{"aInt32":2147483648}"#, .invalidValue, 10, "aInt32"),
      (#"{"aUint32":-1}"#, .invalidValue, 11, "aUint32"),
      (#"{"aUint64":18446744073709551616}"#, .invalidValue, 11, "aUint64"),
      (#"{"aFloat":1e39}"#, .invalidValue, 10, "aFloat"),
      (#"{"aBool":1}"#, .wrongType, 9, "aBool"),
      (#"{"aString":1}"#, .wrongType, 11, "aString"),
      (#"{"aString":"\ud800"}"#, .invalidUTF8, 12, "aString"),
      (#"{"aBytes":"@"}"#, .invalidValue, 10, "aBytes"),
      (#"{"aColor":"BLUE"}"#, .unknownEnumValue, 10, "aColor"),
      (#"{"aMessage":{"number":[]}}"#, .wrongType, 22, "aMessage.number"),
      (#"{"manyMessage":[{},{"child":{"text":7}}]}"#, .wrongType, 36, "manyMessage[1].child.text"),
      (#"{"manyInt32":[1,null]}"#, .wrongType, 16, "manyInt32[1]"),
      (#"{"toMessage":{"k":{"text":1}}}"#, .wrongType, 26, "toMessage[\"k\"].text"),
      (#"{"byInt32":{"1":"a","1":"b"}}"#, .duplicateField, 20, "byInt32[\"1\"]"),
      (#"{"byString":{"a":null}}"#, .wrongType, 17, "byString[\"a\"]"),
      (#"{"nope":1}"#, .unknownField, 1, "nope"),
      (#"{"aMessage":{"txt":1}}"#, .unknownField, 13, "aMessage.txt"),
      (#"{"aInt32":1,"a_int32":2}"#, .duplicateField, 12, "aInt32"),
      (#"{"chosenText":"a","chosenNumber":1}"#, .oneofConflict, 18, "chosenNumber"),
      (#"{"timestamp":"2026-02-30T00:00:00Z"}"#, .invalidValue, 13, "timestamp"),
      (#"{"timestamp":"2026-01-01t00:00:00z"}"#, .invalidValue, 13, "timestamp"),
      (#"{"duration":"1"}"#, .invalidValue, 12, "duration"),
      (#"{"fieldMask":"a_b"}"#, .invalidValue, 13, "fieldMask"),
      (#"{"fieldMask":"a,"}"#, .invalidValue, 13, "fieldMask"),
      (#"{"fieldMask":"é"}"#, .invalidValue, 13, "fieldMask"),
      (#"{"any":{"@type":"type.googleapis.com/no.Such"}}"#, .unknownType, 16, "any"),
      (#"{"any":{"a":1}}"#, .unknownType, 7, "any"),
      (#"{"struct":{"a":1,"a":2}}"#, .duplicateField, 17, "struct[\"a\"]"),
      (#"{"aInt32":01}"#, .malformedJSON, 10, "aInt32"),
      (#"{"aInt32":1,}"#, .malformedJSON, 12, ""),
      (#"{"aInt32" 1}"#, .malformedJSON, 10, ""),
      (#"{"aInt32":1"#, .malformedJSON, 11, ""),
      (#"{"aString":"abc"#, .malformedJSON, 11, "aString"),
      (#"{"aString":"abc\"#, .malformedJSON, 11, "aString"),
      ("{\"aString\":\"a\nb\"}", .malformedJSON, 13, "aString"),
      (#"{"aInt32":1}}"#, .malformedJSON, 12, ""),
      ("[]", .wrongType, 0, ""),
      ("nul", .wrongType, 0, ""),
    ] as [(String, CodecError.Code, Int, String)])
  func `errors report their reason, location and field`(
    json: String, code: CodecError.Code, offset: Int, path: String
  ) throws {
    let error = try #require(throws: CodecError.self) { _ = try encode(json) }
    #expect(error.code == code, "\(error)")
    #expect(error.offset == offset, "\(error)")
    #expect(error.path == path, "\(error)")
  }

  @Test func `unknown members are skipped if configured, and still validated`() throws {
    let json = #"{"nope":{"a":[1,{"b":null}],"c":"\u0041"},"aInt32":1,"aColor":"BLUE"}"#
    let wire = try encode(json) {
      $0.ignoresUnknownFields = true
      $0.ignoresUnknownEnums = true
    }
    #expect(hex(wire) == "20 01")
    #expect(throws: CodecError.self) {
      _ = try encode(#"{"nope":{"a":[1,}}"#) { $0.ignoresUnknownFields = true }
    }
  }

  @Test(arguments: [
    (#"{"aMessage":"#, #"{"child":"#, "}"), (#"{"value":"#, "[", "]"), (#"{"nope":"#, "[", "]"),
  ])
  func `nesting is limited everywhere`(head: String, open: String, close: String) throws {
    func text(_ levels: Int) -> String {
      let inner = open == "[" ? "1" : "{}"
      return head + String(repeating: open, count: levels) + inner
        + String(repeating: close, count: levels) + "}"
    }
    _ = try encode(text(90)) { $0.ignoresUnknownFields = true }
    let error = try #require(throws: CodecError.self) {
      _ = try encode(text(5000)) { $0.ignoresUnknownFields = true }
    }
    #expect(error.code == .tooDeep)
  }

  @Test func `path variables and query parameters become fields`() throws {
    let wire = try encode(
      "", rule: .none, variables: [("a_message.text", "a b"), ("a_int32", "7")],
      query: [
        ("manyInt32", "1"), ("manyInt32", "2"), ("aMessage.child.number", "9"),
        ("timestamp", "1970-01-01T00:00:01Z"), ("a_color", "COLOR_RED"), ("boxedBool", "true"),
        ("fieldMask", "a,bC"), ("aBytes", "AQI"), ("aFloat", "NaN"), ("aInt32", "8"),
      ])
    let json = try decode(wire)
    #expect(json.contains(#""aInt32":7"#))
    #expect(json.contains(#""aMessage":{"#))
    #expect(json.contains(#""text":"a b""#))
    #expect(json.contains(#""number":"9""#))
    #expect(json.contains(#""manyInt32":[1,2]"#))
    #expect(json.contains(#""timestamp":"1970-01-01T00:00:01Z""#))
    #expect(json.contains(#""aColor":"COLOR_RED""#))
    #expect(json.contains(#""boxedBool":true"#))
    #expect(json.contains(#""fieldMask":"a,bC""#))
    #expect(json.contains(#""aBytes":"AQI=""#))
    #expect(json.contains(#""aFloat":"NaN""#))
  }

  @Test(arguments: [
    ("timestamp", "1970-01-01T00:00:01Z", #"{"timestamp":"2026-01-01T00:00:00.5Z"}"#),
    ("duration", "0s", #"{"duration":"1.5s"}"#),
    ("boxed_int64", "0", #"{"boxedInt64":"5"}"#),
    ("a_int32", "0", #"{"aInt32":5}"#), ("a_string", "", #"{"aString":"x"}"#),
  ])
  func `a path variable overrides the body, also for types with a text form`(
    variable: String, value: String, body: String
  ) throws {
    let alone = try decode(try encode("", variables: [(variable, value)]))
    #expect(try decode(try encode(body, variables: [(variable, value)])) == alone)
  }

  @Test func `an empty path value is a value`() throws {
    #expect(hex(try encode("", rule: .none, variables: [("a_string", "")])) == "7a 00")
  }

  @Test(
    arguments: [
      ("nope", "1", CodecError.Code.unknownParameter), ("aInt32", "x", .invalidValue),
      ("aInt32", "", .invalidValue), ("aInt32", "1 ", .invalidValue),
      ("byString", "a", .invalidParameter),
      ("aMessage", "a", .invalidParameter), ("aInt32.x", "1", .invalidParameter),
      ("aMessage.", "1", .unknownParameter), ("aBool", "yes", .invalidValue),
      ("aColor", "BLUE", .unknownEnumValue),
    ] as [(String, String, CodecError.Code)])
  func `invalid query parameters are refused`(
    name: String, value: String, code: CodecError.Code
  ) throws {
    let error = try #require(throws: CodecError.self) {
      _ = try encode("", rule: .none, query: [(name, value)])
    }
    #expect(error.code == code, "\(error)")
    #expect(error.path == name)
  }

  @Test func `two values for a singular field, or two members of a oneof, are refused`() throws {
    let twice = try #require(throws: CodecError.self) {
      _ = try encode("", rule: .none, query: [("aInt32", "1"), ("a_int32", "2")])
    }
    #expect(twice.code == .invalidParameter)
    let oneof = try #require(throws: CodecError.self) {
      _ = try encode("", rule: .none, query: [("chosenText", "1"), ("chosenNumber", "2")])
    }
    #expect(oneof.code == .oneofConflict)
  }

  @Test func `the body can be one field, of any shape`() throws {
    let schema = TestSchema.shared
    let type = try TestSchema.type("bridge.test.Everything")
    for (field, body, expected) in [
      ("a_message", #"{"text":"x"}"#, "9a 01 03 0a 01 78"),
      ("many_int32", "[1,2]", "8a 02 02 01 02"),
      ("by_string", #"{"a":"b"}"#, "92 05 06 0a 01 61 12 01 62"), ("a_string", #""x""#, "7a 01 78"),
      ("a_message.child", #"{"number":3}"#, "9a 01 04 1a 02 10 03"),
      ("value", "null", "e2 09 02 08 00"),
      ("a_message", "null", ""), ("a_message", "", ""),
    ] {
      let path = try schema.fieldPath(field, in: type)
      #expect(hex(try encode(body, rule: .field(path))) == expected, "\(field)")
    }
    let path = try schema.fieldPath("a_message", in: type)
    let error = try #require(throws: CodecError.self) {
      _ = try encode(#"{"number":"x"}"#, rule: .field(path))
    }
    #expect(error.path == "aMessage.number")
    let query = try #require(throws: CodecError.self) {
      _ = try encode("{}", rule: .field(path), query: [("aMessage.text", "x")])
    }
    #expect(query.code == .parameterUnderBody)
  }

  @Test func `required fields, groups, extensions and closed enums of proto2 are encoded`() throws {
    let type = "bridge.test.legacy.Legacy"
    let json =
      #"{"name":"n","level":"HIGH","box":{"width":3,"item":[{"text":"t"}]},"#
      + #""[bridge.test.legacy.note]":"e","[bridge.test.legacy.marks]":["1","2"]}"#
    #expect(try decode(try encode(json, as: type), as: type) == json)
    let missing = try #require(throws: CodecError.self) { _ = try encode("{}", as: type) }
    #expect(missing.code == .missingField)
    #expect(missing.path == "name")
    // Null leaves it unset.
    for json in [
      #"{"name":null}"#, #"{"count":1,"name":null}"#,
      #"{"name":"n","[bridge.test.legacy.other]":{"name":null}}"#,
    ] {
      let unset = try #require(throws: CodecError.self) { _ = try encode(json, as: type) }
      #expect(unset.code == .missingField)
    }
    #expect(hex(try encode(#"{"name":"n","count":null}"#, as: type)) == "0a 01 6e")
    let twice = try #require(throws: CodecError.self) {
      _ = try encode(#"{"name":null,"name":"n"}"#, as: type)
    }
    #expect(twice.code == .duplicateField)
    // What an Any holds is whole in itself, also where the Any is the whole message.
    let packed = try #require(throws: CodecError.self) {
      _ = try encode(#"{"@type":"/bridge.test.legacy.Legacy"}"#, as: "google.protobuf.Any")
    }
    #expect(packed.code == .missingField)
    // The query may still set it.
    #expect(hex(try encode("", as: type, rule: .none, query: [("name", "n")])) == "0a 01 6e")
    let closed = try #require(throws: CodecError.self) {
      _ = try encode(#"{"name":"n","level":3}"#, as: type)
    }
    #expect(closed.code == .unknownEnumValue)
    let number = try #require(throws: CodecError.self) {
      _ = try encode("", as: type, rule: .none, query: [("name", "n"), ("level", "3")])
    }
    #expect(number.code == .unknownEnumValue)
    #expect(
      hex(try encode("", as: type, rule: .none, query: [("name", "n"), ("level", "7")]))
        == "0a 01 6e 18 07")
  }
}
