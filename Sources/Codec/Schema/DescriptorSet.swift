internal import CDescriptor
internal import CProtobuf

/// Reads a serialized `google.protobuf.FileDescriptorSet`. The only user of libprotobuf-c, and only
/// for schemas: never for bytes of a request.
///
/// It reads through the projection schema (Protos/projection.proto), one level of nesting at a
/// time. `*_unpack` returns nil for bytes that aren't such a message and if memory runs out; there
/// is no other error. Each unpacked tree is freed in the function that created it, after its
/// content has been copied into Swift values.
enum DescriptorSet {
  /// The maximum nesting of messages in a file. Stops a hostile descriptor set from using a deep
  /// stack; protoc's own limit for nested declarations is 32 as well.
  static let depthLimit = 32
  /// The maximum size of a descriptor set. Stops a mistaken path (a video, a core dump).
  static let byteLimit = 64 << 20

  /// The files of a descriptor set, in order.
  ///
  /// - Parameter source: where the bytes came from, for error messages.
  static func read(_ bytes: RawSpan, source: String) throws(SchemaError) -> [FileDescriptor] {
    guard bytes.byteCount <= Self.byteLimit else {
      throw SchemaError(
        .limit, subject: source,
        reason: "\(bytes.byteCount) bytes; a descriptor set has at most \(Self.byteLimit)")
    }
    let notASet = SchemaError(
      .notADescriptorSet, subject: source,
      reason: "not a serialized google.protobuf.FileDescriptorSet; make one with "
        + "`protoc --include_imports --descriptor_set_out=FILE` or `buf build -o FILE`")
    let unpacked = unsafe bytes.withUnsafeBytes {
      unsafe bridge__descriptor__file_set__unpack(
        nil, $0.count, $0.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }
    guard let set = unsafe unpacked else { throw notASet }
    defer { unsafe bridge__descriptor__file_set__free_unpacked(set, nil) }
    var files: [FileDescriptor] = []
    for index in unsafe 0..<set.pointee.n_file {
      let reader = FileReader(source: source, notASet: notASet)
      files.append(try unsafe reader.file(set.pointee.file[index]))
    }
    guard !files.isEmpty else { throw notASet }
    return files
  }
}

/// Reads one file of a set.
private struct FileReader {
  var source: String
  var notASet: SchemaError

  func file(_ data: ProtobufCBinaryData) throws(SchemaError) -> FileDescriptor {
    guard let raw = unsafe bridge__descriptor__file__unpack(nil, data.len, data.data) else {
      throw self.notASet
    }
    defer { unsafe bridge__descriptor__file__free_unpacked(raw, nil) }
    let file = unsafe raw.pointee
    let name = try unsafe self.text(file.name)
    var dependencies: [String] = []
    for index in unsafe 0..<file.n_dependency {
      dependencies.append(try unsafe self.text(file.dependency[index]))
    }
    var messages: [MessageDescriptor] = []
    for index in unsafe 0..<file.n_message_type {
      messages.append(try unsafe self.message(file.message_type[index], depth: 1))
    }
    var services: [ServiceDescriptor] = []
    for index in unsafe 0..<file.n_service {
      guard let service = unsafe file.service[index] else { continue }
      services.append(try unsafe self.service(service.pointee))
    }
    return FileDescriptor(
      name: name,
      package: try unsafe self.text(file.package),
      dependencies: dependencies,
      messages: messages,
      enums: try unsafe self.enums(file.enum_type, count: file.n_enum_type),
      extensions: try unsafe self.fields(file.extension, count: file.n_extension),
      services: services,
      edition: try unsafe self.edition(
        syntax: self.text(file.syntax), edition: file.has_edition != 0 ? file.edition : nil,
        file: name),
      features: unsafe self.features(file.options?.pointee.features))
  }

  private func edition(
    syntax: String, edition: Int32?, file: String
  ) throws(SchemaError) -> Edition {
    switch (syntax, edition) {
    case ("", nil), ("proto2", _): return .proto2
    case ("proto3", _): return .proto3
    case (_, let number?):
      if let known = Edition(rawValue: number) { return known }
      throw SchemaError(
        .unsupported, subject: file,
        reason: "edition \(number) is not supported; write edition 2023 or 2024, proto2 or proto3")
    default:
      throw SchemaError(
        .unsupported, subject: file, reason: "syntax \"\(syntax)\" is neither proto2 nor proto3")
    }
  }

