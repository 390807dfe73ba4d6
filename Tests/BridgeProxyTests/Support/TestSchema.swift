import Codec

/// A small schema made by hand, so that the tests of the front need no compiler: the bytes of a
/// descriptor set, written field by field.
struct TestSchema {
  /// A field of a message.
  struct Field {
    var name: String
    var number: Int
    /// The number of google.protobuf.FieldDescriptorProto.Type; 9 is string.
    var type = 9
    /// `.package.Message` for type 11.
    var typeName = ""
    var isRepeated = false
  }

  /// A method; messages are named without their package.
  struct Method {
    var name: String
    var input = "Note"
    var output = "Note"
    var isClientStreaming = false
    var isServerStreaming = false
    var rules: [HTTPRule] = []
  }

  /// The package of all that's declared here.
  var package = "test"
  var file = "test.proto"
  var imports: [String] = []
  var service = "Notes"
  var messages: [(name: String, fields: [Field])] = [
    (
      "Note",
      [
        Field(name: "name", number: 1), Field(name: "text", number: 2),
        Field(name: "inner", number: 3, type: 11, typeName: ".test.Note"),
        Field(name: "tags", number: 4, isRepeated: true),
      ]
    )
  ]
  var methods: [Method]

  /// The serialized google.protobuf.FileDescriptorProto.
  var fileBytes: [UInt8] {
    var writer = WireWriter()
    self.write(file: &writer)
    return writer.bytes
  }

  /// Loads it, the way the bridge does.
  func load(beside others: [TestSchema] = []) throws -> Schema {
    var builder = SchemaBuilder()
    for schema in [self] + others {
      var set = WireWriter()
      set.message(1) { schema.write(file: &$0) }
      try builder.add(descriptorSet: set.bytes.span.bytes, source: schema.file)
    }
    return try builder.build()
  }

  private func write(file: inout WireWriter) {
    file.string(1, self.file)
    file.string(2, self.package)
    for name in self.imports { file.string(3, name) }
    for message in self.messages {
      file.message(4) { descriptor in
        descriptor.string(1, message.name)
        for field in message.fields {
          descriptor.message(2) {
            $0.string(1, field.name)
            $0.varint(3, field.number)
            $0.varint(4, field.isRepeated ? 3 : 1)
            $0.varint(5, field.type)
            if !field.typeName.isEmpty { $0.string(6, field.typeName) }
          }
        }
      }
    }
    file.message(6) { descriptor in
      descriptor.string(1, self.service)
      for method in self.methods {
        descriptor.message(2) { self.write(method, to: &$0) }
      }
    }
    file.string(12, "proto3")
  }

  private func write(_ method: Method, to descriptor: inout WireWriter) {
    descriptor.string(1, method.name)
    descriptor.string(2, ".\(self.package).\(method.input)")
    descriptor.string(3, ".\(self.package).\(method.output)")
    if let first = method.rules.first {
      descriptor.message(4) { options in
        options.message(72_295_728) { rule in
          Self.write(first, to: &rule)
          for further in method.rules.dropFirst() {
            rule.message(11) { Self.write(further, to: &$0) }
          }
        }
      }
    }
    if method.isClientStreaming { descriptor.varint(5, 1) }
    if method.isServerStreaming { descriptor.varint(6, 1) }
  }

  private static func write(_ rule: HTTPRule, to writer: inout WireWriter) {
    let kinds = ["GET": 2, "PUT": 3, "POST": 4, "DELETE": 5, "PATCH": 6]
    if let kind = kinds[rule.verb] {
      writer.string(kind, rule.template)
    } else {
      writer.message(8) {
        $0.string(1, rule.verb)
        $0.string(2, rule.template)
      }
    }
    if !rule.body.isEmpty { writer.string(7, rule.body) }
    if !rule.responseBody.isEmpty { writer.string(12, rule.responseBody) }
  }
}

/// Writes Protobuf's wire form.
struct WireWriter {
  private(set) var bytes: [UInt8] = []

  mutating func varint(_ field: Int, _ value: Int) {
    self.append(field << 3)
    self.append(value)
  }

  mutating func string(_ field: Int, _ text: String) {
    self.block(field, Array(text.utf8))
  }

  mutating func message(_ field: Int, _ write: (inout WireWriter) -> Void) {
    var inner = WireWriter()
    write(&inner)
    self.block(field, inner.bytes)
  }

  mutating func block(_ field: Int, _ content: [UInt8]) {
    self.append(field << 3 | 2)
    self.append(content.count)
    self.bytes += content
  }

  private mutating func append(_ value: Int) {
    var rest = UInt64(bitPattern: Int64(value))
    while rest >= 0x80 {
      self.bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    self.bytes.append(UInt8(rest))
  }
}
