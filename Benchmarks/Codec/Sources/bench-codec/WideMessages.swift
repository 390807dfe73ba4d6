import Codec
import SwiftProtobuf

/// A message type with many fields, created at run time, and texts that set ten of them.
struct WideMessages {
  /// The ten fields that a text sets, and their order.
  enum Order: String, CaseIterable {
    /// As declared: each key is the expected one.
    case first = "the first, in order"
    /// Far apart and from the end: each key must be looked up.
    case spread = "spread out, from the back"
  }

  let fieldCount: Int

  private static let name = "bridge.bench.Wide"

  func schema() throws -> Schema {
    var message = Google_Protobuf_DescriptorProto()
    message.name = "Wide"
    message.field = (1...self.fieldCount).map { number in
      var field = Google_Protobuf_FieldDescriptorProto()
      field.name = "field_\(Self.digits(number))"
      field.number = Int32(number)
      field.label = .optional
      field.type = .int32
      return field
    }
    var file = Google_Protobuf_FileDescriptorProto()
    file.name = "wide.proto"
    file.package = "bridge.bench"
    file.syntax = "proto3"
    file.messageType = [message]
    var set = Google_Protobuf_FileDescriptorSet()
    set.file = [file]
    let bytes: [UInt8] = try set.serializedBytes()
    do {
      var builder = SchemaBuilder()
      try builder.add(descriptorSet: bytes.span.bytes, source: "wide.proto")
      return try builder.build()
    } catch {
      throw BenchError.schema("\(error)")
    }
  }

  func type(in schema: Schema) throws -> MessageIndex {
    guard let type = schema.message(named: Self.name) else {
      throw BenchError.unknownType(Self.name)
    }
    return type
  }

  func json(_ order: Order) -> [UInt8] {
    let numbers =
      switch order {
      case .first: Array(1...10)
      case .spread: (0..<10).map { self.fieldCount - $0 * (self.fieldCount / 10) }
      }
    let members = numbers.enumerated().map { index, number in
      "\"field\(Self.digits(number))\":\(index + 7_000)"
    }
    return Array("{\(members.joined(separator: ","))}".utf8)
  }

  /// Four digits: names of one length, whatever the number of fields.
  private static func digits(_ number: Int) -> String {
    String(String(number + 10_000).dropFirst())
  }
}