  private func message(
    _ data: ProtobufCBinaryData, depth: Int
  ) throws(SchemaError) -> MessageDescriptor {
    guard depth <= DescriptorSet.depthLimit else {
      throw SchemaError(
        .limit, subject: self.source,
        reason: "messages are nested more than \(DescriptorSet.depthLimit) deep")
    }
    guard let raw = unsafe bridge__descriptor__message__unpack(nil, data.len, data.data) else {
      throw self.notASet
    }
    defer { unsafe bridge__descriptor__message__free_unpacked(raw, nil) }
    let message = unsafe raw.pointee
    var nested: [MessageDescriptor] = []
    for index in unsafe 0..<message.n_nested_type {
      nested.append(try unsafe self.message(message.nested_type[index], depth: depth + 1))
    }
    var oneofs: [OneofDescriptor] = []
    for index in unsafe 0..<message.n_oneof_decl {
      guard let oneof = unsafe message.oneof_decl[index] else { continue }
      oneofs.append(
        OneofDescriptor(
          name: try unsafe self.text(oneof.pointee.name),
          features: unsafe self.features(oneof.pointee.options?.pointee.features)))
    }
    let options = unsafe message.options
    return MessageDescriptor(
      name: try unsafe self.text(message.name),
      fields: try unsafe self.fields(message.field, count: message.n_field),
      oneofs: oneofs,
      nested: nested,
      enums: try unsafe self.enums(message.enum_type, count: message.n_enum_type),
      extensions: try unsafe self.fields(message.extension, count: message.n_extension),
      isMapEntry: unsafe options?.pointee.map_entry ?? 0 != 0,
      isMessageSet: unsafe options?.pointee.message_set_wire_format ?? 0 != 0,
      features: unsafe self.features(options?.pointee.features))
  }

  private func fields(
    _ pointers: UnsafeMutablePointer<UnsafeMutablePointer<Bridge__Descriptor__Field>?>?, count: Int
  ) throws(SchemaError) -> [FieldDescriptor] {
    var fields: [FieldDescriptor] = []
    for index in 0..<count {
      guard let pointer = unsafe pointers?[index] else { continue }
      let field = unsafe pointer.pointee
      let options = unsafe field.options
      fields.append(
        FieldDescriptor(
          name: try unsafe self.text(field.name),
          jsonName: unsafe field.has_json_name != 0 ? try self.text(field.json_name) : nil,
          number: unsafe field.number,
          label: unsafe field.label,
          type: unsafe field.type,
          typeName: try unsafe self.text(field.type_name),
          extendee: try unsafe self.text(field.extendee),
          defaultText: unsafe field.has_default_value != 0
            ? try self.text(field.default_value) : nil,
          oneofIndex: unsafe field.has_oneof_index != 0 ? field.oneof_index : nil,
          isProto3Optional: unsafe field.has_proto3_optional != 0 && field.proto3_optional != 0,
          packed: unsafe options.flatMap { options in
            unsafe options.pointee.has_packed != 0 ? options.pointee.packed != 0 : nil
          },
          features: unsafe self.features(options?.pointee.features)))
    }
    return fields
  }

  private func enums(
    _ pointers: UnsafeMutablePointer<UnsafeMutablePointer<Bridge__Descriptor__Enumeration>?>?,
    count: Int
  ) throws(SchemaError) -> [EnumDescriptor] {
    var enums: [EnumDescriptor] = []
    for index in 0..<count {
      guard let pointer = unsafe pointers?[index] else { continue }
      let enumeration = unsafe pointer.pointee
      var values: [EnumSchema.Value] = []
      for index in unsafe 0..<enumeration.n_value {
        guard let value = unsafe enumeration.value[index] else { continue }
        values.append(
          EnumSchema.Value(
            name: try unsafe self.text(value.pointee.name), number: unsafe value.pointee.number))
      }
      enums.append(
        EnumDescriptor(
          name: try unsafe self.text(enumeration.name), values: values,
          features: unsafe self.features(enumeration.options?.pointee.features)))
    }
    return enums
  }

