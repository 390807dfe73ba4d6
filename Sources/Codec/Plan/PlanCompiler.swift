/// Compiles the messages and enums of a schema into a `Plan`. Runs once per load.
struct PlanCompiler {
  private var messages: [MessagePlan] = []
  private var fields: [FieldPlan] = []
  private var enums: [EnumPlan] = []
  private var enumValues: [EnumValuePlan] = []
  private var text: [UInt8] = []
  private var slots: [Int32] = []
  private var sparseNumbers: [NumberSlot] = []
  private var requiredFields: [Int32] = []
  private var known = KnownTypes()

  /// Compiles a schema whose names are resolved: all indices must be in range.
  static func compile(messages: [MessageSchema], enums: [EnumSchema]) -> Plan {
    var compiler = PlanCompiler()
    for schema in enums { compiler.add(schema) }
    for schema in messages { compiler.add(schema, among: messages, enums: enums) }
    let names = messages.enumerated().map { (key: Array($1.fullName.utf8), value: Int32($0)) }
    let (typeSlots, typeMask) = compiler.hashTable(names)
    return Plan(
      messages: compiler.messages, fields: compiler.fields, enums: compiler.enums,
      enumValues: compiler.enumValues, text: compiler.text, slots: compiler.slots,
      sparseNumbers: compiler.sparseNumbers, requiredFields: compiler.requiredFields,
      known: compiler.known, typeSlots: typeSlots, typeMask: typeMask)
  }

  private mutating func add(
    _ message: MessageSchema, among messages: [MessageSchema], enums: [EnumSchema]
  ) {
    let index = Int32(self.messages.count)
    switch message.fullName {
    case "google.protobuf.Struct": self.known.structure = index
    case "google.protobuf.Value": self.known.value = index
    case "google.protobuf.ListValue": self.known.listValue = index
    case "google.protobuf.Struct.FieldsEntry": self.known.structEntry = index
    default: break
    }
    let firstField = self.fields.count
    let firstRequired = self.requiredFields.count
    for (ordinal, field) in message.fields.enumerated() {
      self.fields.append(self.plan(field, among: messages, enums: enums))
      if field.isRequired { self.requiredFields.append(Int32(ordinal)) }
    }
    let name = self.store(Array(message.fullName.utf8))
    var plan = MessagePlan(
      firstField: Int32(firstField), fieldCount: Int32(message.fields.count),
      oneofCount: Int32(message.oneofs.count),
      wellKnown: WellKnownType(fullName: message.fullName),
      name: name.start, nameLength: name.count,
      keySlots: 0, keyMask: 0,
      dottedNameLength: Int32(
        message.fields.lazy.map(\.jsonName).filter { $0.contains(".") && !$0.hasPrefix("[") }
          .map(\.utf8.count).max() ?? 0),
      denseSlots: 0, denseCount: 0, firstSparse: 0, sparseCount: 0,
      firstRequired: Int32(firstRequired),
      requiredCount: Int32(self.requiredFields.count - firstRequired))
    self.addKeys(of: message, to: &plan)
    self.addNumbers(of: message, to: &plan)
    self.messages.append(plan)
  }

