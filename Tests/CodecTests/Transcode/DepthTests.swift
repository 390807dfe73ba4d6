import Testing

@testable import Codec

/// One limit of nesting, counted alike in both directions.
@Suite("Depth")
struct DepthTests {
  private static func text(
    _ open: String, _ inner: String, _ close: String, _ levels: Int
  ) -> String {
    String(repeating: open, count: levels) + inner + String(repeating: close, count: levels)
  }

  @Test(arguments: [
    ("google.protobuf.Struct", #"{"a":"#, "{}", "}", 99),
    ("google.protobuf.ListValue", "[", "[]", "]", 99),
    ("google.protobuf.Value", "[", "[]", "]", 99),
    ("google.protobuf.Value", #"[{"a":"#, "[]", "}]", 49),
    ("bridge.test.Nested", #"{"child":"#, "{}", "}", 99),
    ("bridge.test.Nested", #"{"children":["#, "{}", "]}", 99),
    ("bridge.test.Everything", #"{"struct":{"a":"#, "1", "}}", 1),
    (
      "google.protobuf.Any", #"{"@type":"/google.protobuf.Any","value":"#,
      #"{"@type":"/bridge.test.Nested"}"#, "}", 99
    ),
  ])
  func `what is accepted is printed, and what is refused is refused both ways`(
    type: String, open: String, inner: String, close: String, levels: Int
  ) throws {
    let whole = Self.text(open, inner, close, levels)
    let wire = try encode(whole, as: type)
    #expect(try decode(wire, as: type) == whole)
    guard levels > 1 else { return }
    let deeper = Self.text(open, inner, close, levels + 1)
    let error = try #require(throws: CodecError.self) { _ = try encode(deeper, as: type) }
    #expect(error.code == .tooDeep)
    let deeperWire = try encode(deeper, as: type) { $0.depthLimit = 1000 }
    let printed = try #require(throws: CodecError.self) { _ = try decode(deeperWire, as: type) }
    #expect(printed.code == .tooDeep)
  }

  @Test func `a scalar at the limit is not a level`() throws {
    let type = "google.protobuf.Struct"
    for value in ["null", "1", #""x""#, "true"] {
      let json = Self.text(#"{"a":"#, value, "}", 100)
      #expect(try decode(try encode(json, as: type), as: type) == json)
    }
  }

  @Test func `members before @type are as deep as those after it`() throws {
    let children = Self.text(#"{"children":["#, "{}", "]}", 98)
    let json = #"{"children":[\#(children)],"@type":"/bridge.test.Nested"}"#
    let wire = try encode(json, as: "google.protobuf.Any")
    #expect(
      try decode(wire, as: "google.protobuf.Any")
        == #"{"@type":"/bridge.test.Nested","children":[\#(children)]}"#)
  }

  @Test func `a query parameter may be as deep as a body, and no deeper`() throws {
    let type = "bridge.test.Nested"
    func name(_ depth: Int) -> String {
      String(repeating: "child.", count: depth - 1) + "text"
    }
    let wire = try encode("", as: type, rule: .none, query: [(name(100), "x")])
    #expect(try decode(wire, as: type).contains(#""text":"x""#))
    for depth in [101, 5000] {
      let error = try #require(throws: CodecError.self) {
        _ = try encode("", as: type, rule: .none, query: [(name(depth), "x")])
      }
      #expect(error.code == .tooDeep)
      #expect("\(error)".utf8.count < 300)
    }
  }
}
