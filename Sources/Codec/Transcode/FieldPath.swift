/// The part of a request message that is the HTTP body (`body` of google.api.HttpRule).
package enum BodyRule: Sendable {
  /// The body must be empty; everything comes from the path and the query.
  case none
  /// The body is the message (`body: "*"`); the query must be empty.
  case whole
  /// The body is one field; the rest comes from the path and the query.
  case field(FieldPath)
}

/// A dotted path of fields, resolved against a message type at load time.
package struct FieldPath: Sendable, Equatable {
  /// Proto names joined by dots, for error messages.
  package let text: String
  /// The message type that the path starts in.
  package let message: MessageIndex
  /// JSON names joined by dots, for errors about a body.
  let jsonText: String
  /// The same with proto names.
  let protoText: String
  /// The index in `Plan.fields` of each step's field. Never empty.
  let steps: [Int32]
  /// Whether one of the fields is a member of a oneof.
  let hasOneof: Bool
  /// For a path that is a body: the request's FieldMask, an index in `Plan.fields`, that is filled
  /// with the members of the body if the client omits it; -1 for none.
  var filledMask: Int32 = -1

  /// The path as it appears in error messages.
  func errorText(usesProtoNames: Bool) -> String {
    usesProtoNames ? self.protoText : self.jsonText
  }
}

extension Schema {
  /// Resolves a dotted path of proto (or JSON) names for a `body` or `response_body` rule. Every
  /// step but the last must be a singular message.
  package func fieldPath(
    _ text: String, in message: MessageIndex
  ) throws(SchemaError) -> FieldPath {
    var steps: [Int32] = []
    var jsonNames: [String] = []
    var protoNames: [String] = []
    var hasOneof = false
    var current = message
    let elements = text.split(separator: ".", omittingEmptySubsequences: false)
    for (index, element) in elements.enumerated() {
      let type = self[current]
      guard
        let ordinal = type.fields.firstIndex(where: { $0.name == element })
          ?? type.fields.firstIndex(where: { $0.jsonName == element })
      else {
        let hint = SpellingSuggestion.name(to: String(element), among: type.fields.lazy.map(\.name))
          .map { "; did you mean \"\($0)\"?" }
        throw SchemaError(
          .unresolved, subject: text,
          reason: "\(type.fullName) has no field \"\(element)\"\(hint ?? "")")
      }
      let field = type.fields[ordinal]
      steps.append(self.plan.messages[current.rawValue].firstField + Int32(ordinal))
      jsonNames.append(field.jsonName)
      protoNames.append(field.name)
      if field.oneof != nil { hasOneof = true }
      if index < elements.count - 1 {
        guard field.cardinality == .singular, let next = field.type.messageIndex else {
          throw SchemaError(
            .unsupported, subject: text,
            reason: "\"\(element)\" is not a singular message, so no field within it can be named")
        }
        current = next
      }
    }
    return FieldPath(
      text: text, message: message, jsonText: jsonNames.joined(separator: "."),
      protoText: protoNames.joined(separator: "."), steps: steps, hasOneof: hasOneof)
  }

  /// Resolves a path variable. Its last step must be a singular scalar, enum, or well-known type
  /// with a text form (google/api/http.proto: a path variable "must not refer to any repeated or
  /// mapped field" and must be primitive).
  package func pathVariable(
    _ text: String, in message: MessageIndex
  ) throws(SchemaError) -> FieldPath {
    let path = try self.fieldPath(text, in: message)
    guard let leaf = path.steps.last else { return path }
    let field = self.plan.fields[leaf]
    guard field.shape == .singular else {
      throw SchemaError(
        .unsupported, subject: text, reason: "a path variable can't be a repeated field or a map")
    }
    guard self.plan.hasTextForm(leaf) else {
      throw SchemaError(
        .unsupported, subject: text,
        reason: "a path variable must be a scalar, an enum, or a well-known type with a text form")
    }
    return path
  }
}

extension Schema {
  /// Whether two paths of one message go through different members of one oneof, of which only one
  /// can be set.
  package func excludesEachOther(_ first: FieldPath, _ second: FieldPath) -> Bool {
    guard first.message == second.message else { return false }
    var current = first.message
    for (left, right) in zip(first.steps, second.steps) {
      let start = self.plan.messages[current.rawValue].firstField
      let field = self[current].fields[Int(left - start)]
      if left != right {
        let other = self[current].fields[Int(right - start)]
        return field.oneof != nil && field.oneof == other.oneof
      }
      guard let next = field.type.messageIndex else { return false }
      current = next
    }
    return false
  }
}

extension Plan {
  /// Whether a query can name the fields within a field: it's a singular message without a JSON
  /// form of its own.
  func hasNamedFields(_ field: Int32) -> Bool {
    let kind = self.fields[field].kind
    return self.fields[field].shape == .singular && (kind == .message || kind == .group)
      && self.fields[field].wellKnown == .none
  }

  /// Whether a field is repeated and its elements are messages that a query can't set.
  func isMessageList(_ field: Int32) -> Bool {
    self.fields[field].shape == .repeated && !self.hasTextForm(field)
  }

  /// Whether one value of a field can be written in a path or a query.
  func hasTextForm(_ field: Int32) -> Bool {
    switch self.fields[field].kind {
    case .message, .group:
      switch self.fields[field].wellKnown {
      case .timestamp, .duration, .fieldMask, .wrapper: true
      case .none, .any, .structure, .value, .listValue: false
      }
    default: self.fields[field].shape != .map
    }
  }
}