  private mutating func plan(
    _ field: FieldSchema, among messages: [MessageSchema], enums: [EnumSchema]
  ) -> FieldPlan {
    let kind = FieldKind(field.type)
    let shape: FieldShape =
      switch field.cardinality {
      case .singular: .singular
      case .repeated: .repeated
      case .packed: .packed
      case .map: .map
      }
    let element = UInt32(field.number) << 3 | UInt32(kind.wireType.rawValue)
    let packed = UInt32(field.number) << 3 | UInt32(WireType.lengthDelimited.rawValue)
    let isPackable = kind.wireType != .lengthDelimited && kind.wireType != .startGroup
    let tag = shape == .packed ? packed : element
    let otherTag: UInt32 =
      switch shape {
      case .packed: element
      case .repeated where isPackable: packed
      default: 0
      }
    var type: Int32 = -1
    var wellKnown = WellKnownType.none
    var isNullValue = false
    var isClosed = false
    switch field.type {
    case .message(let index), .group(let index):
      type = index.rawValue
      wellKnown = WellKnownType(fullName: messages[Int(type)].fullName)
    case .enumeration(let index):
      type = index.rawValue
      isClosed = enums[Int(type)].isClosed
      isNullValue = enums[Int(type)].fullName == "google.protobuf.NullValue"
    default: break
    }
    let (tagBytes, tagLength) = Self.varint(tag)
    let jsonKey = self.store(Self.quoted(field.jsonName) + [UInt8(ascii: ":")])
    let protoKey =
      field.name == field.jsonName
      ? jsonKey : self.store(Self.quoted(field.name) + [UInt8(ascii: ":")])
    let jsonName = self.store(Array(field.jsonName.utf8))
    let protoName =
      field.name == field.jsonName ? jsonName : self.store(Array(field.name.utf8))
    return FieldPlan(
      tagBytes: tagBytes, tagLength: tagLength, kind: kind, shape: shape,
      hasPresence: field.hasPresence, isRequired: field.isRequired, isClosedEnum: isClosed,
      wellKnown: wellKnown, isNullValue: isNullValue, tag: tag, otherTag: otherTag,
      oneof: Int32(field.oneof ?? -1), type: type,
      jsonKey: jsonKey.start, jsonKeyLength: jsonKey.count,
      protoKey: protoKey.start, protoKeyLength: protoKey.count,
      jsonName: jsonName.start, jsonNameLength: jsonName.count,
      protoName: protoName.start, protoNameLength: protoName.count)
  }

  /// Adds the hash table of the keys that JSON may use for the fields. If the JSON name of one
  /// field is the proto name of another, the JSON name wins.
  private mutating func addKeys(of message: MessageSchema, to plan: inout MessagePlan) {
    var ordinals: [[UInt8]: Int32] = [:]
    for (ordinal, field) in message.fields.enumerated() {
      ordinals[Array(field.name.utf8)] = Int32(ordinal)
    }
    for (ordinal, field) in message.fields.enumerated() {
      ordinals[Array(field.jsonName.utf8)] = Int32(ordinal)
    }
    let entries = ordinals.map { (key: $0.key, value: $0.value) }
      .sorted { $0.value < $1.value || ($0.value == $1.value && $0.key.count < $1.key.count) }
    (plan.keySlots, plan.keyMask) = self.hashTable(entries)
  }

  private mutating func hashTable(_ entries: [(key: [UInt8], value: Int32)]) -> (Int32, Int32) {
    var size = 4
    while size < entries.count * 2 { size *= 2 }
    var table = [Int32](repeating: -1, count: size)
    for entry in entries {
      let hash = unsafe entry.key.withUnsafeBufferPointer { key -> UInt64 in
        guard let start = key.baseAddress else { return 0 }
        return unsafe KeyHash.hash(start, count: key.count)
      }
      var slot = Int(truncatingIfNeeded: hash) & (size - 1)
      while table[slot] >= 0 { slot = (slot + 1) & (size - 1) }
      table[slot] = entry.value
    }
    let start = Int32(self.slots.count)
    self.slots += table
    return (start, Int32(size - 1))
  }

  /// Adds the tables from number to field: dense for small numbers, sorted pairs for the rest.
  private mutating func addNumbers(of message: MessageSchema, to plan: inout MessagePlan) {
    let limit = message.fields.count * 4 + 64
    let highest = message.fields.lazy.map { Int($0.number) }.filter { $0 < limit }.max() ?? -1
    var dense = [Int32](repeating: -1, count: highest + 1)
    var sparse: [NumberSlot] = []
    for (ordinal, field) in message.fields.enumerated() {
      if Int(field.number) < limit {
        dense[Int(field.number)] = Int32(ordinal)
      } else {
        sparse.append(NumberSlot(number: UInt32(field.number), field: Int32(ordinal)))
      }
    }
    plan.denseSlots = Int32(self.slots.count)
    plan.denseCount = Int32(dense.count)
    self.slots += dense
    plan.firstSparse = Int32(self.sparseNumbers.count)
    plan.sparseCount = Int32(sparse.count)
    self.sparseNumbers += sparse.sorted { $0.number < $1.number }
  }

