import Testing

@testable import Codec

/// The FieldMask that's made of the body of a PATCH.
@Suite("Masks of a PATCH")
struct PatchMaskTests {
  /// The mask's paths, in JSON, of a body for a field of `Change`.
  private static func mask(
    _ body: String, field: String, variables: [(String, String)] = [],
    query: [(String, String)] = [], _ change: (inout EncodeOptions) -> Void = { _ in }
  ) throws -> String? {
    let schema = try #require(try? Self.schema.get())
    let message = try #require(schema.message(named: "p.Change"))
    let path = try schema.fieldPath(field, in: message).fillingMask(of: schema)
    var bindings = Bindings()
    for (name, value) in variables {
      bindings.addVariable(
        try schema.pathVariable(name, in: message), value: Array(value.utf8).span.bytes)
    }
    for (name, value) in query {
      bindings.addParameter(name: Array(name.utf8).span.bytes, value: Array(value.utf8).span.bytes)
    }
    var options = EncodeOptions()
    change(&options)
    var sink = ByteSink()
    let transcoder = Transcoder()
    try transcoder.encode(
      Array(body.utf8).span.bytes, rule: .field(path), as: message, of: schema, bindings: bindings,
      options: options, into: &sink)
    var json = ByteSink()
    try transcoder.decode(
      sink.bytes, as: message, of: schema, responseBody: schema.fieldPath("mask", in: message),
      options: DecodeOptions(), into: &json)
    let text = String(decoding: json.array, as: UTF8.self)
    return text == "null" ? nil : text
  }

  /// message Change { Thing thing = 1; FieldMask mask = 2; Holder holder = 3; } and what's in it.
  private static let schema = Result {
    try DescriptorBytes.schema(
      DescriptorBytes.file(
        "google/protobuf/field_mask.proto", package: "google.protobuf",
        DescriptorBytes.message(
          "FieldMask", DescriptorBytes.field("paths", 1, type: 9, label: 3))),
      DescriptorBytes.file(
        "google/protobuf/timestamp.proto", package: "google.protobuf",
        DescriptorBytes.message(
          "Timestamp", DescriptorBytes.field("seconds", 1, type: 3),
          DescriptorBytes.field("nanos", 2, type: 5))),
      DescriptorBytes.file(
        "p.proto", package: "p",
        DescriptorBytes.message(
          "Change", DescriptorBytes.field("thing", 1, type: 11, typeName: ".p.Thing"),
          DescriptorBytes.field("mask", 2, type: 11, typeName: ".google.protobuf.FieldMask"),
          DescriptorBytes.field("name", 3, type: 9)),
        DescriptorBytes.message(
          "Thing", DescriptorBytes.field("display_name", 1, type: 9),
          DescriptorBytes.field("colour", 2, type: 11, typeName: ".p.Colour"),
          DescriptorBytes.field("tags", 3, type: 9, label: 3),
          DescriptorBytes.field("others", 4, type: 11, typeName: ".p.Thing", label: 3),
          DescriptorBytes.field("at", 5, type: 11, typeName: ".google.protobuf.Timestamp"),
          DescriptorBytes.field("inner", 6, type: 11, typeName: ".p.Thing")),
        DescriptorBytes.message("Colour", DescriptorBytes.field("dark_blue", 1, type: 5))))
  }

  @Test(arguments: [
    (#"{"displayName":"n","colour":{"darkBlue":1}}"#, #""displayName,colour.darkBlue""#),
    (#"{"display_name":"n"}"#, #""displayName""#),
    (#"{"colour":{"dark_blue":0},"displayName":""}"#, #""colour.darkBlue,displayName""#),
    (#"{"displayName":null,"colour":null}"#, #""displayName,colour""#),
    (#"{"colour":{}}"#, #""colour""#),
    (#"{"tags":["a"],"others":[{"tags":[]}],"at":"2024-01-01T00:00:00Z"}"#, #""tags,others,at""#),
    (
      #"{"inner":{"inner":{"colour":{"darkBlue":1},"tags":[]}},"tags":[]}"#,
      #""inner.inner.colour.darkBlue,inner.inner.tags,tags""#
    ),
    ("\u{FEFF} {\"\\u0074ags\" : [ ] }", #""tags""#),
  ])
  func `a mask has the paths of the body, in its order`(body: String, mask: String) throws {
    #expect(try Self.mask(body, field: "thing") == mask)
    #expect(
      try Self.mask(body, field: "thing", variables: [("name", "x"), ("thing.display_name", "y")])
        == mask)
  }

  @Test(arguments: ["", "null", "{}", " { } "])
  func `a body without members gets no mask`(body: String) throws {
    #expect(try Self.mask(body, field: "thing") == nil)
  }

  @Test func `the client's mask is kept, even an empty one`() throws {
    let body = #"{"tags":[]}"#
    #expect(
      try Self.mask(body, field: "thing", query: [("mask", "display_name")]) == #""displayName""#)
    #expect(try Self.mask(body, field: "thing", query: [("mask", "")]) == #""""#)
    #expect(try Self.mask(body, field: "thing", query: [("name", "x")]) == #""tags""#)
    #expect(try Self.mask(body, field: "thing", variables: [("mask", "at")]) == #""at""#)
  }

  @Test func `skipped members are not paths`() throws {
    let body = #"{"nope":{"tags":[]},"tags":[]}"#
    #expect(try Self.mask(body, field: "thing") { $0.ignoresUnknownFields = true } == #""tags""#)
  }

  @Test func `a body that isn't a message with fields of its own gets no mask`() throws {
    #expect(try Self.mask(#""x""#, field: "name") == nil)
  }
}
