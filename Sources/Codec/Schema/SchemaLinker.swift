/// Turns descriptors into a `Schema`: names become indices, features become properties.
///
/// A type that can't be found, or two declarations of one name, reject the whole set: every message
/// that uses them would be wrong. A method that can't be served is left out with a warning, so that
/// one broken method doesn't affect the rest.
struct SchemaLinker {
  private let files: [FileDescriptor]
  private var messages: [MessageSchema] = []
  private var enums: [EnumSchema] = []
  private var services: [ServiceSchema] = []
  private var warnings = WarningList()
  private var unservedRules: [UnservedRule] = []
  /// Full name → the type and the file that declares it.
  private var names: [String: (target: Target, file: String)] = [:]
  /// The messages whose fields are resolved once all names are known.
  private var pending: [(index: Int, message: MessageDescriptor, features: Features)] = []

  private enum Target {
    case message(MessageIndex)
    case enumeration(EnumIndex)
  }

  init(files: [FileDescriptor]) {
    self.files = files
  }

  mutating func link() throws(SchemaError) -> Schema {
    for file in self.files {
      let features = Features(edition: file.edition).applying(file.features)
      for message in file.messages {
        try self.declare(message, in: file.package, file: file.name, features: features)
      }
      for enumeration in file.enums {
        try self.declare(enumeration, in: file.package, file: file.name, features: features)
      }
    }
    for entry in self.pending {
      try self.resolveFields(of: entry.index, entry.message, features: entry.features)
    }
    for file in self.files {
      let features = Features(edition: file.edition).applying(file.features)
      try self.extend(file.extensions, scope: file.package, features: features)
      for message in file.messages {
        try self.extendFrom(message, scope: file.package, features: features)
      }
    }
    for index in self.messages.indices { self.separateNames(of: index) }
    for message in self.messages {
      try WellKnownTypeShapes.check(message, among: self.messages, enums: self.enums)
    }
    for file in self.files { self.addServices(of: file) }
    return Schema(
      messages: self.messages, enums: self.enums, services: self.services,
      warnings: self.warnings.texts, unservedRules: self.unservedRules,
      plan: PlanCompiler.compile(messages: self.messages, enums: self.enums))
  }

  // MARK: Declarations

  private mutating func declare(
    _ message: MessageDescriptor, in scope: String, file: String, features: Features
  ) throws(SchemaError) {
    let features = features.applying(message.features)
    let fullName = Self.join(scope, message.name)
    let index = self.messages.count
    try self.register(fullName, .message(MessageIndex(rawValue: Int32(index))), file: file)
    self.messages.append(
      MessageSchema(fullName: fullName, fields: [], oneofs: [], isMapEntry: message.isMapEntry))
    self.pending.append((index, message, features))
    for nested in message.nested {
      try self.declare(nested, in: fullName, file: file, features: features)
    }
    for enumeration in message.enums {
      try self.declare(enumeration, in: fullName, file: file, features: features)
    }
  }

  private mutating func declare(
    _ enumeration: EnumDescriptor, in scope: String, file: String, features: Features
  ) throws(SchemaError) {
    let fullName = Self.join(scope, enumeration.name)
    let index = EnumIndex(rawValue: Int32(self.enums.count))
    try self.register(fullName, .enumeration(index), file: file)
    self.enums.append(
      EnumSchema(
        fullName: fullName, values: enumeration.values,
        isClosed: features.applying(enumeration.features).hasClosedEnums))
  }

  private mutating func register(
    _ fullName: String, _ target: Target, file: String
  ) throws(SchemaError) {
    if let earlier = self.names[fullName] {
      throw SchemaError(
        .duplicate, subject: fullName, reason: "declared in \(earlier.file) and in \(file)")
    }
    self.names[fullName] = (target, file)
  }

  // MARK: Fields

  private mutating func resolveFields(
    of index: Int, _ message: MessageDescriptor, features: Features
  ) throws(SchemaError) {
    let fullName = self.messages[index].fullName
    var features = features
    // Map entries are always length-prefixed, and so are the messages in them.
    if message.isMapEntry { features.delimitsMessages = false }
    // Oneofs keep their order; the synthetic ones of `optional` are omitted.
    var ordinals: [Int32: Int] = [:]
    var oneofs: [String] = []
    for (ordinal, oneof) in message.oneofs.enumerated() {
      let members = message.fields.filter { $0.oneofIndex == Int32(ordinal) }
      if members.contains(where: { $0.isProto3Optional }) { continue }
      ordinals[Int32(ordinal)] = oneofs.count
      oneofs.append(oneof.name)
    }
    var fields: [FieldSchema] = []
    var numbers: [Int32: String] = [:]
    for descriptor in message.fields {
      let field = try self.field(
        descriptor, scope: fullName, features: features.applying(descriptor.features),
        oneof: descriptor.oneofIndex.flatMap { ordinals[$0] })
      if let earlier = numbers.updateValue(field.name, forKey: field.number) {
        throw SchemaError(
          .duplicate, subject: "\(fullName).\(field.name)",
          reason: "has number \(field.number), which \(earlier) already has")
      }
      fields.append(field)
    }
    self.messages[index].fields = fields
    self.messages[index].oneofs = oneofs
    if message.isMessageSet {
      self.warnings.add(
        "messages of message_set_wire_format",
        "\(fullName): message_set_wire_format is served as a plain message")
    }
  }

