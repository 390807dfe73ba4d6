@testable import Codec

/// Descriptor sets of a few messages, in wire form, for schemas that no file of the tests has.
enum DescriptorBytes {
  /// The schema of some files (`file`).
  static func schema(_ files: [UInt8]...) throws -> Schema {
    var builder = SchemaBuilder()
    let set = files.flatMap { Self.record(1, $0) }
    try builder.add(descriptorSet: set.span.bytes, source: "test")
    return try builder.build()
  }

  /// A FileDescriptorProto: of proto3, or of proto2 where `syntax` says so.
  static func file(
    _ name: String, package: String, syntax: String = "proto3", _ messages: [UInt8]...
  ) -> [UInt8] {
    Self.text(1, name) + Self.text(2, package) + messages.flatMap { Self.record(4, $0) }
      + Self.text(12, syntax)
  }

  static func message(_ name: String, _ fields: [UInt8]...) -> [UInt8] {
    Self.text(1, name) + fields.flatMap { Self.record(2, $0) }
  }

  /// - Parameters:
  ///   - type: the number of FieldDescriptorProto.Type.
  ///   - label: 1 for optional, 3 for repeated.
  static func field(
    _ name: String, _ number: UInt8, type: UInt8, typeName: String = "", label: UInt8 = 1,
    jsonName: String? = nil
  ) -> [UInt8] {
    Self.text(1, name) + [3 << 3, number, 4 << 3, label, 5 << 3, type]
      + (typeName.isEmpty ? [] : Self.text(6, typeName))
      + (jsonName.map { Self.text(10, $0) } ?? [])
  }

  static func text(_ number: UInt8, _ text: String) -> [UInt8] {
    Self.record(number, Array(text.utf8))
  }

  /// A record with a length.
  static func record(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
    var head = [number << 3 | 2]
    var length = content.count
    while length >= 0x80 {
      head.append(UInt8(length & 0x7F | 0x80))
      length >>= 7
    }
    return head + [UInt8(length)] + content
  }
}
