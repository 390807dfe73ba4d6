import Codec

/// The codec with its schema and its buffers, as in an event loop.
final class Bridge {
  private let schema: Schema
  private let type: MessageIndex
  private let transcoder = Transcoder()
  private let bindings = Bindings()
  private var sink = ByteSink()
  /// The text that is encoded, and the result, which is decoded.
  let json: [UInt8]
  private(set) var wire: [UInt8] = []
  /// The result of decoding.
  private(set) var decoded: [UInt8] = []

  init(_ json: [UInt8], as type: MessageIndex, of schema: Schema) throws {
    self.schema = schema
    self.type = type
    self.json = json
    try self.encode(1)
    self.wire = Self.copy(self.sink)
    try self.decode(1)
    self.decoded = Self.copy(self.sink)
  }

  func encode(_ times: Int) throws {
    let json = self.json
    for _ in 0..<times {
      self.sink.removeAll()
      try self.transcoder.encode(
        json.span.bytes, rule: .whole, as: self.type, of: self.schema, bindings: self.bindings,
        options: EncodeOptions(), into: &self.sink)
    }
  }

  func decode(_ times: Int) throws {
    let wire = self.wire
    for _ in 0..<times {
      self.sink.removeAll()
      try self.transcoder.decode(
        wire.span.bytes, as: self.type, of: self.schema, responseBody: nil,
        options: DecodeOptions(), into: &self.sink)
    }
  }

  private static func copy(_ sink: borrowing ByteSink) -> [UInt8] {
    let written = sink.bytes
    return (0..<written.byteCount).map { written[$0] }
  }
}
