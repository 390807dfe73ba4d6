import Testing

@testable import Codec

/// Any of types that the schema has, and of those that only the endpoint knows.
@Suite("Any")
struct AnyTests {
  private static let any = "google.protobuf.Any"

  @Test(arguments: [
    (
      #"{"any":{"@type":"a.b/c.D","value":"CgF4"}}"#,
      "ba 09 0e 0a 07 61 2e 62 2f 63 2e 44 12 03 0a 01 78"
    ),
    (#"{"any":{"@type":"c.D","value":""}}"#, "ba 09 05 0a 03 63 2e 44"),
    (
      #"{"any":{"@type":"a/b/c.D","value":"AQ=="}}"#,
      "ba 09 0c 0a 07 61 2f 62 2f 63 2e 44 12 01 01"
    ),
    (#"{"any":{"@type":"a/","value":"AQ=="}}"#, "ba 09 07 0a 02 61 2f 12 01 01"),
    (#"{"any":{"@type":"","value":"AQ=="}}"#, "ba 09 03 12 01 01"),
    (
      #"{"manyAny":[{"@type":"a/b","value":"AQ=="},{"@type":"a/c","value":"Ag=="}]}"#,
      "ca 0a 08 0a 03 61 2f 62 12 01 01 ca 0a 08 0a 03 61 2f 63 12 01 02"
    ),
  ])
  func `an Any of an unknown type is base64 both ways`(json: String, wire: String) throws {
    #expect(hex(try encode(json)) == wire)
    #expect(try decode(hex(wire)) == json)
    let read = try #require(throws: CodecError.self) {
      _ = try encode(json) { $0.acceptsUnknownAnyAsBase64 = false }
    }
    #expect(read.code == .unknownType)
    let printed = try #require(throws: CodecError.self) {
      _ = try decode(hex(wire)) { $0.printsUnknownAnyAsBase64 = false }
    }
    #expect(printed.code == .unknownType)
  }

  @Test func `an Any of an unknown type may have its members in any order`() throws {
    #expect(
      hex(try encode(#"{ "value" : "AQ==" , "\u0040type" : "a/b" }"#, as: Self.any))
        == "0a 03 61 2f 62 12 01 01")
    #expect(
      hex(
        try encode(#"{"@type":"a/b","x":[{}],"value":"AQ"}"#, as: Self.any) {
          $0.ignoresUnknownFields = true
        }) == "0a 03 61 2f 62 12 01 01")
  }

  @Test func `an Any of an unknown type can be within one of a known type`() throws {
    let json =
      #"{"@type":"type.googleapis.com/google.protobuf.Any","#
      + #""value":{"@type":"a/b","value":"AQ=="}}"#
    #expect(try decode(try encode(json, as: Self.any), as: Self.any) == json)
    let deep =
      #"{"@type":"type.googleapis.com/bridge.test.Everything","aInt32":1,"#
      + #""any":{"@type":"a/b","value":"AQ=="}}"#
    #expect(try decode(try encode(deep, as: Self.any), as: Self.any) == deep)
  }

  @Test(arguments: [
    "bridge.test.Nested", "/bridge.test.Nested", "a/b/c/bridge.test.Nested",
    "type.googleapis.com/bridge.test.Nested",
  ])
  func `a type URL is read after its last slash, or as a whole`(url: String) throws {
    let json = #"{"@type":"\#(url)","text":"x"}"#
    let wire = try encode(json, as: Self.any)
    #expect(hex(Array(wire.suffix(5))) == "12 03 0a 01 78")
    #expect(try decode(wire, as: Self.any) == json)
  }

  @Test(arguments: [
    #"{"@type":"a/B","value":"!"}"#, #"{"@type":"a/B","value":{}}"#,
    #"{"@type":"a/B","value":7}"#,
    #"{"@type":"a/B"}"#, #"{"@type":"a/B","text":"x"}"#, #"{"@type":"a/B","value":"A"}"#,
  ])
  func `the error for invalid base64 names the unknown type`(json: String) throws {
    let error = try #require(throws: CodecError.self) { _ = try encode(json, as: Self.any) }
    #expect(error.code == .unknownType)
    #expect(error.reason.contains(#"the type of "a/B" isn't in the loaded schemas"#), "\(error)")
    #expect(error.reason.contains("base64"), "\(error)")
  }

  @Test(arguments: [
    #"{"@type":"a/B","value":"","value":""}"#, #"{"@type":"a/B","@type":"a/B"}"#,
  ])
  func `a duplicate member of an Any is refused`(json: String) throws {
    let error = try #require(throws: CodecError.self) { _ = try encode(json, as: Self.any) }
    #expect(error.code == .duplicateField)
  }

  @Test func `an invalid value of a known type is an error, not base64`() throws {
    let name = "/google.protobuf.StringValue"
    let wire = [0x0A, UInt8(name.utf8.count)] + Array(name.utf8) + hex("12 02 0a 05")
    let error = try #require(throws: CodecError.self) { _ = try decode(wire, as: Self.any) }
    #expect(error.code == .malformedWire)
  }
}
