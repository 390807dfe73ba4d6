/// Struct, Value, ListValue and Any: JSON whose structure no schema defines.
extension JSONToWire {
  // The tags of google/protobuf/struct.proto and any.proto, one byte each.
  private static var structFieldsTag: UInt8 { 0x0A }
  private static var entryKeyTag: UInt8 { 0x0A }
  private static var entryValueTag: UInt8 { 0x12 }
  private static var listValuesTag: UInt8 { 0x0A }
  private static var nullTag: UInt8 { 0x08 }
  private static var numberTag: UInt8 { 0x11 }
  private static var stringTag: UInt8 { 0x1A }
  private static var boolTag: UInt8 { 0x20 }
  private static var structTag: UInt8 { 0x2A }
  private static var listTag: UInt8 { 0x32 }
  private static var typeURLTag: UInt8 { 0x0A }
  private static var anyValueTag: UInt8 { 0x12 }

  // MARK: Struct, Value, ListValue

  mutating func openStruct(field: Int32, lengths: (Int, Int, Int)) throws(CodecError) {
    guard self.reader.take(UInt8(ascii: "{")) else { throw self.reader.wrongType("an object") }
    try self.checkDepth()
    var frame = Frame(kind: .structure)
    frame.uncounted = self.frames.top.uncounted
    frame.field = field
    frame.lengths = lengths
    frame.seenMark = self.seen.mark
    frame.keys = self.keys.open()
    frame.start = self.reader.position
    self.frames.push(frame)
  }

  mutating func openList(field: Int32, lengths: (Int, Int, Int)) throws(CodecError) {
    guard self.reader.take(UInt8(ascii: "[")) else { throw self.reader.wrongType("an array") }
    try self.checkDepth()
    var frame = Frame(kind: .list)
    frame.uncounted = self.frames.top.uncounted
    frame.field = field
    frame.lengths = lengths
    frame.seenMark = self.seen.mark
    self.frames.push(frame)
  }

  mutating func readStructMembers() throws(CodecError) {
    let depth = self.frames.count
    while self.frames.count == depth {
      guard try self.nextMember() else {
        return try self.closeEntries()
      }
      let offset = self.reader.position
      let token = try self.reader.string()
      self.frames.top.keyStart = token.start
      self.frames.top.keyEnd = token.end
      let (bytes, count) = unsafe try self.bytes(of: token)
      if unsafe self.keys.insert(bytes, count: count, into: &self.frames.top.keys) {
        throw self.duplicateKey(offset: offset)
      }
      self.sink.reserve(count &+ 64)
      self.sink.storeByte(Self.structFieldsTag)
      let entry = self.sink.openLength()
      self.sink.reserve(count &+ 64)
      self.sink.storeByte(Self.entryKeyTag)
      self.sink.storeVarint(UInt64(truncatingIfNeeded: count))
      unsafe self.sink.append(start: bytes, count: count)
      self.reader.skipWhitespace()
      guard self.reader.take(UInt8(ascii: ":")) else { throw self.reader.expected("':'") }
      self.reader.skipWhitespace()
      self.sink.reserve(32)
      self.sink.storeByte(Self.entryValueTag)
      let value = self.sink.openLength()
      try self.readDynamic(field: -1, lengths: (value, entry, 0))
    }
  }

  mutating func readListElements() throws(CodecError) {
    let depth = self.frames.count
    while self.frames.count == depth {
      guard try self.beginElement() else { return self.closeFrame() }
      self.sink.reserve(32)
      self.sink.storeByte(Self.listValuesTag)
      let value = self.sink.openLength()
      try self.readDynamic(field: -1, lengths: (value, 0, 0))
    }
  }

  /// Reads any JSON value as the content of a google.protobuf.Value. At most two of `lengths` may be
  /// open: an object or array adds its own.
  mutating func readDynamic(field: Int32, lengths: (Int, Int, Int)) throws(CodecError) {
    assert(lengths.2 == 0)
    self.sink.reserve(32)
    switch self.reader.peek {
    case UInt8(ascii: "{"):
      self.sink.storeByte(Self.structTag)
      let mark = self.sink.openLength()
      try self.openStruct(field: field, lengths: (mark, lengths.0, lengths.1))
      return
    case UInt8(ascii: "["):
      self.sink.storeByte(Self.listTag)
      let mark = self.sink.openLength()
      try self.openList(field: field, lengths: (mark, lengths.0, lengths.1))
      return
    case UInt8(ascii: "\""):
      let token = try self.reader.string()
      let (bytes, count) = unsafe try self.bytes(of: token)
      self.sink.reserve(count &+ 32)
      self.sink.storeByte(Self.stringTag)
      self.sink.storeVarint(UInt64(truncatingIfNeeded: count))
      unsafe self.sink.append(start: bytes, count: count)
    case UInt8(ascii: "t") where self.reader.take(literal: "true"):
      self.sink.storeByte(Self.boolTag)
      self.sink.storeByte(1)
    case UInt8(ascii: "f") where self.reader.take(literal: "false"):
      self.sink.storeByte(Self.boolTag)
      self.sink.storeByte(0)
    case UInt8(ascii: "n") where self.reader.take(literal: "null"):
      self.sink.storeByte(Self.nullTag)
      self.sink.storeByte(0)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      let value = try self.readDouble()
      self.sink.storeByte(Self.numberTag)
      self.sink.storeFixed64(value.bitPattern)
    default:
      throw self.reader.expected("a JSON value")
    }
    self.closeLengths(lengths)
  }

