internal import BridgeConfiguration
internal import Codec
internal import NIOCore

/// A message of the registry's gRPC protocol: a type name, header fields, and a JSON body.
struct NacosMessage: Equatable {
  /// The simple name of its Java class: `SubscribeServiceRequest`.
  var kind: String
  /// May contain secrets; never shown.
  var fields: [String: String] = [:]
  var body: JSONValue

  init(_ kind: String, fields: [(name: String, value: String)] = [], _ body: [String: JSONValue]) {
    self.kind = kind
    self.fields = Dictionary(fields.map { ($0.name, $0.value) }) { _, last in last }
    self.body = .object(body)
  }

  /// A successful reply to a message from the stream, with the same request id.
  static func reply(_ kind: String, to message: NacosMessage) -> NacosMessage {
    var body: [String: JSONValue] = ["resultCode": .number(200), "errorCode": .number(0)]
    if let id = message.body["requestId"] { body["requestId"] = id }
    return NacosMessage(kind, body)
  }

  /// The error in a reply: its code and message. Nil on success.
  var fault: (code: Int, message: String)? {
    let isWell = self.body["resultCode"]?.int ?? 200 == 200 && self.body["success"]?.bool ?? true
    guard !isWell || self.kind == "ErrorResponse" else { return nil }
    let code = self.body["errorCode"]?.int ?? self.body["resultCode"]?.int ?? 500
    return (code, ConfigurationValues.quoted(self.body["message"]?.string ?? ""))
  }
}

extension NacosMessage: CustomStringConvertible {
  var description: String { self.kind }
}

/// Encodes and decodes messages in their common Protobuf envelope:
enum NacosPayload {
  /// Reason why bytes can't be decoded.
  struct DecodingError: Error, Equatable, CustomStringConvertible {
    let description: String
  }

  // MARK: Writing

  static func encode(_ message: NacosMessage, clientAddress: String) -> ByteBuffer {
    var metadata = ByteBuffer()
    Self.write(3, ByteBuffer(string: message.kind), into: &metadata)
    for (name, value) in message.fields.sorted(by: { $0.key < $1.key }) {
      var entry = ByteBuffer()
      Self.write(1, ByteBuffer(string: name), into: &entry)
      Self.write(2, ByteBuffer(string: value), into: &entry)
      Self.write(7, entry, into: &metadata)
    }
    Self.write(8, ByteBuffer(string: clientAddress), into: &metadata)
    var body = ByteBuffer()
    Self.write(2, ByteBuffer(bytes: message.body.text), into: &body)
    var payload = ByteBuffer()
    Self.write(2, metadata, into: &payload)
    Self.write(3, body, into: &payload)
    return payload
  }

  private static func write(_ number: UInt8, _ bytes: ByteBuffer, into buffer: inout ByteBuffer) {
    buffer.writeInteger(number << 3 | 2)
    var length = bytes.readableBytes
    while length >= 0x80 {
      buffer.writeInteger(UInt8(truncatingIfNeeded: length) | 0x80)
      length >>= 7
    }
    buffer.writeInteger(UInt8(length))
    buffer.writeImmutableBuffer(bytes)
  }

  // MARK: Reading

  static func decode(_ payload: ByteBuffer) throws(DecodingError) -> NacosMessage {
    var message = NacosMessage("", [:])
    let bytes = Array(payload.readableBytesView)
    var text: Range<Int>?
    do throws(CodecError) {
      try Self.read(bytes) { (number, content) throws(CodecError) in
        switch number {
        case 2: try Self.readMetadata(bytes, content, into: &message)
        case 3:
          try Self.read(bytes, content) { (number, content) throws(CodecError) in
            if number == 2 { text = content }
          }
        default: break
        }
      }
    } catch {
      throw DecodingError(description: "a message that isn't Protobuf: \(error)")
    }
    guard !message.kind.isEmpty else {
      throw DecodingError(description: "a message without a type")
    }
    if let text, !text.isEmpty {
      do throws(CodecError) {
        message.body = try JSONValue(parsing: Array(bytes[text]))
      } catch {
        throw DecodingError(
          description: "a \(ConfigurationValues.quoted(message.kind)) with invalid JSON: \(error)")
      }
    }
    return message
  }

  private static func readMetadata(
    _ bytes: [UInt8], _ range: Range<Int>, into message: inout NacosMessage
  ) throws(CodecError) {
    try Self.read(bytes, range) { (number, content) throws(CodecError) in
      switch number {
      case 3: message.kind = Self.text(bytes, content)
      case 7:
        var entry = (name: "", value: "")
        try Self.read(bytes, content) { (number, content) throws(CodecError) in
          switch number {
          case 1: entry.name = Self.text(bytes, content)
          case 2: entry.value = Self.text(bytes, content)
          default: break
          }
        }
        message.fields[entry.name] = entry.value
      default: break
      }
    }
  }

  private static func text(_ bytes: [UInt8], _ range: Range<Int>) -> String {
    String(decoding: bytes[range], as: UTF8.self)
  }

  /// Calls `take` with the number and the content of each length-prefixed field; skips the others.
  private static func read(
    _ bytes: [UInt8], _ range: Range<Int>? = nil,
    _ take: (Int, Range<Int>) throws(CodecError) -> Void
  ) throws(CodecError) {
    var reader = WireFieldReader(bytes, in: range)
    while let field = try reader.next() {
      if case .bytes(let content) = field.value { try take(field.number, content) }
    }
  }
}
