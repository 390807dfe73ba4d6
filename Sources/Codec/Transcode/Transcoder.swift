/// What of a request message the HTTP body is (`body` of google.api.HttpRule).
package enum BodyRule: Sendable {
  /// The body must be empty; everything comes from the path and the query.
  case none
  /// The body is the message (`body: "*"`); the query must be empty.
  case whole
  /// The body is one field; the rest comes from the path and the query.
  case field(FieldPath)
}

/// A dotted path of fields, resolved in a message type at load.
package struct FieldPath: Sendable, Equatable {
  /// Proto names joined by dots, for messages to people.
  package let text: String
  /// The message type that the path starts in.
  package let message: MessageIndex
  /// For each step the place of the field in its message's `MessageSchema.fields`.
  let steps: [Int32]
}

extension Schema {
  /// Resolves a dotted path of proto (or JSON) names for a `body` or `response_body` rule.
  package func fieldPath(
    _ text: String, in message: MessageIndex
  ) throws(SchemaError) -> FieldPath {
    throw SchemaError(.unresolved, subject: text, reason: "not yet")
  }

  /// Resolves a path variable: every step but the last a singular message, the last a singular
  /// scalar, enum, or well-known type with a text form (google/api/http.proto: "must not be a
  /// repeated field ... nor a message").
  package func pathVariable(
    _ text: String, in message: MessageIndex
  ) throws(SchemaError) -> FieldPath {
    throw SchemaError(.unresolved, subject: text, reason: "not yet")
  }
}

/// How strictly requests are read. A value given with each call; the defaults are the strict ones.
package struct EncodeOptions: Sendable {
  /// Members of the JSON text that the message doesn't have are skipped instead of refused.
  package var ignoresUnknownFields = false
  /// Query parameters that the message doesn't have are skipped instead of refused.
  package var ignoresUnknownParameters = false
  /// How deep objects and arrays may nest. Stops a small body from costing a deep stack.
  package var depthLimit = 100
  /// The most bytes that one message may become. Stops a body that unfolds.
  package var messageByteLimit = 64 << 20

  package init() {}
}

/// How replies are written.
package struct DecodeOptions: Sendable {
  /// How enums are printed.
  package enum EnumStyle: Sendable {
    case name
    case number
  }

  /// Fields without presence are printed when they hold their default.
  package var alwaysPrintsDefaults = false
  /// 64-bit integers are printed as numbers instead of strings; clients may lose precision.
  package var printsInt64AsNumber = false
  package var enumStyle = EnumStyle.name
  /// Fields are printed by their proto names instead of their JSON names.
  package var usesProtoNames = false
  /// An `Any` of a type that the schema doesn't have becomes `{"@type": …, "value": "<base64>"}`
  /// instead of an error. For error details, which come from anywhere.
  package var printsUnknownAnyAsBase64 = false
  /// How deep messages may nest.
  package var depthLimit = 100

  package init() {}
}

/// Values for fields of a request message that came from the path and the query.
///
/// Kept by its owner and emptied between requests, so that it allocates nothing in the steady state.
package struct Bindings: Sendable {
  struct Variable {
    var path: FieldPath
    var value: Range<Int>
  }
  struct Parameter {
    var name: Range<Int>
    var value: Range<Int>
  }
  var bytes: [UInt8] = []
  var variables: [Variable] = []
  var parameters: [Parameter] = []

  package init() {}

  package var isEmpty: Bool { self.variables.isEmpty && self.parameters.isEmpty }

  package mutating func removeAll() {
    self.bytes.removeAll(keepingCapacity: true)
    self.variables.removeAll(keepingCapacity: true)
    self.parameters.removeAll(keepingCapacity: true)
  }

  /// A path variable's value, percent-decoded already.
  package mutating func addVariable(_ path: FieldPath, value: RawSpan) {
    self.variables.append(Variable(path: path, value: self.store(value)))
  }

  /// A query parameter, percent-decoded already (name and value). Its name is resolved against the
  /// message when the request is encoded.
  package mutating func addParameter(name: RawSpan, value: RawSpan) {
    let name = self.store(name)
    self.parameters.append(Parameter(name: name, value: self.store(value)))
  }

  private mutating func store(_ span: RawSpan) -> Range<Int> {
    let start = self.bytes.count
    for index in 0..<span.byteCount { self.bytes.append(span[index]) }
    return start..<self.bytes.count
  }
}

/// Runs plans over bytes: JSON to wire and wire to JSON.
///
/// Holds what an interpreter needs between messages (frame stacks, scratch), so that a call
/// allocates nothing in the steady state. Not Sendable: one per event loop.
package final class Transcoder {
  package init() {}

  /// Appends the wire form of a request message to `sink`.
  ///
  /// - Parameters:
  ///   - body: the HTTP body; empty bytes mean that there is none.
  ///   - rule: what of the message the body is.
  ///   - bindings: values from the path and the query; path variables win over the body.
  /// - Throws: with a byte offset into `body` where the fault is there, without one where it's in a
  ///   binding. What was appended until then is undefined: truncate the sink.
  package func encode(
    _ body: RawSpan, rule: BodyRule, as message: MessageIndex, of schema: Schema,
    bindings: borrowing Bindings, options: EncodeOptions, into sink: inout ByteSink
  ) throws(CodecError) {
    throw CodecError(.malformedJSON, offset: 0, reason: "not yet")
  }

  /// Appends the JSON form of a reply message to `sink`.
  ///
  /// - Parameter responseBody: the field that is the HTTP body; nil for the whole message.
  /// - Throws: with a byte offset into `wire`. What was appended until then is undefined.
  package func decode(
    _ wire: RawSpan, as message: MessageIndex, of schema: Schema, responseBody: FieldPath?,
    options: DecodeOptions, into sink: inout ByteSink
  ) throws(CodecError) {
    throw CodecError(.malformedWire, offset: 0, reason: "not yet")
  }
}
