/// Assembles a descriptor set from any bytes: a small machine whose every program yields a
/// well-formed message, so that changing one byte changes one thing and no length has to be adjusted.
///
/// The upper five bits of each instruction are a field number, the lower three the kind of value: 0
/// a number (the next byte), 1 a large number (the next byte shifted by the one after it), 2 a text
/// (the next byte is its index in `texts`), 3 a message that stays open until a 4 closes it, 5 to 7
/// a text of as many bytes less four. Field numbers beyond 29 are indices in `farNumbers`.
struct DescriptorAssembler {
  /// Names worth trying: above all those of the well-known types.
  static let texts = [
    "", "a", "b", "a.b", ".a", ".a.b", "key", "value", "fields", "values", "seconds", "nanos",
    "paths", "type_url", "google.protobuf", "Struct", "Value", "ListValue", "Timestamp", "Duration",
    "FieldMask", "Any", "Int64Value", "BoolValue", "StringValue", "NullValue", "FieldsEntry",
    "google/protobuf/struct.proto", "google/protobuf/any.proto", "google/protobuf/timestamp.proto",
    "google/protobuf/duration.proto", "google/protobuf/field_mask.proto",
    "google/protobuf/wrappers.proto", ".google.protobuf.Struct", ".google.protobuf.Value",
    ".google.protobuf.ListValue", ".google.protobuf.Timestamp", ".google.protobuf.Any",
    ".google.protobuf.Int64Value", ".google.protobuf.FieldMask", ".google.protobuf.NullValue",
    ".google.protobuf.Struct.FieldsEntry", ".google.protobuf.Empty", "proto2", "proto3", "editions",
    "/v1/{a}", "/v1/{a.b=x/*}:b", "/**", "*", "@type", "\u{E9}_\"\\\u{0}",
    ".google.protobuf.Duration", ".google.protobuf.BoolValue", ".google.protobuf.StringValue",
  ]
  /// FileOptions.features, and the extension google.api.http.
  static let farNumbers: [UInt64] = [50, 72_295_728]

  /// Open messages: their field numbers and their bytes so far.
  private var open: [(number: UInt64, bytes: [UInt8])] = [(0, [])]

  static func assemble(_ program: ArraySlice<UInt8>) -> [UInt8] {
    var assembler = DescriptorAssembler()
    var rest = program
    while let code = rest.popFirst() { assembler.step(code, &rest) }
    while assembler.open.count > 1 { assembler.close() }
    return assembler.open[0].bytes
  }

  private mutating func step(_ code: UInt8, _ rest: inout ArraySlice<UInt8>) {
    let index = Int(code >> 3)
    let number = index < 30 ? UInt64(index) : Self.farNumbers[index - 30]
    switch code & 7 {
    case 0:
      self.append(tag: number, 0)
      self.append(varint: UInt64(rest.popFirst() ?? 0))
    case 1:
      let value = UInt64(rest.popFirst() ?? 0)
      self.append(tag: number, 0)
      self.append(varint: value << UInt64((rest.popFirst() ?? 0) & 63))
    case 2:
      let choice = Int(rest.popFirst() ?? 0) % Self.texts.count
      self.append(text: Array(Self.texts[choice].utf8), number)
    case 3:
      if self.open.count < 64 { self.open.append((number, [])) }
    case 4:
      if self.open.count > 1 { self.close() }
    default:
      let text = rest.prefix(Int(code & 7) - 4)
      rest = rest.dropFirst(text.count)
      self.append(text: Array(text), number)
    }
  }

  private mutating func close() {
    let (number, bytes) = self.open.removeLast()
    self.append(text: bytes, number)
  }

  private mutating func append(text: [UInt8], _ number: UInt64) {
    self.append(tag: number, 2)
    self.append(varint: UInt64(text.count))
    self.open[self.open.count - 1].bytes += text
  }

  private mutating func append(tag number: UInt64, _ wireType: UInt64) {
    self.append(varint: max(1, number) << 3 | wireType)
  }

  private mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      self.open[self.open.count - 1].bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    self.open[self.open.count - 1].bytes.append(UInt8(rest))
  }
}
