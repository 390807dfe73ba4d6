import Testing

@testable import Codec

/// JSON of no known shape: what is read, what is refused, what is written.
@Suite struct JSONValueTests {
  @Test(
    arguments: [
      ("null", JSONValue.null, "null"),
      (" true ", .bool(true), "true"),
      ("-1.5e2", .number(-150), "-150"),
      ("9007199254740991", .number(9_007_199_254_740_991), "9007199254740991"),
      (#""a\"\u00e9\n""#, .string("a\"é\n"), #""a\"é\n""#),
      ("[]", .array([]), "[]"),
      ("[1,[2], {}]", .array([.number(1), .array([.number(2)]), .object([:])]), "[1,[2],{}]"),
      (#"{"b":1,"a":null}"#, .object(["a": .null, "b": .number(1)]), #"{"a":null,"b":1}"#),
      (#"{"a":1,"a":2}"#, .object(["a": .number(2)]), #"{"a":2}"#),
      (#"{"":""}"#, .object(["": .string("")]), #"{"":""}"#),
    ] as [(String, JSONValue, String)])
  func `a text is parsed and printed`(text: String, value: JSONValue, written: String) throws {
    let parsed = try JSONValue(parsing: Array(text.utf8))
    #expect(parsed == value)
    #expect(String(decoding: parsed.text, as: UTF8.self) == written)
  }

  @Test(
    arguments: [
      "", " ", "{", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "01", "nul", "1 2", "\"",
      "\"\\x\"", "\"\\ud800\"", "\u{FEFF}1", "NaN", "[1}", "{\"a\":1]",
    ])
  func `invalid JSON is refused`(text: String) {
    #expect(throws: CodecError.self) { try JSONValue(parsing: Array(text.utf8)) }
  }

  @Test func `nesting is limited`() throws {
    let nested = { (depth: Int) in
      Array(String(repeating: "[", count: depth).utf8)
        + Array(String(repeating: "]", count: depth).utf8)
    }
    _ = try JSONValue(parsing: nested(JSONValue.depthLimit))
    #expect(throws: CodecError.self) {
      try JSONValue(parsing: nested(JSONValue.depthLimit + 1))
    }
    #expect(throws: CodecError.self) { try JSONValue(parsing: nested(500_000)) }
  }

  @Test(
    arguments: [
      ("5", 5, 5.0), ("\"5\"", 5, 5.0), ("1.5", nil, 1.5), ("\"x\"", nil, nil),
      ("1e300", nil, 1e300), ("true", nil, nil), ("\"nan\"", nil, nil),
    ] as [(String, Int?, Double?)])
  func `numbers are read from strings, and integers where they fit Int`(
    text: String, int: Int?, double: Double?
  ) throws {
    let value = try JSONValue(parsing: Array(text.utf8))
    #expect(value.int == int)
    if text != "\"nan\"" { #expect(value.double == double) }
  }

  @Test func `a member that is null or of no object is none`() throws {
    let value = try JSONValue(parsing: Array(#"{"a":{"b":[true]},"c":null}"#.utf8))
    #expect(value["a"]?["b"]?.array?.first?.bool == true)
    #expect(value["c"] == nil)
    #expect(value["a"]?["b"]?["x"] == nil)
  }
}
