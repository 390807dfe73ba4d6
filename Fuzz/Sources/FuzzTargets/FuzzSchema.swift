internal import Codec
internal import Foundation

/// The schema of the messages of the codec's targets: everything in Tests/Cases in one.
struct FuzzSchema {
  let schema: Schema
  /// The types that an input chooses from by its first byte. Append new ones at the end, so that
  /// the existing corpus keeps its meaning.
  let messages: [MessageIndex]
  let value: MessageIndex

  /// Loaded once. Failing to load it is a bug of the tests, not a finding.
  static let shared: FuzzSchema = {
    do {
      return try FuzzSchema()
    } catch {
      preconditionFailure("the schema of the fuzz targets: \(error)")
    }
  }()

  private init() throws {
    var builder = SchemaBuilder()
    let cases = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../../Tests/Cases")
    for name in ["test.binpb", "codec.binpb", "editions.binpb"] {
      let bytes = [UInt8](try Data(contentsOf: cases.appendingPathComponent(name)))
      try unsafe builder.add(descriptorSet: bytes.span.bytes, source: name)
    }
    let schema = try builder.build()
    let names = [
      "bridge.test.Everything", "bridge.test.Nested", "bridge.test.legacy.Legacy",
      "bridge.test.editions.Mixed", "bridge.test.editions.Strict", "bridge.bench.Order",
      "bridge.bench.Tensor", "bridge.bench.Node", "bridge.bench.Dictionary", "bridge.bench.Batch",
      "google.protobuf.Any", "google.protobuf.Value", "google.protobuf.Struct",
      "google.protobuf.ListValue", "google.protobuf.Timestamp", "google.protobuf.Duration",
      "google.protobuf.FieldMask", "google.protobuf.DoubleValue", "google.protobuf.FloatValue",
      "google.protobuf.Int64Value", "google.protobuf.UInt32Value", "google.protobuf.BoolValue",
      "google.protobuf.StringValue", "google.protobuf.BytesValue", "google.protobuf.Empty",
      "google.rpc.Status", "google.rpc.BadRequest", "google.protobuf.FileDescriptorProto",
      "bridge.test.Everything.ByStringEntry", "bridge.test.editions.Mixed.ClosedByNameEntry",
      "google.protobuf.Struct.FieldsEntry", "bridge.test.legacy.Legacy.Box",
    ]
    var messages: [MessageIndex] = []
    for name in names {
      guard let message = schema.message(named: name) else {
        throw BrokenProperty("Tests/Cases has no \(name)")
      }
      messages.append(message)
    }
    guard let value = schema.message(named: "google.protobuf.Value") else {
      throw BrokenProperty("the built-in schemas have no google.protobuf.Value")
    }
    self.schema = schema
    self.messages = messages
    self.value = value
  }
}
