internal import Codec

extension ConfigurationReader {
  func options(_ section: SectionReader) -> (EncodeOptions, DecodeOptions) {
    var encode = EncodeOptions()
    var decode = DecodeOptions()
    if let ignores = section.choice("unknown_fields", ["reject": false, "ignore": true]) {
      encode.ignoresUnknownFields = ignores
    }
    self.unknownParameters(section, &encode)
    if let ignores = section.choice("unknown_enums", ["reject": false, "ignore": true]) {
      encode.ignoresUnknownEnums = ignores
    }
    if let takesBase64 = section.choice("unknown_any", ["base64": true, "reject": false]) {
      encode.acceptsUnknownAnyAsBase64 = takesBase64
      decode.printsUnknownAnyAsBase64 = takesBase64
    }
    if let always = section.flag("always_print") { decode.alwaysPrintsDefaults = always }
    if let asNumber = section.choice("int64", ["string": false, "number": true]) {
      decode.printsInt64AsNumber = asNumber
    }
    let styles: KeyValuePairs<String, DecodeOptions.EnumStyle> = [
      "name": .name, "number": .number, "short_name": .shortName,
    ]
    if let style = section.choice("enums", styles) {
      decode.enumStyle = style
      encode.acceptsShortEnumNames = style == .shortName
    }
    if let usesProtoNames = section.choice("field_names", ["json": false, "proto": true]) {
      decode.usesProtoNames = usesProtoNames
      encode.usesProtoNames = usesProtoNames
    }
    section.finish()
    return (encode, decode)
  }

  /// `json.unknown_parameters`: a choice, or a list of names that are passed over.
  func unknownParameters(_ section: SectionReader, _ options: inout EncodeOptions) {
    guard let node = section.node("unknown_parameters") else { return }
    if case .list = node.value {
      let names = section.list("unknown_parameters", example: "access_token") {
        text throws(ValueError) in
        guard !text.isEmpty else {
          throw ValueError("an empty name; write the parameter's name, such as access_token")
        }
        return Array(text.utf8)
      }
      options.ignoredParameters = names ?? []
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
    if let ignores { options.ignoresUnknownParameters = ignores }
  }
}
