import Foundation
import Testing

@testable import Codec

/// The schemas of the tests, from Tests/Cases.
enum TestSchema {
  /// The schema of Protos/test (everything.proto, legacy.proto, editions.txtpb), loaded once.
  static let shared: Schema = {
    do {
      return try Self.load("test.binpb", "editions.binpb")
    } catch {
      fatalError("the test schema can't be loaded: \(error)")
    }
  }()

  /// The schema of Protos/bench, whose messages the corpora are.
  static func bench() throws -> Schema {
    try Self.load("codec.binpb")
  }

  private static func load(_ names: String...) throws -> Schema {
    var builder = SchemaBuilder()
    for name in names {
      let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../Cases/\(name)")
      try builder.add(
        descriptorSet: [UInt8](Data(contentsOf: path)).span.bytes, source: name)
    }
    return try builder.build()
  }

  static func type(_ name: String) throws -> MessageIndex {
    try #require(Self.shared.message(named: name), "no such type: \(name)")
  }
}

/// Encodes JSON as the whole of a message.
func encode(
  _ json: String, as type: String = "bridge.test.Everything", rule: BodyRule = .whole,
  variables: [(String, String)] = [], query: [(String, String)] = [],
  _ change: (inout EncodeOptions) -> Void = { _ in }
) throws -> [UInt8] {
  let schema = TestSchema.shared
  let message = try TestSchema.type(type)
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
  var sink = ByteSink(capacity: 64)
  try Transcoder().encode(
    Array(json.utf8).span.bytes, rule: rule, as: message, of: schema, bindings: bindings,
    options: options, into: &sink)
  return sink.array
}

/// Decodes a whole message to JSON.
func decode(
  _ wire: [UInt8], as type: String = "bridge.test.Everything", selecting field: String? = nil,
  _ change: (inout DecodeOptions) -> Void = { _ in }
) throws -> String {
  let schema = TestSchema.shared
  let message = try TestSchema.type(type)
  var options = DecodeOptions()
  change(&options)
  var sink = ByteSink(capacity: 64)
  try Transcoder().decode(
    wire.span.bytes, as: message, of: schema,
    responseBody: try field.map { try schema.fieldPath($0, in: message) }, options: options,
    into: &sink)
  return String(decoding: sink.array, as: UTF8.self)
}

/// `0a 03 61` as bytes.
func hex(_ text: String) -> [UInt8] {
  text.split(separator: " ").compactMap { UInt8($0, radix: 16) }
}

func hex(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
}