  // MARK: Any

  /// Opens an Any: finds its `@type`, wherever in the object it is, and reads the rest of the
  /// object as that type. At most two of `lengths` may be open.
  mutating func openAny(field: Int32, lengths: (Int, Int, Int)) throws(CodecError) {
    assert(lengths.2 == 0)
    guard self.reader.peek == UInt8(ascii: "{") else { throw self.reader.wrongType("an object") }
    let offset = self.reader.position
    guard let url = try self.findTypeURL() else {
      // `{}` is an unset Any.
      self.reader.position = offset + 1
      self.reader.skipWhitespace()
      guard self.reader.take(UInt8(ascii: "}")) else {
        throw CodecError(
          .unknownType, offset: offset,
          reason: "an Any needs \"@type\", such as \"type.googleapis.com/package.Message\"")
      }
      return self.closeLengths(lengths)
    }
    self.reader.position = offset
    let (bytes, count) = unsafe try self.bytes(of: url)
    let message = unsafe self.plan.message(ofTypeURL: bytes, count: count)
    guard message >= 0 || self.options.acceptsUnknownAnyAsBase64 else {
      throw CodecError(
        .unknownType, offset: url.start - 1,
        reason: "the type of \(self.text(of: url)) isn't in the loaded schemas")
    }
    if count > 0 || message >= 0 {
      self.sink.reserve(count &+ 32)
      self.sink.storeByte(Self.typeURLTag)
      self.sink.storeVarint(UInt64(truncatingIfNeeded: count))
      unsafe self.sink.append(start: bytes, count: count)
    }
    guard message >= 0 else {
      return self.openUnknownAny(url, field: field, lengths: lengths)
    }
    self.sink.reserve(32)
    self.sink.storeByte(Self.anyValueTag)
    let mark = self.sink.openLength()
    if self.plan.messages[message].wellKnown == .none {
      try self.openMessage(
        message, field: field, lengths: (mark, lengths.0, lengths.1), hasTypeMember: true)
    } else {
      self.reader.position += 1
      try self.checkDepth()
      var frame = Frame(kind: .knownAny)
      frame.uncounted = self.frames.top.uncounted
      frame.field = field
      frame.message = message
      frame.lengths = (mark, lengths.0, lengths.1)
      frame.seenMark = self.seen.mark
      self.frames.push(frame)
    }
  }

  /// The value of the first `@type` member of the next object, read ahead; nil if there is none.
  private mutating func findTypeURL() throws(CodecError) -> JSONReader.StringToken? {
    self.reader.position += 1
    self.reader.skipWhitespace()
    if self.reader.peek == UInt8(ascii: "}") { return nil }
    while true {
      guard self.reader.peek == UInt8(ascii: "\"") else {
        throw self.reader.expected("a key in quotes")
      }
      let (bytes, count) = unsafe try self.readAnyMemberName()
      if unsafe count == 5 && self.isTypeKey(bytes) {
        guard self.reader.peek == UInt8(ascii: "\"") else {
          throw self.reader.wrongType("a type URL as a string")
        }
        return try self.reader.string()
      }
      // Only skipped here: the depth limit is checked when it's read.
      try self.reader.skipValue()
      self.reader.skipWhitespace()
      if self.reader.take(UInt8(ascii: "}")) { return nil }
      guard self.reader.take(UInt8(ascii: ",")) else { throw self.reader.expected("',' or '}'") }
      self.reader.skipWhitespace()
    }
  }

  /// Whether five bytes are `@type`.
  func isTypeKey(_ bytes: UnsafePointer<UInt8>) -> Bool {
    unsafe bytes[0] == UInt8(ascii: "@") && load32(bytes + 1) == 0x6570_7974
  }

  /// Skips the value of a `@type` member, which has been read ahead, and rejects a second one.
  mutating func skipTypeMember() throws(CodecError) {
    if self.frames.top.index != 0 {
      throw CodecError(
        .duplicateField, offset: self.reader.position, reason: "\"@type\" occurs twice")
    }
    self.frames.top.index = 1
    _ = try self.reader.string()
  }

  /// Reads the members of an Any of a type with a JSON form of its own: `@type` and `value`.
  mutating func readKnownAny() throws(CodecError) {
    let depth = self.frames.count
    while self.frames.count == depth {
      guard try self.nextMember() else { return self.closeFrame() }
      switch try self.readAnyKey() {
      case .passed:
        break
      case .value:
        try self.readContent(of: self.frames.top.message, field: -1, lengths: (0, 0, 0))
      case .unknown(let offset):
        throw CodecError(
          .unknownField, offset: offset,
          reason: "an Any of this type has just \"@type\" and \"value\"")
      }
    }
  }

