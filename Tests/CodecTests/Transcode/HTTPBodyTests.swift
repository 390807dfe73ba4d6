import Testing

@testable import Codec

/// google.api.HttpBody: bodies that aren't JSON.
@Suite("HTTP bodies of any type")
struct HTTPBodyTests {
  private func encode(
    _ body: String, type: String, rule: BodyRule, as message: String,
    query: [(String, String)] = []
  ) throws -> String {
    var bindings = Bindings()
    for (name, value) in query {
      let (name, value) = (Array(name.utf8), Array(value.utf8))
      bindings.addParameter(name: name.span.bytes, value: value.span.bytes)
    }
    var sink = ByteSink()
    let (body, type) = (Array(body.utf8), Array(type.utf8))
    try Transcoder().encode(
      httpBody: body.span.bytes, contentType: type.span.bytes, rule: rule,
      as: TestSchema.type(message), of: TestSchema.shared, bindings: bindings,
      options: EncodeOptions(), into: &sink)
    return hex(sink.array)
  }

  @Test func `the body is the message's data, of any kind`() throws {
    let type = "google.api.HttpBody"
    #expect(
      try self.encode("{\"no json", type: "a/b", rule: .whole, as: type)
        == "0a 03 61 2f 62 12 09 7b 22 6e 6f 20 6a 73 6f 6e")
    #expect(try self.encode("", type: "a/b", rule: .whole, as: type) == "0a 03 61 2f 62")
    #expect(try self.encode("x", type: "", rule: .whole, as: type) == "12 01 78")
    #expect(try self.encode("", type: "", rule: .whole, as: type) == "")
  }

  @Test func `the body can be the data of a field, beside path and query`() throws {
    let schema = TestSchema.shared
    let everything = try TestSchema.type("bridge.test.Everything")
    let rule = BodyRule.field(try schema.fieldPath("attachment", in: everything))
    #expect(
      try self.encode(
        "x", type: "a/b", rule: rule, as: "bridge.test.Everything", query: [("aInt32", "1")])
        == "ca 0c 08 0a 03 61 2f 62 12 01 78 20 01")
    #expect(try self.encode("", type: "", rule: rule, as: "bridge.test.Everything") == "")
    #expect(throws: CodecError.self) {
      _ = try self.encode("x", type: "", rule: .none, as: "bridge.test.Everything")
    }
    let long = String(repeating: "é", count: 100_000)
    #expect(
      try self.encode(long, type: "text/plain", rule: rule, as: "bridge.test.Everything").utf8.count
        > 600_000)
  }

  @Test(arguments: [
    ("", 0..<0, 0..<0), ("0a 01 61 12 02 62 63", 2..<3, 5..<7),
    ("12 02 62 63 0a 01 61", 6..<7, 2..<4), ("12 01 61 12 01 62", 0..<0, 5..<6),
    ("1a 00 12 01 61 a0 06 05", 0..<0, 4..<5),
  ])
  func `a reply's parts are found, and the last of several records wins`(
    wire: String, contentType: Range<Int>, data: Range<Int>
  ) throws {
    let bytes = hex(wire)
    let parts = try HTTPBody.parts(of: bytes.span.bytes, in: nil, of: TestSchema.shared)
    #expect(parts == HTTPBody.Parts(contentType: contentType, data: data))
  }

  @Test func `the parts of a field of the reply are found`() throws {
    let everything = try TestSchema.type("bridge.test.Everything")
    let field = try TestSchema.shared.fieldPath("attachment", in: everything)
    #expect(TestSchema.shared.isHTTPBody(field))
    let bytes = hex("20 01 ca 0c 03 0a 01 61 ca 0c 03 12 01 62 7a 01 63")
    let parts = try HTTPBody.parts(of: bytes.span.bytes, in: field, of: TestSchema.shared)
    #expect(parts == HTTPBody.Parts(contentType: 7..<8, data: 13..<14))
    for broken in ["ca 0c 05 0a 01 61", "ca 0c 02 12 05", "12 05 61", "0a"] {
      let bytes = hex(broken)
      #expect(throws: CodecError.self) {
        _ = try HTTPBody.parts(of: bytes.span.bytes, in: field, of: TestSchema.shared)
        _ = try HTTPBody.parts(of: bytes.span.bytes, in: nil, of: TestSchema.shared)
      }
    }
  }
}
