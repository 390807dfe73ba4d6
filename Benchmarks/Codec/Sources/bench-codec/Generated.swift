import SwiftProtobuf

/// swift-protobuf's generated type of a corpus, type-erased.
struct Generated {
  let encode: (_ json: [UInt8], _ times: Int) throws -> Void
  let decode: (_ wire: [UInt8], _ times: Int) throws -> Void
  /// Whether two texts, or a text and a wire form, represent the same message.
  let agree: (_ json: [UInt8], _ other: [UInt8], _ wire: [UInt8]) throws -> Bool

  private init<Message: SwiftProtobuf.Message & Equatable>(_: Message.Type) {
    self.encode = { json, times in
      for _ in 0..<times {
        let message = try Message(jsonUTF8Bytes: json)
        let wire: [UInt8] = try message.serializedBytes()
        Self.keep(wire)
      }
    }
    self.decode = { wire, times in
      for _ in 0..<times {
        let message = try Message(serializedBytes: wire)
        let json: [UInt8] = try message.jsonUTF8Bytes()
        Self.keep(json)
      }
    }
    self.agree = { json, other, wire in
      let message = try Message(jsonUTF8Bytes: json)
      return try message == Message(jsonUTF8Bytes: other)
        && message == Message(serializedBytes: wire)
    }
  }

  /// The type with this full name in Protos/bench/codec.proto.
  init?(_ fullName: String) {
    switch fullName {
    case "bridge.bench.Echo": self.init(BenchEcho.self)
    case "bridge.bench.Order": self.init(BenchOrder.self)
    case "bridge.bench.Tensor": self.init(BenchTensor.self)
    case "bridge.bench.Document": self.init(BenchDocument.self)
    case "bridge.bench.Node": self.init(BenchNode.self)
    case "bridge.bench.Dictionary": self.init(BenchDictionary.self)
    case "bridge.bench.Batch": self.init(BenchBatch.self)
    default: return nil
    }
  }

  /// Keeps the optimizer from removing the code that produced the bytes.
  @inline(never)
  private static func keep(_ bytes: [UInt8]) {
    precondition(!bytes.isEmpty)
  }
}
