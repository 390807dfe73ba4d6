import Codec

@testable import BridgeProxy

/// Replies of a reflection server, written field by field.
enum ReflectionReplies {
  static func services(_ names: String...) -> [UInt8] {
    var writer = WireWriter()
    writer.message(6) { list in
      for name in names { list.message(1) { $0.string(1, name) } }
    }
    return writer.bytes
  }

  static func files(_ schemas: TestSchema..., to request: ReflectionRequest? = nil) -> [UInt8] {
    var writer = WireWriter()
    if let request { writer.block(2, request.bytes) }
    writer.message(4) { list in
      for schema in schemas { list.block(1, schema.fileBytes) }
    }
    return writer.bytes
  }

  static func error(_ code: Int, _ message: String) -> [UInt8] {
    var writer = WireWriter()
    writer.message(7) {
      $0.varint(1, code)
      $0.string(2, message)
    }
    return writer.bytes
  }
}

extension TestSchema {
  /// A file with a service of one method, a method for each of the names.
  ///
  /// - Parameter type: of all requests and replies; of another file where it isn't `.NAME.Note`.
  static func file(
    _ name: String, service: String, _ methods: [String] = ["Do"], imports: [String] = [],
    type: String = "Note"
  ) -> TestSchema {
    TestSchema(
      package: name, file: "\(name).proto", imports: imports, service: service,
      messages: type == "Note" ? [("Note", [Field(name: "name", number: 1)])] : [],
      methods: methods.map { Method(name: $0, input: type, output: type) })
  }

  /// The reply of an endpoint that has only these files.
  static func reflected(_ schemas: TestSchema...) throws -> ReflectedFiles {
    ReflectedFiles(try schemas.map { try DescriptorFile($0.fileBytes) })
  }
}
