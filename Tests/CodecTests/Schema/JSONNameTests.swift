import Testing

@testable import Codec

/// JSON names that clash, and those that look like paths.
@Suite("JSON names")
struct JSONNameTests {
  private static func schema(_ fields: [(name: String, jsonName: String?)]) throws -> Schema {
    var content = DescriptorBytes.text(1, "M")
    for (ordinal, field) in fields.enumerated() {
      content += DescriptorBytes.record(
        2,
        DescriptorBytes.field(field.name, UInt8(ordinal + 1), type: 5, jsonName: field.jsonName))
    }
    return try DescriptorBytes.schema(
      DescriptorBytes.file("m.proto", package: "", syntax: "proto2", content))
  }

  private static func decode(_ wire: [UInt8], _ schema: Schema) throws -> String {
    var sink = ByteSink()
    try Transcoder().decode(
      wire.span.bytes, as: MessageIndex(rawValue: 0), of: schema, responseBody: nil,
      options: DecodeOptions(), into: &sink)
    return String(decoding: sink.array, as: UTF8.self)
  }

  private static func encode(
    _ json: String, query: [(String, String)] = [], _ schema: Schema
  ) throws -> [UInt8] {
    var bindings = Bindings()
    for (name, value) in query {
      bindings.addParameter(name: Array(name.utf8).span.bytes, value: Array(value.utf8).span.bytes)
    }
    var sink = ByteSink()
    try Transcoder().encode(
      Array(json.utf8).span.bytes, rule: query.isEmpty ? .whole : .none,
      as: MessageIndex(rawValue: 0), of: schema, bindings: bindings, options: EncodeOptions(),
      into: &sink)
    return sink.array
  }

  @Test(
    arguments: [
      ([("maxLevel", nil), ("max_level", nil)], ["maxLevel", "max_level"]),
      ([("max_level", nil), ("maxLevel", nil)], ["max_level", "maxLevel"]),
      ([("a_b", nil), ("a__b", nil)], ["aB", "a__b"]),
      ([("a", "x"), ("b", "x"), ("x", "c")], ["x", "b", "c"]),
      ([("a", "x"), ("b", "x"), ("x", nil)], ["a", "b", "x"]),
      // The name that a field falls back to is another one's JSON name.
      ([("a", "x"), ("b", "x"), ("c", "b")], ["x", "b", "c"]),
      ([("a", "b"), ("b", "a")], ["b", "a"]),
    ] as [([(String, String?)], [String])])
  func `a field whose JSON name is taken uses its own name, both ways`(
    fields: [(String, String?)], names: [String]
  ) throws {
    let schema = try Self.schema(fields.map { ($0.0, $0.1) })
    #expect(schema.messages[0].fields.map(\.jsonName) == names)
    let wire = fields.indices.flatMap { [UInt8($0 + 1) << 3, UInt8($0 + 1)] }
    let json =
      "{" + names.enumerated().map { "\"\($1)\":\($0 + 1)" }.joined(separator: ",") + "}"
    #expect(try Self.decode(wire, schema) == json)
    #expect(try Self.encode(json, schema) == wire)
    #expect(schema.warnings.isEmpty == (Set(fields.compactMap(\.1)).count == fields.count))
  }

  @Test func `a query can name a field by a JSON name with dots`() throws {
    let schema = try Self.schema([("lat", "geo.lat"), ("high", "geo.lat.high"), ("geo", nil)])
    for (name, number) in [("geo.lat", 1), ("geo.lat.high", 2), ("lat", 1), ("geo", 3)] {
      #expect(
        try Self.encode("", query: [(name, "5")], schema) == [UInt8(number) << 3, 5], "\(name)")
    }
    for name in ["geo.la", "geo.lat.", "geo.latt", "geo.lat.low"] {
      #expect(throws: CodecError.self) { try Self.encode("", query: [(name, "5")], schema) }
    }
  }
}
