internal import Codec
internal import Routing

/// Descriptor sets: no trap while one is loaded, nor while the resulting types and routes are used,
/// however odd their structure.
///
/// An input is the set itself, or, after a zero byte, a program for `DescriptorAssembler` (no set
/// begins with a zero).
enum DescriptorSetTarget {
  /// The number of types tried per schema, and of fields per type.
  private static let messageLimit = 6
  private static let fieldLimit = 8

  static func run(_ input: [UInt8]) throws(BrokenProperty) {
    let bytes =
      input.first == 0 ? DescriptorAssembler.assemble(input.dropFirst()) : input
    let set = ExactBytes(bytes)
    let schema: Schema
    do throws(SchemaError) {
      var builder = SchemaBuilder()
      try builder.add(descriptorSet: set.span, source: "input")
      schema = try builder.build()
    } catch {
      try require(!error.description.isEmpty, "an error without a message")
      return
    }
    for index in schema.messages.indices.prefix(Self.messageLimit) {
      try Self.run(MessageIndex(rawValue: Int32(index)), of: schema)
    }
    // The well-known types too: a set may contain its own.
    for name in ["Struct", "Value", "Any", "Timestamp", "Int64Value", "FieldMask"] {
      if let message = schema.message(named: "google.protobuf.\(name)") {
        try Self.run(message, of: schema)
      }
    }
    Self.route(schema)
  }

  private static func run(
    _ message: MessageIndex, of schema: Schema
  ) throws(BrokenProperty) {
    let codec = CodecRun()
    var encodeOptions = EncodeOptions()
    encodeOptions.ignoresUnknownFields = true
    encodeOptions.ignoresUnknownEnums = true
    encodeOptions.depthLimit = 10
    var decodeOptions = DecodeOptions()
    decodeOptions.depthLimit = 10
    var texts = ["", "{}", "[]", "null", "\"\"", "\"1s\"", "1", "{\"a\":[{\"b\":null}]}"]
    var wires: [[UInt8]] = [
      [], [0x0A, 0x00], [0x08, 0x01], [0x0A, 0x02, 0x08, 0x01, 0x08, 0x02],
    ]
    for field in schema[message].fields.prefix(Self.fieldLimit) {
      let key = Self.quoted(field.jsonName)
      for value in Self.values { texts.append("{\(key):\(value)}") }
      for record in Self.records(field.number) { wires += [record, record + record] }
    }
    for text in texts {
      let encoded = try codec.encode(
        text.utf8, rule: .whole, as: message, of: schema, bindings: Bindings(),
        options: encodeOptions)
      if case .success(let wire) = encoded { wires.append(wire) }
    }
    for (index, wire) in wires.enumerated() {
      decodeOptions.alwaysPrintsDefaults = index % 2 == 0
      _ = try codec.decode(
        wire, as: message, of: schema, responseBody: nil, options: decodeOptions)
    }
    for field in schema[message].fields.prefix(Self.fieldLimit) {
      guard let path = try? schema.fieldPath(field.name, in: message) else { continue }
      _ = try codec.decode([], as: message, of: schema, responseBody: path, options: decodeOptions)
      _ = try codec.encode(
        "{}".utf8, rule: .field(path), as: message, of: schema, bindings: Bindings(),
        options: encodeOptions)
      var bindings = Bindings()
      let name = ExactBytes(field.jsonName.utf8)
      let value = ExactBytes("1".utf8)
      bindings.addParameter(name: name.span, value: value.span)
      _ = try codec.encode(
        [], rule: .none, as: message, of: schema, bindings: bindings, options: encodeOptions)
    }
  }

  private static let values = [
    "null", "0", "\"\"", "\"a\"", "true", "{}", "[]", "[0]", "[{}]", "{\"\":null}", "{\"1\":{}}",
    "{\"true\":\"a\",\"1\":0}", "{\"a\":{\"a\":{\"a\":[1]}}}", "[{\"a\":1},{\"b\":[]}]",
    "{\"@type\":\"a/google.protobuf.Value\",\"value\":{}}",
  ]

  /// Records of a field number in every wire type.
  private static func records(_ number: Int32) -> [[UInt8]] {
    func tag(_ wireType: UInt32) -> [UInt8] {
      var rest = UInt32(number) << 3 | wireType
      var bytes: [UInt8] = []
      while rest >= 0x80 {
        bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
        rest >>= 7
      }
      return bytes + [UInt8(rest)]
    }
    return [
      tag(0) + [1], tag(1) + [0, 0, 0, 0, 0, 0, 0xF0, 0x3F], tag(2) + [0],
      tag(2) + [2, 0x08, 0x01], tag(2) + [4, 0x0A, 0x00, 0x12, 0x00],
      tag(2) + [8, 0x0A, 0x01, 0x61, 0x12, 0x03, 0x0A, 0x01, 0x61], tag(3) + tag(4),
      tag(3) + [0x08, 0x01] + tag(4), tag(5) + [0, 0, 0, 0],
    ]
  }

  private static func quoted(_ name: String) -> String {
    var text = "\""
    for scalar in name.unicodeScalars {
      if scalar == "\"" || scalar == "\\" {
        text += "\\\(scalar)"
      } else if scalar.value < 0x20 {
        text += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }

  /// Routes of the set's services, matched with a few paths.
  private static func route(_ schema: Schema) {
    guard let table = try? RouteTable(schema: schema, mapsMethodsByName: true) else { return }
    _ = table.listing(prefix: "/api")
    var scratch = RouteScratch()
    for text in ["/", "/v1/1", "/v1/x/1:b", "/a.b/a", "/a/b/c/d"] {
      let path = ExactBytes(text.utf8)
      _ = table.match("GET", path.span, &scratch)
      _ = table.allowedMethods(path.span, &scratch)
      _ = table.nearest(to: path.span)
    }
  }
}