  private mutating func add(_ schema: EnumSchema) {
    var byNumber: [Int32: EnumSchema.Value] = [:]
    for value in schema.values where byNumber[value.number] == nil {
      byNumber[value.number] = value
    }
    let sorted = byNumber.values.sorted { $0.number < $1.number }
    let first = self.enumValues.count
    var names: [(key: [UInt8], value: Int32)] = []
    var shortNames: [(key: [UInt8], value: Int32)] = []
    let prefixes = Dictionary(
      zip(schema.values.map(\.name), EnumPrefix.lengths(of: schema)), uniquingKeysWith: min)
    let aliases = schema.values.filter { byNumber[$0.number]?.name != $0.name }
    for value in sorted + aliases {
      let name = self.store(Self.quoted(value.name))
      let ordinal = Int32(self.enumValues.count)
      names.append((Array(value.name.utf8), ordinal))
      let prefix = prefixes[value.name] ?? 0
      if prefix > 0 { shortNames.append((Array(value.name.utf8.dropFirst(prefix)), ordinal)) }
      self.enumValues.append(
        EnumValuePlan(
          number: value.number, quotedName: name.start, quotedNameLength: name.count,
          prefixLength: Int32(prefix)))
    }
    let low = sorted.first?.number ?? 0
    let high = sorted.last?.number ?? 0
    let (nameSlots, nameMask) = self.hashTable(names)
    let (shortSlots, shortMask) = shortNames.isEmpty ? (0, -1) : self.hashTable(shortNames)
    self.enums.append(
      EnumPlan(
        firstValue: Int32(first), valueCount: Int32(sorted.count),
        isDense: Int64(high) - Int64(low) == Int64(sorted.count) - 1, isClosed: schema.isClosed,
        firstNumber: low, defaultNumber: schema.values.first?.number ?? 0,
        nameSlots: nameSlots, nameMask: nameMask, shortSlots: shortSlots, shortMask: shortMask))
  }

  private mutating func store(_ bytes: [UInt8]) -> (start: Int32, count: Int32) {
    let start = Int32(self.text.count)
    self.text += bytes
    return (start, Int32(bytes.count))
  }

  /// The name as a JSON string. Names come from descriptors, which allow any `json_name`.
  private static func quoted(_ name: String) -> [UInt8] {
    var quoted = ByteSink()
    JSONText.append(name, to: &quoted)
    return quoted.array
  }

  private static func varint(_ value: UInt32) -> (bytes: UInt64, length: UInt8) {
    var rest = value
    var bytes: UInt64 = 0
    var length: UInt8 = 0
    while rest >= 0x80 {
      bytes |= UInt64(rest & 0x7F | 0x80) << (8 * UInt64(length))
      rest >>= 7
      length += 1
    }
    bytes |= UInt64(rest) << (8 * UInt64(length))
    return (bytes, length + 1)
  }
}

extension FieldKind {
  init(_ type: FieldType) {
    switch type {
    case .double: self = .double
    case .float: self = .float
    case .int64: self = .int64
    case .uint64: self = .uint64
    case .int32: self = .int32
    case .fixed64: self = .fixed64
    case .fixed32: self = .fixed32
    case .bool: self = .bool
    case .string: self = .string
    case .group: self = .group
    case .message: self = .message
    case .bytes: self = .bytes
    case .uint32: self = .uint32
    case .enumeration: self = .enumeration
    case .sfixed32: self = .sfixed32
    case .sfixed64: self = .sfixed64
    case .sint32: self = .sint32
    case .sint64: self = .sint64
    }
  }
}
