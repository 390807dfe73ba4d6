/// How strictly requests are read. Passed with each call.
package struct EncodeOptions: Sendable {
  /// Members of the JSON text that aren't fields of the message are skipped instead of rejected.
  package var ignoresUnknownFields = false
  /// Unknown enum values leave their field unset instead of being rejected, in bodies and queries:
  /// names, and numbers of a closed enum.
  package var ignoresUnknownEnums = false
  /// An `Any` whose type isn't in the schema is accepted as `{"@type": …, "value": "<base64>"}`
  /// instead of being rejected: the form in which `DecodeOptions.printsUnknownAnyAsBase64` prints it.
  package var acceptsUnknownAnyAsBase64 = true
  /// Query parameters that aren't fields of the message are ignored instead of rejected.
  package var ignoresUnknownParameters = false
  /// The names of query parameters to ignore if they aren't fields of the message, as UTF-8.
  package var ignoredParameters: [[UInt8]] = []
  /// A field that the path sets is rejected in the query and in the body, instead of being overridden.
  package var refusesPathFieldsElsewhere = false
  /// The query may set fields under the field that is the body, and overrides the body there.
  package var mergesQueryIntoBodyField = false
  /// Query parameters for the field that is the body, or for one under it, are ignored.
  package var ignoresQueryUnderBodyField = false
  /// Enum values may also be given by their short names, without the enum's prefix.
  package var acceptsShortEnumNames = false
  /// `null` as the whole body is treated as empty, though ProtoJSON requires an object for a message.
  package var acceptsNullBody = true
  /// Errors name fields by their proto names instead of their JSON names.
  package var usesProtoNames = false
  /// The maximum nesting of messages, and of the objects and arrays of a Struct, Value or
  /// ListValue, counted as in responses; the brackets of repeated fields and maps don't count.
  /// Stops a small body from using a deep stack.
  package var depthLimit = 100
  /// The maximum size of one encoded message. Stops a body that expands.
  package var messageByteLimit = 64 << 20

  package init() {}
}

/// How response messages are written.
package struct DecodeOptions: Sendable {
  /// How enums are printed.
  package enum EnumStyle: Sendable {
    case name
    case number
    /// The name without the enum's prefix, `PAID` for `ORDER_STATUS_PAID`, if that is the name of
    /// only one value.
    case shortName
  }

  /// Fields without presence are printed even if they have their default.
  package var alwaysPrintsDefaults = false
  /// 64-bit integers are printed as numbers instead of strings; clients may lose precision.
  package var printsInt64AsNumber = false
  package var enumStyle = EnumStyle.name
  /// Fields are printed by their proto names instead of their JSON names.
  package var usesProtoNames = false
  /// An `Any` whose type isn't in the schema becomes `{"@type": …, "value": "<base64>"}` instead of
  /// an error.
  package var printsUnknownAnyAsBase64 = true
  /// The maximum nesting of messages, counted as for `EncodeOptions.depthLimit`.
  package var depthLimit = 100

  package init() {}
}
