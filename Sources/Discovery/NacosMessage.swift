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
    var kind = ""
    var fields: [(name: String, value: String)] = []
    var text = ByteBuffer()
    try Self.read(payload) { (number, content) throws(DecodingError) in
      switch number {
      case 2:
        try Self.read(content) { (number, content) throws(DecodingError) in
          switch number {
          case 3: kind = String(buffer: content)
          case 7: fields.append(try Self.entry(content))
          default: break
          }
        }
      case 3:
        try Self.read(content) { (number, content) throws(DecodingError) in
          if number == 2 { text = content }
        }
      default: break
      }
    }
    guard !kind.isEmpty else { throw DecodingError(description: "a message without a type") }
    var message = NacosMessage(kind, fields: fields, [:])
    if text.readableBytes > 0 {
      do throws(CodecError) {
        message.body = try JSONValue(parsing: Array(text.readableBytesView))
      } catch {
        throw DecodingError(
          description: "a \(ConfigurationValues.quoted(kind)) with invalid JSON: \(error)")
      }
    }
    return message
  }

  private static func entry(
    _ bytes: ByteBuffer
  ) throws(DecodingError) -> (name: String, value: String) {
    var entry = (name: "", value: "")
    try Self.read(bytes) { (number, content) throws(DecodingError) in
      switch number {
      case 1: entry.name = String(buffer: content)
      case 2: entry.value = String(buffer: content)
      default: break
      }
    }
    return entry
  }

  /// Calls `take` with each length-delimited field; skips the others.
  private static func read(
    _ message: ByteBuffer, _ take: (Int, ByteBuffer) throws(DecodingError) -> Void
  ) throws(DecodingError) {
    var rest = message
    while rest.readableBytes > 0 {
      let tag = try Self.varint(&rest)
      let passed: ByteBuffer?
      switch tag & 7 {
      case 0:
        _ = try Self.varint(&rest)
        continue
      case 1: passed = rest.readSlice(length: 8)
      case 5: passed = rest.readSlice(length: 4)
      case 2:
        let length = try Self.varint(&rest)
        guard length <= UInt64(rest.readableBytes) else { throw Self.cutShort }
        passed = rest.readSlice(length: Int(length))
        if let content = passed, tag >> 3 <= 0x1FFF_FFFF { try take(Int(tag >> 3), content) }
      default: throw DecodingError(description: "a message that isn't Protobuf")
      }
      guard passed != nil else { throw Self.cutShort }
    }
  }

  private static func varint(_ buffer: inout ByteBuffer) throws(DecodingError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard let byte: UInt8 = buffer.readInteger() else { throw Self.cutShort }
      if shift < 64 { value |= UInt64(byte & 0x7F) << shift }
      if byte < 0x80 { return value }
    }
    throw DecodingError(description: "a message that isn't Protobuf")
  }

  private static let cutShort = DecodingError(description: "a truncated message")
}
