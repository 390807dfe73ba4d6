import Testing

@testable import Codec

/// What a service may choose where path, query and body speak of the same fields.
@Suite("Choices of path, query and body")
struct LeniencyTests {
  @Test func `listed unknown parameters are ignored`() throws {
    let query = [("key", "k"), ("access.token", "1"), ("aInt32", "1")]
    let ignoring = { (options: inout EncodeOptions) in
      options.ignoredParameters = [Array("access.token".utf8), Array("aInt32".utf8)]
    }
    // `key` and `aInt32` are fields: the list is of names that the message doesn't have.
    #expect(hex(try encode("", rule: .none, query: query, ignoring)) == "0a 01 6b 20 01")
    for name in ["access", "access.toke", "access.token2", "nope"] {
      let error = try #require(throws: CodecError.self) {
        _ = try encode("", rule: .none, query: [(name, "1")], ignoring)
      }
      #expect(error.code == .unknownParameter)
    }
    // A route without a query still passes over what is named.
    #expect(hex(try encode("{}", query: [("access.token", "1")], ignoring)) == "")
    #expect(throws: CodecError.self) { try encode("{}", query: [("access", "1")], ignoring) }
  }

  @Test func `a field set by the path is refused in the query if configured`() throws {
    let variables = [("a_message.text", "p")]
    let query = [("aMessage.text", "q")]
    #expect(
      hex(try encode("", rule: .none, variables: variables, query: query)) == "9a 01 03 0a 01 70")
    let error = try #require(throws: CodecError.self) {
      _ = try encode("", rule: .none, variables: variables, query: query) {
        $0.refusesPathFieldsElsewhere = true
      }
    }
    #expect(error.code == .invalidParameter)
    #expect(error.path == "aMessage.text")
    #expect(error.reason.contains("leave it out of the query"))
  }

  @Test(arguments: [
    (#"{"aMessage":{"child":{"number":"1"}}}"#, true),
    (#"{"aString":"x","aMessage":{"text":"t","child":{"text":"t","number":"1"}}}"#, true),
    (#"{"aMessage":{"child":{"text":"t"}}}"#, false),
    (#"{"aMessage":{"number":"1"},"manyMessage":[{"child":{"number":"1"}}]}"#, false),
    ("{}", false), ("", false),
  ])
  func `a field set by the path is refused in the body if configured`(
    body: String, isRefused: Bool
  ) throws {
    let variables = [("a_message.child.number", "2")]
    _ = try encode(body, variables: variables)
    let strict = { (options: inout EncodeOptions) in options.refusesPathFieldsElsewhere = true }
    guard isRefused else {
      _ = try encode(body, variables: variables, strict)
      return
    }
    let error = try #require(throws: CodecError.self) {
      _ = try encode(body, variables: variables, strict)
    }
    #expect(error.code == .invalidParameter)
    #expect(error.path == "aMessage.child.number")
    #expect(error.reason.contains("leave it out of the body"))
  }

  @Test func `the query may override fields of the body if configured`() throws {
    let type = try TestSchema.type("bridge.test.Everything")
    let rule = BodyRule.field(try TestSchema.shared.fieldPath("a_message", in: type))
    let body = #"{"text":"b","number":"1"}"#
    let query = [("aMessage.text", "q"), ("aMessage.child.text", "c")]
    let wire = try encode(body, rule: rule, query: query) { $0.mergesQueryIntoBodyField = true }
    #expect(
      try decode(wire) == #"{"aMessage":{"text":"q","number":"1","child":{"text":"c"}}}"#)
    #expect(throws: CodecError.self) { try encode(body, rule: rule, query: query) }
  }

  @Test(
    arguments: [
      (#"{"chosenText":"x"}"#, "chosenText"), (#"{"chosenFlag":false}"#, "chosenFlag"),
      (#"{"chosenMessage":{}}"#, "chosenMessage"), (#"{"chosenNull":null}"#, "chosenNull"),
      (#"{"aInt32":5,"manyInt32":[1,2],"chosenData":""}"#, "chosenData"),
      (#"{"chosenNumber":"1"}"#, nil), (#"{"chosenText":null}"#, nil), (#"{"aInt32":5}"#, nil),
      ("", nil),
    ] as [(String, String?)])
  func `a body with another member of a oneof set by the path is refused`(
    body: String, field: String?
  ) throws {
    let variables = [("chosen_number", "2")]
    guard let field else {
      #expect(try decode(try encode(body, variables: variables)).contains(#""chosenNumber":"2""#))
      return
    }
    let error = try #require(throws: CodecError.self) {
      _ = try encode(body, variables: variables)
    }
    #expect(error.code == .oneofConflict)
    #expect(error.path == field)
    #expect(error.reason.contains(#"the path sets "chosenNumber" of the same oneof"#), "\(error)")
    let proto = try #require(throws: CodecError.self) {
      _ = try encode(body, variables: variables) { $0.usesProtoNames = true }
    }
    #expect(proto.reason.contains("chosen_number"), "\(proto)")
  }

  @Test func `a body that is a member of a oneof set elsewhere is refused`() throws {
    let type = try TestSchema.type("bridge.test.Everything")
    let rule = BodyRule.field(try TestSchema.shared.fieldPath("chosen_text", in: type))
    for (variables, query) in [([("chosen_flag", "1")], []), ([], [("chosenFlag", "1")])] {
      let error = try #require(throws: CodecError.self) {
        _ = try encode(#""x""#, rule: rule, variables: variables, query: query)
      }
      #expect(error.code == .oneofConflict)
      _ = try encode("null", rule: rule, variables: variables, query: query)
      _ = try encode("", rule: rule, variables: variables, query: query)
    }
  }

  @Test(arguments: [
    (#"{"aColor":"BLUE","aInt32":1}"#, "20 01"), (#"{"manyColor":["BLUE",2]}"#, "f2 02 01 02"),
    (#"{"toColor":{"a":"BLUE","b":2}}"#, "8a 06 05 0a 01 62 10 02"),
    (#"{"chosenColor":"BLUE"}"#, ""),
  ])
  func `unknown enum values are refused, or ignored if configured`(
    body: String, wire: String
  ) throws {
    for ignoresFields in [false, true] {
      let error = try #require(throws: CodecError.self) {
        _ = try encode(body) { $0.ignoresUnknownFields = ignoresFields }
      }
      #expect(error.code == .unknownEnumValue)
    }
    #expect(hex(try encode(body) { $0.ignoresUnknownEnums = true }) == wire)
    #expect(throws: CodecError.self) {
      try encode(#"{"nope":1}"#) { $0.ignoresUnknownEnums = true }
    }
  }

  @Test func `unknown enum values are ignored in a query, too, but not in a path`() throws {
    let query = [
      ("aColor", "BLUE"), ("toColor[a]", "BLUE"), ("aInt32", "1"), ("manyColor", "BLUE"),
    ]
    let ignoring = { (options: inout EncodeOptions) in options.ignoresUnknownEnums = true }
    #expect(hex(try encode("", rule: .none, query: query, ignoring)) == "20 01")
    #expect(throws: CodecError.self) { try encode("", rule: .none, query: query) }
    #expect(throws: CodecError.self) {
      try encode("", rule: .none, variables: [("a_color", "BLUE")], ignoring)
    }
  }
}
