/// How strictly requests are read. A value given with each call.
package struct EncodeOptions: Sendable {
  /// Members of the JSON text that the message doesn't have are skipped instead of refused.
  package var ignoresUnknownFields = false
  /// Enum values that the enum doesn't have leave their field unset instead of being refused, in
  /// bodies and queries: names, and numbers of a closed enum.
  package var ignoresUnknownEnums = false
  /// An `Any` of a type that the schema doesn't have is taken as `{"@type": …, "value": "<base64>"}`
  /// instead of being refused: the form in which `DecodeOptions.printsUnknownAnyAsBase64` prints it.
  package var acceptsUnknownAnyAsBase64 = true
  /// Query parameters that the message doesn't have are skipped instead of refused.
  package var ignoresUnknownParameters = false
  /// The names of query parameters that are skipped where the message doesn't have them, as UTF-8.
  package var ignoredParameters: [[UInt8]] = []
  /// A field that the path sets is refused in the query and in the body, instead of being overridden.
  package var refusesPathFieldsElsewhere = false
  /// The query may set fields under the field that is the body, and holds over the body there.
  package var mergesQueryIntoBodyField = false
  /// Query parameters for the field that is the body, or for one under it, are passed over.
  package var ignoresQueryUnderBodyField = false
  /// Enums may be given by names without what repeats the enum's own, besides their whole names.
  package var acceptsShortEnumNames = false
  /// `null` as the whole body is like an empty one, though ProtoJSON wants an object for a message.
  package var acceptsNullBody = true
  /// Errors name fields by their proto names instead of their JSON names.
  package var usesProtoNames = false
  /// How deep messages, and the objects and arrays of a Struct, Value or ListValue, may nest, counted
  /// as in replies; the brackets of repeated fields and maps don't count. Stops a small body from
  /// costing a deep stack.
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
    /// The name without what repeats the enum's own, `PAID` for `ORDER_STATUS_PAID`, where that's
    /// one value's and no other's.
    case shortName
  }

  /// Fields without presence are printed when they hold their default.
  package var alwaysPrintsDefaults = false
  /// 64-bit integers are printed as numbers instead of strings; clients may lose precision.
  package var printsInt64AsNumber = false
  package var enumStyle = EnumStyle.name
  /// Fields are printed by their proto names instead of their JSON names.
  package var usesProtoNames = false
  /// An `Any` of a type that the schema doesn't have becomes `{"@type": …, "value": "<base64>"}`
  /// instead of an error.
  package var printsUnknownAnyAsBase64 = true
  /// How deep messages may nest, counted as `EncodeOptions.depthLimit` says.
  package var depthLimit = 100

  package init() {}
}
