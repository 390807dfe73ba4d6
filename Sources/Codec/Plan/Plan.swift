/// The executable form of a schema: flat tables, without strings other than key bytes.
///
/// Compiled once by `PlanCompiler`; the interpreters read nothing else. Message and enum indices
/// are those of the `Schema`. Owns the memory of its tables.
package final class Plan: Sendable {
  let messages: FrozenTable<MessagePlan>
  /// The fields of all messages, grouped by message, in the order of `MessageSchema.fields`.
  let fields: FrozenTable<FieldPlan>
  let enums: FrozenTable<EnumPlan>
  let enumValues: FrozenTable<EnumValuePlan>
  /// Names in every form that's needed, back to back, followed by 16 bytes of padding.
  let text: FrozenTable<UInt8>
  /// Hash tables of JSON keys and enum names, and tables from number to field; -1 is an empty slot.
  let slots: FrozenTable<Int32>
  /// Pairs of field number and ordinal, sorted by number, for numbers beyond a dense table.
  let sparseNumbers: FrozenTable<NumberSlot>
  /// The ordinals of the required fields, grouped by message.
  let requiredFields: FrozenTable<Int32>
  /// google.protobuf.Struct, Value and ListValue; -1 if the schema doesn't have them.
  let known: KnownTypes
  /// Hash table of the messages' full names in `slots`; its size is `typeMask + 1`.
  let typeSlots: Int
  let typeMask: Int

  init(
    messages: [MessagePlan], fields: [FieldPlan], enums: [EnumPlan], enumValues: [EnumValuePlan],
    text: [UInt8], slots: [Int32], sparseNumbers: [NumberSlot], requiredFields: [Int32],
    known: KnownTypes, typeSlots: Int32, typeMask: Int32
  ) {
    self.messages = FrozenTable(copying: messages)
    self.fields = FrozenTable(copying: fields)
    self.enums = FrozenTable(copying: enums)
    self.enumValues = FrozenTable(copying: enumValues)
    self.text = FrozenTable(copying: text, padding: [UInt8](repeating: 0, count: 16))
    self.slots = FrozenTable(copying: slots)
    self.sparseNumbers = FrozenTable(copying: sparseNumbers)
    self.requiredFields = FrozenTable(copying: requiredFields)
    self.known = known
    self.typeSlots = Int(typeSlots)
    self.typeMask = Int(typeMask)
  }

  deinit {
    self.messages.deallocate()
    self.fields.deallocate()
    self.enums.deallocate()
    self.enumValues.deallocate()
    self.text.deallocate()
    self.slots.deallocate()
    self.sparseNumbers.deallocate()
    self.requiredFields.deallocate()
  }
}

/// Indices of the message types that represent any JSON value.
struct KnownTypes: Sendable {
  var structure: Int32 = -1
  var value: Int32 = -1
  var listValue: Int32 = -1
  /// The map entry type of `google.protobuf.Struct.fields`.
  var structEntry: Int32 = -1
}

/// One message type as the interpreters read it.
struct MessagePlan: BitwiseCopyable, Sendable {
  /// Index of the first field in `Plan.fields`.
  var firstField: Int32
  var fieldCount: Int32
  var oneofCount: Int32
  var wellKnown: WellKnownType
  /// The full name in `Plan.text`.
  var name: Int32
  var nameLength: Int32
  /// Hash table of the JSON keys in `Plan.slots`; its size is `keyMask + 1`.
  var keySlots: Int32
  var keyMask: Int32
  /// The length of the longest JSON name that contains a dot; 0 if there is none.
  var dottedNameLength: Int32
  /// Table in `Plan.slots` from number to field, for numbers below `denseCount`.
  var denseSlots: Int32
  var denseCount: Int32
  /// Range in `Plan.sparseNumbers`.
  var firstSparse: Int32
  var sparseCount: Int32
  /// Range in `Plan.requiredFields`.
  var firstRequired: Int32
  var requiredCount: Int32

  /// The number of bits in which a frame records what it has seen: fields, then oneofs.
  var seenBits: Int { Int(self.fieldCount) + Int(self.oneofCount) }
}

/// Message types with a JSON form of their own (the ProtoJSON page, "Well-known types").
enum WellKnownType: UInt8, BitwiseCopyable, Sendable {
  case none
  case any
  case timestamp
  case duration
  case fieldMask
  case structure
  case value
  case listValue
  /// DoubleValue and the other wrappers: the JSON form is that of field 1.
  case wrapper

