/// google.api.HttpBody: a message that is an HTTP body of any content type rather than JSON
/// (google/api/httpbody.proto).
package enum HTTPBody {
  static let fullName = "google.api.HttpBody"
  // Its tags, one byte each.
  static let contentTypeTag: UInt8 = 0x0A
  static let dataTag: UInt8 = 0x12

  /// The ranges of its parts in the wire bytes; empty if they aren't set.
  package struct Parts: Equatable {
    package var contentType = 0..<0
    package var data = 0..<0
  }

  /// Finds the parts of the HttpBody that a message is, or that one of its fields contains. Of
  /// several records of a part the last one wins.
  ///
  /// - Throws: if the bytes aren't a Protobuf message.
  package static func parts(
    of wire: RawSpan, in field: FieldPath?, of schema: Schema
  ) throws(CodecError) -> Parts {
    var parts = Parts()
    var problem: CodecError?
    unsafe wire.withUnsafeBytes { bytes in
      guard let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
        return
      }
      var reader = unsafe WireReader(start: start, limit: bytes.count)
      do throws(CodecError) {
        if let step = field?.steps.first {
          let tag = schema.plan.fields[step].tag
          while reader.position < reader.limit {
            try Self.readField(tag, of: &reader, into: &parts)
          }
        } else {
          try Self.read(&reader, to: reader.limit, into: &parts)
        }
      } catch {
        problem = error
      }
    }
    if let problem { throw problem }
    return parts
  }

  /// Reads the next record, and its content if it is the field with this tag.
  private static func readField(
    _ tag: UInt32, of reader: inout WireReader, into parts: inout Parts
  ) throws(CodecError) {
    let found = try reader.tag()
    let start = reader.position
    let end = try reader.contentEnd(skipping: found, depthLimit: 100)
    guard found == tag else { return }
    let next = reader.position
    reader.position = start
    if found & 7 == UInt32(WireType.lengthDelimited.rawValue) { _ = try reader.length() }
    try Self.read(&reader, to: end, into: &parts)
    reader.position = next
  }

  private static func read(
    _ reader: inout WireReader, to end: Int, into parts: inout Parts
  ) throws(CodecError) {
    while reader.position < end {
      let tag = try reader.tag()
      guard tag == UInt32(Self.contentTypeTag) || tag == UInt32(Self.dataTag) else {
        try reader.skip(tag: tag, depthLimit: 100)
        continue
      }
      let length = try reader.length()
      let range = reader.position..<reader.position + length
      if tag == UInt32(Self.contentTypeTag) {
        parts.contentType = range
      } else {
        parts.data = range
      }
      reader.position = range.upperBound
    }
    if reader.position > end { throw reader.truncated() }
  }
}

extension Schema {
  /// Whether a message is google.api.HttpBody.
  package func isHTTPBody(_ message: MessageIndex) -> Bool {
    self[message].fullName == HTTPBody.fullName
  }

  /// Whether a path leads to a singular google.api.HttpBody.
  package func isHTTPBody(_ path: FieldPath) -> Bool {
    guard let leaf = path.steps.last else { return false }
    let field = self.plan.fields[leaf]
    guard field.shape == .singular, field.kind == .message || field.kind == .group else {
      return false
    }
    return self.messages[Int(field.type)].fullName == HTTPBody.fullName
  }
}

extension JSONToWire {
  /// Writes the whole text as a google.api.HttpBody: as the message itself, or as the field named
  /// by the rule.
  ///
  /// - Parameter type: the content type, UTF-8.
  mutating func writeHTTPBody(
    _ type: UnsafeBufferPointer<UInt8>, rule: BodyRule, message: Int32
  ) throws(CodecError) {
    let floor = self.marks.count
    switch rule {
    case .none:
      guard self.reader.count == 0 else { throw self.unexpectedBody }
      return
    case .whole:
      break
    case .field(let path):
      // No body and no content type: the field stays unset.
      if self.reader.count == 0 && type.count == 0 { return }
      self.noteSet(path.steps[0], message: message)
      for depth in 0..<path.steps.count { self.openStep(path.steps[depth]) }
    }
    let count = self.reader.count
    self.sink.reserve(type.count + count + 32)
    if let start = type.baseAddress, type.count > 0 {
      self.sink.storeByte(HTTPBody.contentTypeTag)
      self.sink.storeVarint(UInt64(type.count))
      unsafe self.sink.append(start: start, count: type.count)
    }
    if count > 0 {
      self.sink.reserve(count + 16)
      self.sink.storeByte(HTTPBody.dataTag)
      self.sink.storeVarint(UInt64(count))
      unsafe self.sink.append(start: self.reader.base, count: count)
    }
    self.closeSteps(to: floor)
  }
}