  /// Reads the name of a member and the colon after it; its value is next.
  ///
  /// - Returns: the unescaped name, valid until the next string is read.
  private mutating func readAnyMemberName() throws(CodecError) -> (
    start: UnsafePointer<UInt8>, count: Int
  ) {
    let token = try self.reader.string()
    self.reader.skipWhitespace()
    guard self.reader.take(UInt8(ascii: ":")) else { throw self.reader.expected("':'") }
    self.reader.skipWhitespace()
    return unsafe try self.bytes(of: token)
  }

  /// The kind of a member of an Any that may have only `@type` and `value`.
  private enum AnyKey {
    /// `@type`, or an ignored one: it has been read.
    case passed
    /// The first `value`: it's next.
    case value
    /// Any other; its key is at this offset.
    case unknown(offset: Int)
  }

  /// Reads the key of such a member.
  private mutating func readAnyKey() throws(CodecError) -> AnyKey {
    let offset = self.reader.position
    let (bytes, count) = unsafe try self.readAnyMemberName()
    if unsafe count == 5 && self.isTypeKey(bytes) {
      try self.skipTypeMember()
      return .passed
    }
    if unsafe count == 5 && self.isValueKey(bytes) {
      if self.frames.top.seen != 0 {
        throw CodecError(.duplicateField, offset: offset, reason: "\"value\" occurs twice")
      }
      self.frames.top.seen = 1
      return .value
    }
    guard self.options.ignoresUnknownFields else { return .unknown(offset: offset) }
    try self.reader.skipValue(depthLimit: self.options.depthLimit - self.depth)
    return .passed
  }

  /// Whether five bytes are `value`.
  private func isValueKey(_ bytes: UnsafePointer<UInt8>) -> Bool {
    unsafe bytes[0] == UInt8(ascii: "v") && load32(bytes + 1) == 0x6575_6C61
  }

  // MARK: Any of unknown types

  /// Opens the next object as an Any whose type isn't in the schema.
  private mutating func openUnknownAny(
    _ url: JSONReader.StringToken, field: Int32, lengths: (Int, Int, Int)
  ) {
    self.reader.position += 1
    var frame = Frame(kind: .unknownAny)
    // A value without nested values, like a string.
    frame.uncounted = self.frames.top.uncounted &+ 1
    frame.field = field
    frame.lengths = lengths
    frame.seenMark = self.seen.mark
    frame.keyStart = url.start
    frame.keyEnd = url.end
    self.frames.push(frame)
  }

  /// Reads the members of an Any whose type isn't in the schema: `@type`, and `value` in base64.
  mutating func readUnknownAny() throws(CodecError) {
    while try self.nextMember() {
      switch try self.readAnyKey() {
      case .passed: break
      case .value: try self.readUnknownAnyValue()
      case .unknown(let offset): throw self.unknownAny(offset: offset)
      }
    }
    // A type without a value is more likely misspelled than an empty message.
    if self.frames.top.seen == 0 { throw self.unknownAny(offset: self.frames.top.keyStart - 1) }
    self.closeFrame()
  }

  private mutating func readUnknownAnyValue() throws(CodecError) {
    let offset = self.reader.position
    guard self.reader.peek == UInt8(ascii: "\"") else { throw self.unknownAny(offset: offset) }
    let token = try self.reader.string()
    let (start, count) = unsafe try self.bytes(of: token)
    if count == 0 { return }
    self.sink.reserve(32)
    self.sink.storeByte(Self.anyValueTag)
    do throws(CodecError) {
      unsafe try self.storeBase64(start, count: count, offset: offset)
    } catch {
      throw self.unknownAny(offset: offset)
    }
  }

  @inline(never)
  private func unknownAny(offset: Int) -> CodecError {
    let url = JSONReader.StringToken(
      start: self.frames.top.keyStart, end: self.frames.top.keyEnd, hasEscapes: false)
    return CodecError(
      .unknownType, offset: offset,
      reason: "the type of \(self.text(of: url)) isn't in the loaded schemas, so its "
        + "only other member must be \"value\" with the message in base64")
  }

  /// A string as it appears in the text, quoted, for error messages.
  private func text(of token: JSONReader.StringToken) -> String {
    let bytes = unsafe UnsafeBufferPointer(
      start: self.reader.pointer(at: token.start), count: token.count)
    return unsafe "\"\(EchoedText.cut(bytes))\""
  }
}

extension Plan {
  /// The message named by a type URL: the part after its last slash, or all of it without one; -1
  /// if the schema doesn't have it (google/protobuf/any.proto).
  func message(ofTypeURL start: UnsafePointer<UInt8>, count: Int) -> Int32 {
    var nameStart = count
    while nameStart > 0, unsafe start[nameStart - 1] != UInt8(ascii: "/") { nameStart -= 1 }
    if nameStart == count { return -1 }
    return unsafe self.message(named: start + nameStart, count: count - nameStart)
  }
}