  private func service(
    _ service: Bridge__Descriptor__Service
  ) throws(SchemaError)
    -> ServiceDescriptor
  {
    var methods: [MethodDescriptor] = []
    for index in unsafe 0..<service.n_method {
      guard let pointer = unsafe service.method[index] else { continue }
      let method = unsafe pointer.pointee
      var descriptor = MethodDescriptor(
        name: try unsafe self.text(method.name),
        inputType: try unsafe self.text(method.input_type),
        outputType: try unsafe self.text(method.output_type),
        isClientStreaming: unsafe method.client_streaming != 0,
        isServerStreaming: unsafe method.server_streaming != 0,
        httpRules: [], faults: [])
      // The option is singular: if it occurs twice, the last one wins.
      if let options = unsafe method.options, unsafe options.pointee.n_http > 0,
        let rule = unsafe options.pointee.http[options.pointee.n_http - 1]
      {
        try unsafe self.add(rule.pointee, to: &descriptor, depth: 1)
      }
      methods.append(descriptor)
    }
    return ServiceDescriptor(name: try unsafe self.text(service.name), methods: methods)
  }

  /// Adds a rule and then its additional bindings, which may have none of their own
  /// (google/api/http.proto: "nested bindings must not contain an additional_bindings field").
  private func add(
    _ rule: Bridge__Descriptor__HttpRule, to method: inout MethodDescriptor, depth: Int
  ) throws(SchemaError) {
    var patterns: [(verb: String, template: String)] = []
    if unsafe rule.has_get != 0 { patterns.append(("GET", try unsafe self.text(rule.get))) }
    if unsafe rule.has_put != 0 { patterns.append(("PUT", try unsafe self.text(rule.put))) }
    if unsafe rule.has_post != 0 { patterns.append(("POST", try unsafe self.text(rule.post))) }
    if unsafe rule.has_delete_pattern != 0 {
      patterns.append(("DELETE", try unsafe self.text(rule.delete_pattern)))
    }
    if unsafe rule.has_patch != 0 { patterns.append(("PATCH", try unsafe self.text(rule.patch))) }
    if let custom = unsafe rule.custom {
      patterns.append(
        (try unsafe self.text(custom.pointee.kind), try unsafe self.text(custom.pointee.path)))
    }
    if patterns.count == 1, let pattern = patterns.first {
      method.httpRules.append(
        HTTPRule(
          verb: pattern.verb, template: pattern.template,
          body: try unsafe self.text(rule.body),
          responseBody: try unsafe self.text(rule.response_body)))
    } else if !patterns.isEmpty {
      method.faults.append(
        "a google.api.http rule names \(patterns.count) patterns; it must name one")
    } else if unsafe depth > 1 || rule.n_additional_bindings == 0 {
      method.faults.append("a google.api.http rule names no pattern (get, put, post, …)")
    }
    for index in unsafe 0..<rule.n_additional_bindings {
      guard depth == 1 else {
        method.faults.append("additional_bindings can't be nested in additional_bindings")
        return
      }
      let data = unsafe rule.additional_bindings[index]
      guard let inner = unsafe bridge__descriptor__http_rule__unpack(nil, data.len, data.data)
      else { throw self.notASet }
      defer { unsafe bridge__descriptor__http_rule__free_unpacked(inner, nil) }
      try unsafe self.add(inner.pointee, to: &method, depth: depth + 1)
    }
  }

  private func features(
    _ pointer: UnsafeMutablePointer<Bridge__Descriptor__Features>?
  ) -> FeatureOverrides {
    guard let features = unsafe pointer?.pointee else { return FeatureOverrides() }
    return unsafe FeatureOverrides(
      fieldPresence: features.has_field_presence != 0 ? features.field_presence : nil,
      enumType: features.has_enum_type != 0 ? features.enum_type : nil,
      repeatedFieldEncoding: features.has_repeated_field_encoding != 0
        ? features.repeated_field_encoding : nil,
      utf8Validation: features.has_utf8_validation != 0 ? features.utf8_validation : nil,
      messageEncoding: features.has_message_encoding != 0 ? features.message_encoding : nil,
      jsonFormat: features.has_json_format != 0 ? features.json_format : nil)
  }

  private func text(_ data: ProtobufCBinaryData) throws(SchemaError) -> String {
    guard let start = unsafe data.data else { return "" }
    let bytes = unsafe UnsafeBufferPointer(start: start, count: data.len)
    guard let text = unsafe String(validating: bytes, as: UTF8.self) else { throw self.notASet }
    return text
  }
}
