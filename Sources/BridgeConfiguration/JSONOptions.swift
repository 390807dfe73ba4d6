internal import Codec

/// The section `json` of a service: options of reading and writing JSON.
struct JSONOptions {
  var encode = EncodeOptions()
  var decode = DecodeOptions()

  init(_ section: SectionReader) {
    section.choice(
      "unknown_fields", into: &self.encode.ignoresUnknownFields, ["reject": false, "ignore": true])
    self.readUnknownParameters(section)
    section.choice(
      "unknown_enums", into: &self.encode.ignoresUnknownEnums, ["reject": false, "ignore": true])
    if let takesBase64 = section.choice("unknown_any", ["base64": true, "reject": false]) {
      self.encode.acceptsUnknownAnyAsBase64 = takesBase64
      self.decode.printsUnknownAnyAsBase64 = takesBase64
    }
    section.flag("always_print", into: &self.decode.alwaysPrintsDefaults)
    section.choice(
      "int64", into: &self.decode.printsInt64AsNumber, ["string": false, "number": true])
    let styles: KeyValuePairs<String, DecodeOptions.EnumStyle> = [
      "name": .name, "number": .number, "short_name": .shortName,
    ]
    if let style = section.choice("enums", styles) {
      self.decode.enumStyle = style
      self.encode.acceptsShortEnumNames = style == .shortName
    }
    if let usesProtoNames = section.choice("field_names", ["json": false, "proto": true]) {
      self.decode.usesProtoNames = usesProtoNames
      self.encode.usesProtoNames = usesProtoNames
    }
    section.finish()
  }

  /// Reads `unknown_parameters`: a choice, or a list of names to ignore.
  private mutating func readUnknownParameters(_ section: SectionReader) {
    guard let node = section.node("unknown_parameters") else { return }
    if case .list = node.value {
      let names = section.list("unknown_parameters", example: "access_token") {
        text throws(ValueError) in
        guard !text.isEmpty else {
          throw ValueError("an empty name; write the parameter's name, such as access_token")
        }
        return Array(text.utf8)
      }
      self.encode.ignoredParameters = names ?? []
      return
    }
    let ignores = section.value("unknown_parameters", example: "reject") {
      text throws(ValueError) in
      guard let ignores = ["reject": false, "ignore": true][text] else {
        throw ValueError(
          "\(ConfigurationValues.quoted(text)) is not a choice; write reject, ignore, or a list of "
            + "the names to ignore")
      }
      return ignores
    }
    if let ignores { self.encode.ignoresUnknownParameters = ignores }
  }
}
