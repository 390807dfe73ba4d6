import Testing

@testable import Codec

/// Descriptor sets that no compiler writes, but that have the form of one.
struct ShapeTests {
  @Test(
    arguments: [
      // Int64Value with no field, and with a message in place of its number.
      ("google/protobuf/wrappers.proto", "google.protobuf", message("Int64Value")),
      (
        "google/protobuf/wrappers.proto", "google.protobuf",
        message("Int64Value", field("value", 1, type: 11, typeName: ".google.protobuf.Any"))
      ),
      ("google/protobuf/struct.proto", "google.protobuf", message("Struct")),
      ("google/protobuf/struct.proto", "google.protobuf", message("Value")),
      (
        "google/protobuf/field_mask.proto", "google.protobuf",
        message("FieldMask", field("paths", 1, type: 5))
      ),
      // A map whose entry has no value, one whose key is a float, and one whose value is a group.
      ("a.proto", "", entry(field("key", 1, type: 9))),
      ("a.proto", "", entry(field("key", 1, type: 2), field("value", 2, type: 9))),
      (
        "a.proto", "", entry(field("key", 1, type: 9), field("value", 2, type: 10, typeName: ".M"))
      ),
    ] as [(String, String, [UInt8])])
  func `well-known types and map entries of another shape are refused`(
    file: String, package: String, message: [UInt8]
  ) {
    let set = record(1, text(1, file) + text(2, package) + record(4, message))
    let error = #expect(throws: SchemaError.self) {
      var builder = SchemaBuilder()
      try builder.add(descriptorSet: set.span.bytes, source: "test")
      _ = try builder.build()
    }
    #expect(error?.code == .unsupported)
  }
}

// Descriptors in wire form: all lengths and numbers are small.

private func record(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
  var length = [UInt8(content.count & 0x7F)]
  if content.count > 0x7F { length = [length[0] | 0x80, UInt8(content.count >> 7)] }
  return [number << 3 | 2] + length + content
}

private func text(_ number: UInt8, _ text: String) -> [UInt8] {
  record(number, Array(text.utf8))
}

private func message(_ name: String, _ fields: [UInt8]...) -> [UInt8] {
  text(1, name) + fields.flatMap { record(2, $0) }
}

private func field(
  _ name: String, _ number: UInt8, type: UInt8, typeName: String = ""
) -> [UInt8] {
  text(1, name) + [3 << 3, number, 5 << 3, type] + (typeName.isEmpty ? [] : text(6, typeName))
}

/// A message `M` with a map field of this entry.
private func entry(_ fields: [UInt8]...) -> [UInt8] {
  let map = field("m", 1, type: 11, typeName: ".M.E") + [4 << 3, 3]
  let entry = text(1, "E") + fields.flatMap { record(2, $0) } + record(7, [7 << 3, 1])
  return message("M", map) + record(3, entry)
}
