/// The fields that the interpreters rely on: of map entries, and of google's types with a JSON form
/// of their own. The compiler generates no others, but a descriptor set can contain anything.
enum WellKnownTypeShapes {
  /// Rejects a message whose fields differ from those of its kind.
  static func check(
    _ message: MessageSchema, among messages: [MessageSchema], enums: [EnumSchema]
  ) throws(SchemaError) {
    if message.isMapEntry { try Self.checkEntry(message) }
    guard let expected = Self.fields(of: message.fullName) else { return }
    let found = message.fields.prefix(expected.count).map {
      Self.describe($0, among: messages, enums: enums)
    }
    guard found == expected else {
      throw SchemaError(
        .unsupported, subject: message.fullName,
        reason: "its fields differ from those in Google's own file: "
          + expected.joined(separator: ", "))
    }
  }

  /// Requires a valid key kind in field 1 and a value in field 2 (the language guide, "Maps").
  private static func checkEntry(_ message: MessageSchema) throws(SchemaError) {
    let fields = message.fields
    let isEntry =
      fields.count == 2 && fields[0].number == 1 && fields[1].number == 2
      && fields.allSatisfy { $0.cardinality == .singular }
    let isValue: Bool
    if isEntry, case .group = fields[1].type { isValue = false } else { isValue = isEntry }
    var isKey = false
    if isEntry {
      switch fields[0].type {
      case .double, .float, .bytes, .enumeration, .message, .group: break
      default: isKey = true
      }
    }
    guard isKey && isValue else {
      throw SchemaError(
        .unsupported, subject: message.fullName,
        reason: "a map entry has a key (an integer, bool or string) in field 1, "
          + "a value in field 2, and nothing else")
    }
  }

  private static func fields(of fullName: String) -> [String]? {
    switch fullName {
    case "google.protobuf.Any", HTTPBody.fullName: ["1 string", "2 bytes"]
    case "google.protobuf.Timestamp", "google.protobuf.Duration": ["1 int64", "2 int32"]
    case "google.protobuf.FieldMask": ["1 repeated string"]
    case "google.protobuf.Struct": ["1 map google.protobuf.Struct.FieldsEntry"]
    case "google.protobuf.Struct.FieldsEntry": ["1 string", "2 google.protobuf.Value"]
    case "google.protobuf.Value":
      [
        "1 google.protobuf.NullValue", "2 double", "3 string", "4 bool",
        "5 google.protobuf.Struct", "6 google.protobuf.ListValue",
      ]
    case "google.protobuf.ListValue": ["1 repeated google.protobuf.Value"]
    case "google.protobuf.DoubleValue": ["1 double"]
    case "google.protobuf.FloatValue": ["1 float"]
    case "google.protobuf.Int64Value": ["1 int64"]
    case "google.protobuf.UInt64Value": ["1 uint64"]
    case "google.protobuf.Int32Value": ["1 int32"]
    case "google.protobuf.UInt32Value": ["1 uint32"]
    case "google.protobuf.BoolValue": ["1 bool"]
    case "google.protobuf.StringValue": ["1 string"]
    case "google.protobuf.BytesValue": ["1 bytes"]
    default: nil
    }
  }

  /// A field in the notation of `fields(of:)`: `1 repeated string`.
  private static func describe(
    _ field: FieldSchema, among messages: [MessageSchema], enums: [EnumSchema]
  ) -> String {
    let cardinality =
      switch field.cardinality {
      case .singular: ""
      case .repeated: "repeated "
      case .packed: "packed "
      case .map: "map "
      }
    let type =
      switch field.type {
      case .message(let index): messages[Int(index.rawValue)].fullName
      case .group(let index): "group \(messages[Int(index.rawValue)].fullName)"
      case .enumeration(let index): enums[Int(index.rawValue)].fullName
      default: "\(field.type)"
      }
    return "\(field.number) \(cardinality)\(type)"
  }
}
