/// The types and services of one loaded schema set: names, fields, methods and HTTP rules as values.
///
/// Built by `SchemaBuilder`, immutable, shared by every event loop. Used for lookups (routes,
/// names, errors); each message is transcoded with the `Plan` compiled from it.
package final class Schema: Sendable {
  package let messages: [MessageSchema]
  package let enums: [EnumSchema]
  package let services: [ServiceSchema]
  /// What could not be served and why, one sentence each. The rest is served nevertheless.
  package let warnings: [String]
  /// The HTTP rules of methods that were left out.
  package let unservedRules: [UnservedRule]
  /// The executable form of `messages`.
  package let plan: Plan

  private let messagesByName: [String: MessageIndex]

  init(
    messages: [MessageSchema], enums: [EnumSchema], services: [ServiceSchema],
    warnings: [String], unservedRules: [UnservedRule] = [], plan: Plan
  ) {
    self.messages = messages
    self.enums = enums
    self.services = services
    self.warnings = warnings
    self.unservedRules = unservedRules
    self.plan = plan
    var byName: [String: MessageIndex] = [:]
    for (index, message) in messages.enumerated() {
      byName[message.fullName] = MessageIndex(rawValue: Int32(index))
    }
    self.messagesByName = byName
  }

  /// The message with this full name (`package.Outer.Inner`, without a leading dot).
  package func message(named fullName: String) -> MessageIndex? {
    self.messagesByName[fullName]
  }

  package subscript(index: MessageIndex) -> MessageSchema {
    self.messages[Int(index.rawValue)]
  }
}

/// A message type of a `Schema`, by its index in `Schema.messages`.
package struct MessageIndex: Hashable, Sendable {
  package let rawValue: Int32

  package init(rawValue: Int32) {
    self.rawValue = rawValue
  }
}

/// An enum type of a `Schema`, by its index in `Schema.enums`.
package struct EnumIndex: Hashable, Sendable {
  package let rawValue: Int32

  package init(rawValue: Int32) {
    self.rawValue = rawValue
  }
}

/// A message type.
package struct MessageSchema: Sendable {
  package var fullName: String
  /// In order of declaration, followed by the known extensions of it.
  package var fields: [FieldSchema]
  /// Names of the oneofs, without the synthetic ones of proto3 `optional`.
  package var oneofs: [String]
  /// Whether it's the entry type that the compiler generates for a map field.
  package var isMapEntry: Bool
}

/// A field with its features resolved, whichever syntax or edition they come from.
package struct FieldSchema: Sendable {
  /// The cardinality of a field and its encoding on the wire.
  package enum Cardinality: Sendable, Equatable {
    case singular
    /// One record per element.
    case repeated
    /// All elements in one LEN record.
    case packed
    /// Repeated entries of key (field 1) and value (field 2).
    case map
  }

  package var name: String
  /// As ProtoJSON prints it; `[package.name]` for an extension.
  package var jsonName: String
  package var number: Int32
  package var type: FieldType
  package var cardinality: Cardinality
  /// Whether "unset" differs from "default" (proto2, `optional`, messages, oneof members).
  package var hasPresence: Bool
  package var isRequired: Bool
  /// Index in `MessageSchema.oneofs`; nil outside a oneof and for proto3 `optional`.
  package var oneof: Int?
  /// Whether strings must be UTF-8 (proto3 and `utf8_validation = VERIFY`).
  package var validatesUTF8: Bool
  /// The proto2 default as the descriptor spells it; nil if there is none.
  package var defaultText: String?
}

/// A field's type.
package enum FieldType: Sendable, Equatable {
  case double
  case float
  case int64
  case uint64
  case int32
  case fixed64
  case fixed32
  case bool
  case string
  case group(MessageIndex)
  case message(MessageIndex)
  case bytes
  case uint32
  case enumeration(EnumIndex)
  case sfixed32
  case sfixed64
  case sint32
  case sint64

  /// The message type of a message or group field.
  package var messageIndex: MessageIndex? {
    switch self {
    case .group(let index), .message(let index): index
    default: nil
    }
  }
}

/// An enum type.
package struct EnumSchema: Sendable {
  /// One name; several may share a number (`allow_alias`), and the first one is printed.
  package struct Value: Sendable, Equatable {
    package var name: String
    package var number: Int32

    package init(name: String, number: Int32) {
      self.name = name
      self.number = number
    }
  }

  package var fullName: String
  package var values: [Value]
  /// Whether it's a closed enum (proto2), which treats undeclared numbers as unknown fields.
  package var isClosed: Bool
}

/// A service with the methods that can be served.
package struct ServiceSchema: Sendable {
  package var fullName: String
  package var methods: [MethodSchema]
}

/// A method and its HTTP rules.
package struct MethodSchema: Sendable {
  package var name: String
  /// `package.Service`.
  package var serviceName: String
  package var input: MessageIndex
  package var output: MessageIndex
  package var isClientStreaming: Bool
  package var isServerStreaming: Bool
  /// Whether either side of it is a stream.
  package var isStreaming: Bool { self.isClientStreaming || self.isServerStreaming }
  /// The `google.api.http` option: the rule, then its additional bindings. Empty without one.
  package var httpRules: [HTTPRule]
  /// The file that declares it, as the descriptor names it; for error messages.
  package var file: String

  /// `/package.Service/Method`, the `:path` of a gRPC call.
  package var path: String {
    "/\(self.serviceName)/\(self.name)"
  }
}

/// One binding of a `google.api.HttpRule` (google/api/http.proto), as it was written.
package struct HTTPRule: Sendable, Equatable {
  /// `GET`, `PUT`, `POST`, `DELETE`, `PATCH`, or the kind of a `custom` pattern as written.
  package var verb: String
  package var template: String
  /// `*`, a field path, or empty.
  package var body: String
  /// A field of the response message, or empty for the whole message.
  package var responseBody: String

  package init(verb: String, template: String, body: String = "", responseBody: String = "") {
    self.verb = verb
    self.template = template
    self.body = body
    self.responseBody = responseBody
  }
}

/// An HTTP rule of a method that can't be served.
package struct UnservedRule: Sendable, Equatable {
  package var rule: HTTPRule
  /// `package.Service/Method`.
  package var method: String
  /// The reason, a clause.
  package var reason: String
}

/// The reason that a schema can't be loaded or a name in it can't be resolved.
package struct SchemaError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Code: String, Sendable {
    /// The bytes aren't a `google.protobuf.FileDescriptorSet`.
    case notADescriptorSet
    /// A reference to a type, field or file that isn't declared.
    case unresolved
    /// Two different declarations of one name or number.
    case duplicate
    /// A declaration that the bridge can't serve.
    case unsupported
    /// Beyond a limit: nesting, number of files.
    case limit
  }

  package var code: Code
  /// The file, type or field with the error.
  package var subject: String
  /// What is wrong and how to fix it.
  package var reason: String

  package init(_ code: Code, subject: String, reason: String) {
    self.code = code
    self.subject = subject
    self.reason = reason
  }

  package var description: String {
    "\(ForeignText.shown(self.subject)): \(ForeignText.shown(self.reason, limit: 1000))"
  }
}
