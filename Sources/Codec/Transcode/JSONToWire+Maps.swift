/// Maps: objects whose members are entries, a key in field 1 and a value in field 2.
extension JSONToWire {
  /// Reads entries of the innermost frame, a map field.
  mutating func readEntries() throws(CodecError) {
    let depth = self.frames.count
    let map = self.plan.fields.reference(to: self.frames.top.field)
    let keyIndex = self.plan.messages[self.frames.top.message].firstField
    let valueIndex = keyIndex &+ 1
    let hasStringKeys = self.plan.fields[keyIndex].kind == .string
    let value = self.plan.fields.reference(to: valueIndex)
    while self.frames.count == depth {
      guard try self.nextMember() else {
        return try self.closeEntries()
      }
      // For two tags, two lengths and 32 bytes of a short key.
      self.sink.reserve(64)
      self.writeTag(map)
      let mark = self.sink.storeLengthMark()
      let length = hasStringKeys ? self.reader.shortStringLength : -1
      if length >= 0 {
        try self.readShortKey(length)
      } else {
        try self.readMapKey(keyIndex)
      }
      guard self.reader.takeSeparator(UInt8(ascii: ":")) else {
        throw self.reader.expected("':'")
      }
      if self.reader.peek == UInt8(ascii: "n") && value.value.wellKnown != .value
        && !value.value.isNullValue
      {
        throw self.reader.wrongType("a value (null isn't allowed in this map)")
      }
      switch value.value.kind {
      case .message:
        try self.readMessage(valueIndex, value, outer: mark)
      case .string:
        _ = try self.writeString(valueIndex, value, keepsDefault: true)
        self.sink.closeLength(mark)
      case .int32, .int64, .uint32, .uint64, .fixed32, .fixed64:
        _ = try self.writeInteger(value, keepsDefault: true)
        self.sink.closeLength(mark)
      default:
        try self.readMapScalar(valueIndex, mark: mark)
      }
    }
  }

  /// Reads a map key that's a string, whose `shortStringLength` is `length`, and rejects a repeated
  /// one. The caller has reserved 48 bytes.
  @inline(__always)
  private mutating func readShortKey(_ length: Int) throws(CodecError) {
    let start = self.reader.position &+ 1
    self.frames.top.keyStart = start
    self.frames.top.keyEnd = start &+ length
    let isRepeated = unsafe self.keys.insert(
      self.reader.pointer(at: start), count: length, into: &self.frames.top.keys)
    if isRepeated { throw self.duplicateKey(offset: start &- 1) }
    self.sink.storeByte(0x0A)
    self.storeShortString(length)
    self.reader.position = start &+ length &+ 1
  }

  /// Skips to the next member of a map or Struct.
  ///
  /// - Returns: false when the object has ended.
  @inline(__always)
  mutating func nextMember() throws(CodecError) -> Bool {
    if self.frames.top.isFirst {
      self.frames.top.isFirst = false
      self.reader.skipWhitespace()
      if self.reader.take(UInt8(ascii: "}")) { return false }
    } else if !self.reader.takeSeparator(UInt8(ascii: ",")) {
      guard self.reader.take(UInt8(ascii: "}")) else { throw self.reader.expected("',' or '}'") }
      return false
    }
    guard self.reader.peek == UInt8(ascii: "\"") else {
      throw self.reader.expected("a key in quotes")
    }
    return true
  }

  /// Reads a value that isn't a message and closes its entry.
  private mutating func readMapScalar(_ field: Int32, mark: Int) throws(CodecError) {
    if try self.writeScalar(field, keepsDefault: true) {
      self.sink.closeLength(mark)
    } else {
      // An ignored unknown enum name removes its whole entry.
      let tagLength = Int(self.plan.fields[self.frames.top.field].tagLength)
      self.sink.truncate(to: mark - 1 - tagLength)
    }
  }

  /// Reads a map key, which is a string in JSON whatever its type, and rejects a repeated one.
  private mutating func readMapKey(_ field: Int32) throws(CodecError) {
    let offset = self.reader.position
    let tagStart = self.sink.count
    let kind = self.plan.fields[field].kind
    var isNew: Bool
    if kind == .string {
      let token = try self.reader.string()
      self.frames.top.keyStart = token.start
      self.frames.top.keyEnd = token.end
      let (bytes, count) = unsafe try self.bytes(of: token)
      isNew = unsafe !self.keys.insert(bytes, count: count, into: &self.frames.top.keys)
      self.sink.reserve(count &+ 32)
      self.sink.storeByte(0x0A)
      self.sink.storeVarint(UInt64(truncatingIfNeeded: count))
      unsafe self.sink.append(start: bytes, count: count)
    } else {
      self.frames.top.keyStart = offset + 1
      self.frames.top.keyEnd = offset + 1
      let payload: UInt64
      if kind == .bool {
        payload = try self.readQuotedBool()
      } else {
        payload = try self.readInteger(kind)
      }
      self.frames.top.keyEnd = max(offset + 1, self.reader.position - 1)
      isNew = !self.keys.insert(number: payload, into: &self.frames.top.keys)
      self.sink.reserve(32)
      self.sink.storeWord(
        self.plan.fields[field].tagBytes, length: Int(self.plan.fields[field].tagLength))
      self.storePayload(payload, kind: kind)
    }
    assert(self.sink.count > tagStart)
    if !isNew { throw self.duplicateKey(offset: offset) }
  }

  /// Closes the innermost frame, a map or Struct; an error if it has a repeated key.
  @inline(__always)
  mutating func closeEntries() throws(CodecError) {
    if let again = self.keys.close(self.frames.top.keys) {
      throw try self.findDuplicateKey(again)
    }
    self.closeFrame()
  }

  /// The error for the repeated key with index `index`, counted from 0, of the innermost frame.
  /// Reads the text again to find it.
  @inline(never)
  private mutating func findDuplicateKey(_ index: Int) throws(CodecError) -> CodecError {
    self.reader.position = self.frames.top.start
    for _ in 0..<index {
      self.reader.skipWhitespace()
      _ = try self.reader.string()
      self.reader.skipWhitespace()
      self.reader.position += 1
      self.reader.skipWhitespace()
      try self.reader.skipValue()
      self.reader.skipWhitespace()
      self.reader.position += 1
    }
    self.reader.skipWhitespace()
    let offset = self.reader.position
    let token = try self.reader.string()
    self.frames.top.keyStart = token.start
    self.frames.top.keyEnd = token.end
    return self.duplicateKey(offset: offset)
  }

  @inline(never)
  func duplicateKey(offset: Int) -> CodecError {
    CodecError(
      .duplicateField, offset: offset,
      reason: "this key occurs twice in its \(self.frames.top.kind == .map ? "map" : "object")")
  }

  private mutating func readQuotedBool() throws(CodecError) -> UInt64 {
    let offset = self.reader.position
    let token = try self.reader.string()
    let (bytes, count) = unsafe try self.bytes(of: token)
    let text = unsafe UnsafeBufferPointer(start: bytes, count: count)
    if unsafe text.elementsEqual("true".utf8) { return 1 }
    if unsafe text.elementsEqual("false".utf8) { return 0 }
    throw CodecError(
      .invalidValue, offset: offset, reason: "a key of this map must be \"true\" or \"false\"")
  }
}