  init(fullName: String) {
    switch fullName {
    case "google.protobuf.Any": self = .any
    case "google.protobuf.Timestamp": self = .timestamp
    case "google.protobuf.Duration": self = .duration
    case "google.protobuf.FieldMask": self = .fieldMask
    case "google.protobuf.Struct": self = .structure
    case "google.protobuf.Value": self = .value
    case "google.protobuf.ListValue": self = .listValue
    case "google.protobuf.DoubleValue", "google.protobuf.FloatValue",
      "google.protobuf.Int64Value", "google.protobuf.UInt64Value",
      "google.protobuf.Int32Value", "google.protobuf.UInt32Value",
      "google.protobuf.BoolValue", "google.protobuf.StringValue",
      "google.protobuf.BytesValue":
      self = .wrapper
    default: self = .none
    }
  }
}

/// A field's type, as the interpreters switch on it.
enum FieldKind: UInt8, BitwiseCopyable, Sendable {
  case double
  case float
  case int64
  case uint64
  case int32
  case fixed64
  case fixed32
  case bool
  case string
  case group
  case message
  case bytes
  case uint32
  case enumeration
  case sfixed32
  case sfixed64
  case sint32
  case sint64

  /// The wire type of one element (not packed).
  var wireType: WireType {
    switch self {
    case .double, .fixed64, .sfixed64: .fixed64
    case .float, .fixed32, .sfixed32: .fixed32
    case .int64, .uint64, .int32, .bool, .uint32, .enumeration, .sint32, .sint64: .varint
    case .string, .message, .bytes: .lengthDelimited
    case .group: .startGroup
    }
  }
}

/// The wire types of Protobuf.
enum WireType: UInt8, BitwiseCopyable, Sendable {
  case varint = 0
  case fixed64 = 1
  case lengthDelimited = 2
  case startGroup = 3
  case endGroup = 4
  case fixed32 = 5
}

/// The cardinality and encoding of a field.
enum FieldShape: UInt8, BitwiseCopyable, Sendable {
  case singular
  case repeated
  case packed
  case map
}

/// One field as the interpreters read it.
struct FieldPlan: BitwiseCopyable, Sendable {
  /// The tag as it appears on the wire, first byte lowest; for a packed field that of the LEN record.
  var tagBytes: UInt64
  var tagLength: UInt8
  var kind: FieldKind
  var shape: FieldShape
  /// Whether a default value is written too.
  var hasPresence: Bool
  var isRequired: Bool
  /// For enums: whether undeclared numbers are unknown.
  var isClosedEnum: Bool
  /// For messages: the well-known type of the target, copied from its plan.
  var wellKnown: WellKnownType
  /// For enums: whether it's google.protobuf.NullValue, whose JSON form is null.
  var isNullValue: Bool
  /// The tag as a number, and the tag of the other accepted encoding (packed for repeated and vice
  /// versa); 0 if there is none.
  var tag: UInt32
  var otherTag: UInt32
  /// The oneof's ordinal in its message, or -1.
  var oneof: Int32
  /// Index of the message (for a map, of its entry) or enum, or -1.
  var type: Int32
  /// `"jsonName":` in `Plan.text`.
  var jsonKey: Int32
  var jsonKeyLength: Int32
  /// `"proto_name":` in `Plan.text`.
  var protoKey: Int32
  var protoKeyLength: Int32
  /// The JSON name, unescaped, in `Plan.text`.
  var jsonName: Int32
  var jsonNameLength: Int32
  /// The proto name in `Plan.text`.
  var protoName: Int32
  var protoNameLength: Int32

  var number: UInt32 { self.tag >> 3 }
  var isRepeated: Bool { self.shape != .singular }
}

/// One enum type as the interpreters read it.
struct EnumPlan: BitwiseCopyable, Sendable {
  /// Range in `Plan.enumValues`, sorted by number; of aliases, the one declared first.
  var firstValue: Int32
  var valueCount: Int32
  /// Whether the numbers are firstNumber, firstNumber + 1, … without a gap.
  var isDense: Bool
  var isClosed: Bool
  var firstNumber: Int32
  /// The number of an unset field: that of the value declared first.
  var defaultNumber: Int32
  /// Hash table of names in `Plan.slots`, containing indices into `Plan.enumValues`.
  var nameSlots: Int32
  var nameMask: Int32
  /// The same for the names without their prefix; the mask is -1 if none can be shortened.
  var shortSlots: Int32
  var shortMask: Int32
}

/// A value of an enum. Aliases have entries of their own after the sorted ones.
struct EnumValuePlan: BitwiseCopyable, Sendable {
  var number: Int32
  /// `"NAME"` with its quotes in `Plan.text`.
  var quotedName: Int32
  var quotedNameLength: Int32
  /// The length of the part of the name that repeats the enum's own and can be omitted, or 0.
  var prefixLength: Int32
}

/// A field number beyond the dense table.
struct NumberSlot: BitwiseCopyable, Sendable {
  var number: UInt32
  /// The field's ordinal in its message.
  var field: Int32
}
