/// A JSON text of unknown structure as a tree: for small texts that are read once, such as a
/// registry's response. Messages are never read this way: a transcoder builds no tree.
package enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  /// Whole numbers are exact up to 2^53.
  case number(Double)
  case string(String)
  case array([JSONValue])
  /// The last one counts if a key is repeated.
  case object([String: JSONValue])

  /// The maximum number of open objects and arrays, which keeps a hostile text from exhausting the
  /// stack.
  package static let depthLimit = 64

  /// Reads a whole text (RFC 8259), with optional whitespace around it.
  package init(parsing bytes: [UInt8]) throws(CodecError) {
    var result: Result<JSONValue, CodecError> = .success(.null)
    unsafe bytes.withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress else {
        result = .failure(
          CodecError(.malformedJSON, offset: 0, reason: "expected a JSON value, got nothing"))
        return
      }
      var reader = unsafe JSONReader(start: start, count: buffer.count)
      result = Result { () throws(CodecError) in try Self.document(&reader) }
    }
    self = try result.get()
  }

  // MARK: Access

  /// The member of an object; nil for any other value, and if the member is missing or null.
  package subscript(_ key: String) -> JSONValue? {
    guard case .object(let members) = self, let member = members[key], member != .null else {
      return nil
    }
    return member
  }

  package var string: String? {
    if case .string(let text) = self { return text }
    return nil
  }

  package var bool: Bool? {
    if case .bool(let value) = self { return value }
    return nil
  }

  package var array: [JSONValue]? {
    if case .array(let values) = self { return values }
    return nil
  }

  /// A number, or a string that contains one.
  package var double: Double? {
    switch self {
    case .number(let value): value
    case .string(let text): Double(text)
    default: nil
    }
  }

  /// A whole number that an Int can represent, or a string that contains one.
  package var int: Int? {
    self.double.flatMap { Int(exactly: $0) }
  }

  // MARK: Writing

  /// The text without whitespace, members sorted by key.
  package var text: [UInt8] {
    var sink = ByteSink()
    self.write(into: &sink)
    return unsafe sink.bytes.withUnsafeBytes { unsafe [UInt8]($0) }
  }

  private func write(into sink: inout ByteSink) {
    switch self {
    case .null: sink.append("null")
    case .bool(let value): sink.append(value ? "true" : "false")
    case .number(let value):
      sink.reserve(32)
      sink.storeDouble(value)
    case .string(let text): Self.write(text, into: &sink)
    case .array(let values):
      sink.append(UInt8(ascii: "["))
      for (index, value) in values.enumerated() {
        if index > 0 { sink.append(UInt8(ascii: ",")) }
        value.write(into: &sink)
      }
      sink.append(UInt8(ascii: "]"))
    case .object(let members):
      sink.append(UInt8(ascii: "{"))
      for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
        if index > 0 { sink.append(UInt8(ascii: ",")) }
        Self.write(member.key, into: &sink)
        sink.append(UInt8(ascii: ":"))
        member.value.write(into: &sink)
      }
      sink.append(UInt8(ascii: "}"))
    }
  }

  private static func write(_ text: String, into sink: inout ByteSink) {
    unsafe [UInt8](text.utf8).withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress, buffer.count > 0 else { return sink.append("\"\"") }
      // A String is always UTF-8, so there is no error to check.
      _ = unsafe sink.appendQuoted(start, count: buffer.count, readable: buffer.count)
    }
  }
}

// MARK: - Reading

extension JSONValue {
  private static func document(_ reader: inout JSONReader) throws(CodecError) -> JSONValue {
    let value = try Self.value(&reader, depth: 0)
    reader.skipWhitespace()
    guard reader.isAtEnd else { throw reader.expected("the end of the text") }
    return value
  }

  private static func value(
    _ reader: inout JSONReader, depth: Int
  ) throws(CodecError) -> JSONValue {
    reader.skipWhitespace()
    switch reader.peek {
    case UInt8(ascii: "{"): return try Self.object(&reader, depth: depth + 1)
    case UInt8(ascii: "["): return try Self.array(&reader, depth: depth + 1)
    case UInt8(ascii: "\""): return .string(try Self.text(&reader))
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      let start = reader.position
      let number = try reader.number()
      let text = unsafe (start: reader.pointer(at: start), count: reader.position - start)
      return .number(unsafe number.double(text: text))
    default:
      if reader.take(literal: "true") { return .bool(true) }
      if reader.take(literal: "false") { return .bool(false) }
      if reader.take(literal: "null") { return .null }
      throw reader.expected("a JSON value")
    }
  }

  private static func object(
    _ reader: inout JSONReader, depth: Int
  ) throws(CodecError) -> JSONValue {
    try Self.check(depth, reader)
    var members: [String: JSONValue] = [:]
    reader.position += 1
    reader.skipWhitespace()
    if reader.take(UInt8(ascii: "}")) { return .object(members) }
    while true {
      reader.skipWhitespace()
      let key = try Self.text(&reader)
      reader.skipWhitespace()
      guard reader.take(UInt8(ascii: ":")) else { throw reader.expected("':'") }
      members[key] = try Self.value(&reader, depth: depth)
      reader.skipWhitespace()
      if reader.take(UInt8(ascii: "}")) { return .object(members) }
      guard reader.take(UInt8(ascii: ",")) else { throw reader.expected("',' or '}'") }
    }
  }

  private static func array(
    _ reader: inout JSONReader, depth: Int
  ) throws(CodecError) -> JSONValue {
    try Self.check(depth, reader)
    var values: [JSONValue] = []
    reader.position += 1
    reader.skipWhitespace()
    if reader.take(UInt8(ascii: "]")) { return .array(values) }
    while true {
      values.append(try Self.value(&reader, depth: depth))
      reader.skipWhitespace()
      if reader.take(UInt8(ascii: "]")) { return .array(values) }
      guard reader.take(UInt8(ascii: ",")) else { throw reader.expected("',' or ']'") }
    }
  }

  private static func check(_ depth: Int, _ reader: JSONReader) throws(CodecError) {
    guard depth <= Self.depthLimit else {
      throw CodecError(
        .tooDeep, offset: reader.position,
        reason: "objects and arrays are nested deeper than \(Self.depthLimit)")
    }
  }

  private static func text(_ reader: inout JSONReader) throws(CodecError) -> String {
    let token = try reader.string()
    var sink = ByteSink(capacity: token.count + 32)
    try reader.unescape(token, into: &sink)
    return unsafe sink.bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
  }
}
