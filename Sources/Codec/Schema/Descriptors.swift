/// A file of a descriptor set as it was written, before names are resolved.
struct FileDescriptor: Sendable, Equatable {
  var name: String
  var package: String
  var dependencies: [String]
  var messages: [MessageDescriptor]
  var enums: [EnumDescriptor]
  var extensions: [FieldDescriptor]
  var services: [ServiceDescriptor]
  var edition: Edition
  var features: FeatureOverrides
}

/// A message declaration with everything that's declared inside it.
struct MessageDescriptor: Sendable, Equatable {
  var name: String
  var fields: [FieldDescriptor]
  var oneofs: [OneofDescriptor]
  var nested: [MessageDescriptor]
  var enums: [EnumDescriptor]
  var extensions: [FieldDescriptor]
  var isMapEntry: Bool
  var isMessageSet: Bool
  var features: FeatureOverrides
}

/// A field declaration. `type` and `label` are the numbers of `FieldDescriptorProto.Type`/`Label`.
struct FieldDescriptor: Sendable, Equatable {
  var name: String
  var jsonName: String?
  var number: Int32
  var label: Int32
  var type: Int32
  var typeName: String
  var extendee: String
  var defaultText: String?
  var oneofIndex: Int32?
  var isProto3Optional: Bool
  var packed: Bool?
  var features: FeatureOverrides
}

/// A oneof declaration; the compiler adds a synthetic one for each proto3 `optional` field.
struct OneofDescriptor: Sendable, Equatable {
  var name: String
  var features: FeatureOverrides
}

/// An enum declaration.
struct EnumDescriptor: Sendable, Equatable {
  var name: String
  var values: [EnumSchema.Value]
  var features: FeatureOverrides
}

/// A service declaration.
struct ServiceDescriptor: Sendable, Equatable {
  var name: String
  var methods: [MethodDescriptor]
}

/// A method declaration with its google.api.http rules, each followed by its additional bindings.
struct MethodDescriptor: Sendable, Equatable {
  var name: String
  var inputType: String
  var outputType: String
  var isClientStreaming: Bool
  var isServerStreaming: Bool
  var httpRules: [HTTPRule]
  /// The problems of rules that name no pattern, or several.
  var faults: [String]
}

/// The syntax or edition of a file, which determines its default features (descriptor.proto,
/// `Edition`).
enum Edition: Int32, Sendable, Equatable {
  case proto2 = 998
  case proto3 = 999
  case edition2023 = 1000
  case edition2024 = 1001
  /// The edition that `protoc --experimental_editions` writes for features not yet in any edition.
  case unstable = 9999
}

/// The features that a declaration sets itself; nil if inherited.
struct FeatureOverrides: Sendable, Equatable {
  var fieldPresence: Int32?
  var enumType: Int32?
  var repeatedFieldEncoding: Int32?
  var utf8Validation: Int32?
  var messageEncoding: Int32?
  var jsonFormat: Int32?
}

/// The features that apply to a declaration (descriptor.proto, `FeatureSet`).
struct Features: Sendable, Equatable {
  enum FieldPresence: Int32, Sendable {
    case explicit = 1
    case implicit = 2
    case legacyRequired = 3
  }

  var fieldPresence: FieldPresence
  var hasClosedEnums: Bool
  var packsRepeated: Bool
  var validatesUTF8: Bool
  var delimitsMessages: Bool

  /// The defaults of an edition, as printed by `protoc --edition_defaults_out`.
  init(edition: Edition) {
    switch edition {
    case .proto2:
      self.fieldPresence = .explicit
      self.hasClosedEnums = true
      self.packsRepeated = false
      self.validatesUTF8 = false
    case .proto3:
      self.fieldPresence = .implicit
      self.hasClosedEnums = false
      self.packsRepeated = true
      self.validatesUTF8 = true
    case .edition2023, .edition2024, .unstable:
      self.fieldPresence = .explicit
      self.hasClosedEnums = false
      self.packsRepeated = true
      self.validatesUTF8 = true
    }
    self.delimitsMessages = false
  }

  /// These features with the overrides of an inner declaration. Unknown numbers are ignored: they
  /// can only come from a later edition, which the reader rejects itself.
  func applying(_ overrides: FeatureOverrides) -> Features {
    var features = self
    if let presence = overrides.fieldPresence.flatMap(FieldPresence.init(rawValue:)) {
      features.fieldPresence = presence
    }
    if let enumType = overrides.enumType { features.hasClosedEnums = enumType == 2 }
    if let encoding = overrides.repeatedFieldEncoding { features.packsRepeated = encoding == 1 }
    if let validation = overrides.utf8Validation { features.validatesUTF8 = validation == 2 }
    if let encoding = overrides.messageEncoding { features.delimitsMessages = encoding == 2 }
    return features
  }
}