  /// Makes the JSON names of a message's fields distinct. In proto2 the compiler accepts two fields
  /// with one JSON name (`maxLevel` and `max_level`); the field whose own name it is keeps it,
  /// otherwise the first one, and the others use their own names.
  private mutating func separateNames(of index: Int) {
    let fullName = self.messages[index].fullName
    var isDone = false
    while !isDone {
      isDone = true
      var holders: [String: Int] = [:]
      for ordinal in self.messages[index].fields.indices {
        let name = self.messages[index].fields[ordinal].jsonName
        guard let other = holders[name] else {
          holders[name] = ordinal
          continue
        }
        // A field that already uses its own name can't yield; no two of them are the same.
        let loser = self.messages[index].fields[ordinal].name == name ? other : ordinal
        let winner = loser == ordinal ? other : ordinal
        holders[name] = winner
        let ownName = self.messages[index].fields[loser].name
        if ownName == name { continue }
        self.messages[index].fields[loser].jsonName = ownName
        isDone = false
        self.warnings.add(
          "fields whose JSON name is taken",
          "\(fullName): the JSON name of \(ownName) is that of "
            + "\(self.messages[index].fields[winner].name), too, so it's \"\(ownName)\" in JSON")
      }
    }
  }

  private mutating func extendFrom(
    _ message: MessageDescriptor, scope: String, features: Features
  ) throws(SchemaError) {
    let features = features.applying(message.features)
    let fullName = Self.join(scope, message.name)
    try self.extend(message.extensions, scope: fullName, features: features)
    for nested in message.nested {
      try self.extendFrom(nested, scope: fullName, features: features)
    }
  }

  private mutating func extend(
    _ extensions: [FieldDescriptor], scope: String, features: Features
  ) throws(SchemaError) {
    for descriptor in extensions {
      guard case .message(let target) = self.target(of: descriptor.extendee, in: scope) else {
        throw SchemaError(
          .unresolved, subject: Self.join(scope, descriptor.name),
          reason: "extends \(descriptor.extendee), which isn't in the schema")
      }
      var field = try self.field(
        descriptor, scope: scope, features: features.applying(descriptor.features), oneof: nil)
      field.name = "[\(Self.join(scope, descriptor.name))]"
      field.jsonName = field.name
      if field.cardinality == .singular { field.hasPresence = true }
      let index = Int(target.rawValue)
      let taken = self.messages[index].fields.contains { $0.number == field.number }
      if taken {
        self.warnings.add(
          "extensions that are left out",
          "\(field.name) of \(self.messages[index].fullName) has a number that's taken: left out")
      } else {
        self.messages[index].fields.append(field)
      }
    }
  }

  private func field(
    _ descriptor: FieldDescriptor, scope: String, features: Features, oneof: Int?
  ) throws(SchemaError) -> FieldSchema {
    let subject = Self.join(scope, descriptor.name)
    guard descriptor.number > 0, descriptor.number < 1 << 29 else {
      throw SchemaError(
        .unsupported, subject: subject,
        reason: "field number \(descriptor.number) is not between 1 and 536870911")
    }
    let type = try self.type(descriptor, scope: scope, subject: subject, features: features)
    let isRepeated = descriptor.label == 3
    var isMap = false
    if isRepeated, case .message(let index) = type {
      isMap = self.messages[Int(index.rawValue)].isMapEntry
    }
    let isMessage = type.messageIndex != nil
    let isPackable: Bool =
      switch type {
      case .string, .bytes, .message, .group: false
      default: true
      }
    let cardinality: FieldSchema.Cardinality
    if isMap {
      cardinality = .map
    } else if isRepeated {
      let packs = descriptor.packed ?? features.packsRepeated
      cardinality = packs && isPackable ? .packed : .repeated
    } else {
      cardinality = .singular
    }
    let isRequired =
      !isRepeated && (descriptor.label == 2 || features.fieldPresence == .legacyRequired)
    return FieldSchema(
      name: descriptor.name,
      jsonName: descriptor.jsonName ?? Self.jsonName(of: descriptor.name),
      number: descriptor.number, type: type, cardinality: cardinality,
      hasPresence: !isRepeated
        && (isMessage || oneof != nil || descriptor.isProto3Optional || descriptor.label == 2
          || features.fieldPresence != .implicit),
      isRequired: isRequired, oneof: oneof, validatesUTF8: features.validatesUTF8,
      defaultText: descriptor.defaultText)
  }

  /// The type by the numbers of `FieldDescriptorProto.Type`; 0 (omitted) with a type name is a
  /// message or an enum, depending on the name.
  private func type(
    _ descriptor: FieldDescriptor, scope: String, subject: String, features: Features
  ) throws(SchemaError) -> FieldType {
    switch descriptor.type {
    case 1: return .double
    case 2: return .float
    case 3: return .int64
    case 4: return .uint64
    case 5: return .int32
    case 6: return .fixed64
    case 7: return .fixed32
    case 8: return .bool
    case 9: return .string
    case 12: return .bytes
    case 13: return .uint32
    case 15: return .sfixed32
    case 16: return .sfixed64
    case 17: return .sint32
    case 18: return .sint64
    case 0, 10, 11, 14:
      switch self.target(of: descriptor.typeName, in: scope) {
      case .message(let index):
        let isEntry = self.isMapEntry(index)
        let isDelimited = descriptor.type == 10 || (features.delimitsMessages && !isEntry)
        return isDelimited ? .group(index) : .message(index)
      case .enumeration(let index):
        return .enumeration(index)
      case nil:
        throw SchemaError(
          .unresolved, subject: subject,
          reason: "its type \(descriptor.typeName) isn't in the schema\(self.missingImports)")
      }
    default:
      throw SchemaError(
        .unsupported, subject: subject, reason: "field type \(descriptor.type) is not supported")
    }
  }

  /// `; imported but not in the set: …`: the most common cause of an unresolved type.
  private var missingImports: String {
    let present = Set(self.files.map(\.name))
    var missing: [String] = []
    for file in self.files {
      for name in file.dependencies where !present.contains(name) && !missing.contains(name) {
        missing.append(name)
      }
    }
    if missing.isEmpty { return "" }
    return "; imported but not in the set: \(missing.joined(separator: ", ")) "
      + "(make the set with --include_imports)"
  }

  private func isMapEntry(_ index: MessageIndex) -> Bool {
    self.messages[Int(index.rawValue)].isMapEntry
  }

  // MARK: Services

  private mutating func addServices(of file: FileDescriptor) {
    for service in file.services {
      let fullName = Self.join(file.package, service.name)
      var methods: [MethodSchema] = []
      for method in service.methods {
        guard
          case .message(let input) = self.target(of: method.inputType, in: file.package),
          case .message(let output) = self.target(of: method.outputType, in: file.package)
        else {
          let reason =
            "its types \(method.inputType) and \(method.outputType) aren't both in the schema"
          self.warnings.add(
            "methods that are left out", "\(fullName).\(method.name) is left out: \(reason)")
          self.unservedRules += method.httpRules.map {
            UnservedRule(
              rule: $0, method: "\(fullName)/\(method.name)", reason: reason)
          }
          continue
        }
        for problem in method.faults {
          self.warnings.add("rules that are not served", "\(fullName).\(method.name): \(problem)")
        }
        methods.append(
          MethodSchema(
            name: method.name, serviceName: fullName, input: input, output: output,
            isClientStreaming: method.isClientStreaming,
            isServerStreaming: method.isServerStreaming, httpRules: method.httpRules,
            file: file.name))
      }
      self.services.append(ServiceSchema(fullName: fullName, methods: methods))
    }
  }

  // MARK: Names

  /// The type that a name refers to. With a leading dot it's a full name; otherwise scopes are
  /// tried from the innermost outwards, as in the language.
  private func target(of name: String, in scope: String) -> Target? {
    if name.hasPrefix(".") { return self.names[String(name.dropFirst())]?.target }
    var scope = Substring(scope)
    while true {
      if let found = self.names[Self.join(String(scope), name)] { return found.target }
      guard !scope.isEmpty else { return nil }
      scope = scope.lastIndex(of: ".").map { scope[..<$0] } ?? ""
    }
  }

  private static func join(_ scope: String, _ name: String) -> String {
    scope.isEmpty ? name : "\(scope).\(name)"
  }

  /// lowerCamelCase by the compiler's rules: an underscore is removed and the letter after it
  /// capitalized.
  static func jsonName(of name: String) -> String {
    var result = ""
    var isUpper = false
    for scalar in name.unicodeScalars {
      if scalar == "_" {
        isUpper = true
      } else {
        result += isUpper ? String(scalar).uppercased() : String(scalar)
        isUpper = false
      }
    }
    return result
  }
}
