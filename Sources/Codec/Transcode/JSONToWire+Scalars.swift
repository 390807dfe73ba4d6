internal import CVector

/// Scalars: read from JSON, written with their tag.
extension JSONToWire {
  /// Reads a scalar and writes it with its tag.
  ///
  /// - Returns: whether it was written: false if it's the default and `keepsDefault` is false, or
  ///   if it's an unknown enum name that is ignored.
  @inline(__always)
  mutating func writeScalar(_ index: Int32, keepsDefault: Bool) throws(CodecError) -> Bool {
    let field = self.plan.fields.reference(to: index)
    let kind = field.value.kind
    switch kind {
    case .string:
      return try self.writeString(index, field, keepsDefault: keepsDefault)
    case .bytes:
      return try self.writeBytes(index, keepsDefault: keepsDefault)
    case .enumeration:
      guard let payload = try self.readEnum(index) else { return false }
      if payload == 0 && !keepsDefault { return false }
      self.sink.reserve(32)
      self.writeElementTag(index)
      self.sink.storeVarint(payload)
    default:
      let payload = try self.readPayload(kind)
      if payload == 0 && !keepsDefault { return false }
      self.sink.reserve(32)
      self.writeElementTag(index)
      self.storePayload(payload, kind: kind)
    }
    return true
  }

  /// Writes the tag of one element, whether the field is packed or not.
  @inline(__always)
  mutating func writeElementTag(_ index: Int32) {
    let field = self.plan.fields.reference(to: index)
    if field.value.shape == .packed {
      self.sink.storeVarint(UInt64(field.value.otherTag))
    } else {
      self.writeTag(index)
    }
  }

  @inline(__always)
  mutating func writeString(
    _ index: Int32, _ field: FrozenReference<FieldPlan>, keepsDefault: Bool
  ) throws(CodecError) -> Bool {
    let length = self.reader.shortStringLength
    guard length >= 0 else { return try self.writeLongString(index, keepsDefault: keepsDefault) }
    let isWritten = length > 0 || keepsDefault
    if isWritten {
      self.sink.reserve(64)
      self.writeTag(field)
      self.storeShortString(length)
    }
    self.reader.position &+= length &+ 2
    return isWritten
  }

  /// Reads an integer of a field that isn't packed and writes it with its tag. Returns the same as
  /// `writeScalar`.
  @inline(never)
  mutating func writeInteger(
    _ field: FrozenReference<FieldPlan>, keepsDefault: Bool
  ) throws(CodecError) -> Bool {
    let kind = field.value.kind
    let payload = try self.readNextInteger(kind)
    if payload == 0 && !keepsDefault { return false }
    self.sink.reserve(32)
    self.writeTag(field)
    self.storePayload(payload, kind: kind)
    return true
  }

  /// Stores the length and the bytes of the string whose opening quote is next and whose length is
  /// `shortStringLength`. The caller has reserved 48 bytes.
  @inline(__always)
  mutating func storeShortString(_ length: Int) {
    self.sink.storeByte(UInt8(truncatingIfNeeded: length))
    // 32 bytes after the quote are readable; those after the string are overwritten later.
    unsafe CVector_copy_32(
      self.sink.base + self.sink.count, self.reader.pointer(at: self.reader.position &+ 1))
    self.sink.count &+= length
  }

  /// Writes a string that isn't short and plain.
  @inline(never)
  private mutating func writeLongString(
    _ index: Int32, keepsDefault: Bool
  ) throws(CodecError) -> Bool {
    guard self.reader.peek == UInt8(ascii: "\"") else { throw self.reader.wrongType("a string") }
    let token = try self.reader.string(stopsAtEscape: true)
    if token.hasEscapes { return try self.writeEscapedString(index, token) }
    let count = token.count
    if count == 0 && !keepsDefault { return false }
    self.sink.reserve(count &+ 32)
    self.writeTag(index)
    self.sink.storeVarint(UInt64(truncatingIfNeeded: count))
    unsafe self.sink.storeString(
      self.reader.pointer(at: token.start), count: count,
      readable: self.reader.count &- token.start)
    return true
  }

  @inline(never)
  private mutating func writeEscapedString(
    _ index: Int32, _ token: JSONReader.StringToken
  ) throws(CodecError) -> Bool {
    self.sink.reserve(32)
    self.writeTag(index)
    let mark = self.sink.openLength()
    try self.reader.finishString(from: token, into: &self.sink)
    self.sink.closeLength(mark)
    return true
  }

  @inline(never)
  private mutating func writeBytes(
    _ index: Int32, keepsDefault: Bool
  ) throws(CodecError) -> Bool {
    guard self.reader.peek == UInt8(ascii: "\"") else {
      throw self.reader.wrongType("bytes as a base64 string")
    }
    let offset = self.reader.position
    let token = try self.reader.string()
    let (start, count) = unsafe try self.bytes(of: token)
    if count == 0 && !keepsDefault { return false }
    self.sink.reserve(32)
    self.writeTag(index)
    unsafe try self.storeBase64(start, count: count, offset: offset)
    return true
  }

  /// Writes the bytes that base64 text encodes, with their length.
  mutating func storeBase64(
    _ start: UnsafePointer<UInt8>, count: Int, offset: Int?
  ) throws(CodecError) {
    let decoded = unsafe Base64.decodedLength(start, count: count)
    self.sink.storeVarint(UInt64(truncatingIfNeeded: decoded))
    if let fault = unsafe Base64.decode(start, count: count, into: &self.sink) {
      throw CodecError(
        .invalidValue, offset: offset,
        reason: fault == count
          ? "not base64: its length is off" : "not base64: character \(fault + 1) is not valid")
    }
  }

  /// Reads a number or bool as its bits on the wire.
  @inline(__always)
  mutating func readPayload(_ kind: FieldKind) throws(CodecError) -> UInt64 {
    switch kind {
    case .float: return UInt64(try self.readFloat().bitPattern)
    case .double: return try self.readDouble().bitPattern
    case .bool: return try self.readBool()
    default: return try self.readInteger(kind)
    }
  }

  /// Stores the bits of a number or bool in the encoding of its kind. Reserves no room.
  @inline(__always)
  mutating func storePayload(_ payload: UInt64, kind: FieldKind) {
    switch kind {
    case .double, .fixed64, .sfixed64:
      self.sink.storeFixed64(payload)
    case .float, .fixed32, .sfixed32:
      self.sink.storeFixed32(UInt32(truncatingIfNeeded: payload))
    default:
      self.sink.storeVarint(payload)
    }
  }

  @inline(__always)
  private mutating func readBool() throws(CodecError) -> UInt64 {
    if self.reader.take(literal: "true") { return 1 }
    if self.reader.take(literal: "false") { return 0 }
    throw self.reader.wrongType("true or false")
  }

  /// Reads an integer, as a number or quoted; `1.0` and `1e3` are integers too.
  @inline(never)
  mutating func readInteger(_ kind: FieldKind) throws(CodecError) -> UInt64 {
    try self.readNextInteger(kind)
  }

  /// `readInteger`, inlined.
  @inline(__always)
  private mutating func readNextInteger(_ kind: FieldKind) throws(CodecError) -> UInt64 {
    let offset = self.reader.position
    if self.reader.peek == UInt8(ascii: "\"") {
      if let (magnitude, isNegative) = self.reader.quotedInteger(),
        let payload = kind.payload(magnitude, isNegative: isNegative)
      {
        return payload
      }
      self.reader.position = offset
      return try self.readUnusualInteger(kind)
    }
    let next = self.reader.peek
    guard next == UInt8(ascii: "-") || (next &- UInt8(ascii: "0")) <= 9 else {
      throw self.reader.wrongType(kind.name)
    }
    return try self.integerPayload(kind, try self.reader.number(), offset: offset)
  }

  /// Reads a quoted integer with a point, an exponent or escapes.
  @inline(never)
  private mutating func readUnusualInteger(_ kind: FieldKind) throws(CodecError) -> UInt64 {
    let offset = self.reader.position
    return try self.integerPayload(kind, try self.readQuotedNumber(kind), offset: offset)
  }

  @inline(__always)
  private mutating func integerPayload(
    _ kind: FieldKind, _ number: DecimalNumber, offset: Int
  ) throws(CodecError) -> UInt64 {
    let magnitude =
      number.exponent == 0 && !number.isTruncated ? number.digits : number.magnitude
    guard let payload = kind.payload(magnitude, isNegative: number.isNegative) else {
      throw self.notAnInteger(kind, offset: offset, isWhole: magnitude != nil)
    }
    return payload
  }

  @inline(never)
  private mutating func notAnInteger(
    _ kind: FieldKind, offset: Int, isWhole: Bool
  ) -> CodecError {
    self.reader.position = offset
    return CodecError(
      .invalidValue, offset: offset,
      reason: isWhole
        ? "\(self.reader.found) is out of the range of \(kind.name)"
        : "expected \(kind.name), got \(self.reader.found)")
  }

  @inline(__always)
  mutating func readFloat() throws(CodecError) -> Float {
    let start = self.reader.position
    let next = self.reader.peek
    if next == UInt8(ascii: "\"") { return Float(try self.readQuotedFloating(as: Float.self)) }
    guard next == UInt8(ascii: "-") || (next &- UInt8(ascii: "0")) <= 9 else {
      throw self.reader.wrongType("a number (float)")
    }
    let number = try self.reader.number()
    let value = unsafe number.float(
      text: (self.reader.pointer(at: start), self.reader.position &- start))
    guard value.isFinite else { throw self.outOfRange("float", offset: start) }
    return value
  }

  @inline(__always)
  mutating func readDouble() throws(CodecError) -> Double {
    let start = self.reader.position
    let next = self.reader.peek
    if next == UInt8(ascii: "\"") { return try self.readQuotedFloating(as: Double.self) }
    guard next == UInt8(ascii: "-") || (next &- UInt8(ascii: "0")) <= 9 else {
      throw self.reader.wrongType("a number (double)")
    }
    let number = try self.reader.number()
    let value = unsafe number.double(
      text: (self.reader.pointer(at: start), self.reader.position &- start))
    guard value.isFinite else { throw self.outOfRange("double", offset: start) }
    return value
  }

  @inline(never)
  private mutating func outOfRange(_ type: String, offset: Int) -> CodecError {
    self.reader.position = offset
    return CodecError(
      .invalidValue, offset: offset,
      reason: "\(self.reader.found) is out of the range of \(type)")
  }

  /// Reads "NaN", "Infinity", "-Infinity", or a quoted number.
  @inline(never)
  private mutating func readQuotedFloating<Value: BinaryFloatingPoint>(
    as type: Value.Type
  ) throws(CodecError) -> Value {
    let offset = self.reader.position
    if self.reader.take(literal: "\"NaN\"") { return .nan }
    if self.reader.take(literal: "\"Infinity\"") { return .infinity }
    if self.reader.take(literal: "\"-Infinity\"") { return -.infinity }
    if let number = self.takeQuotedNumber() {
      let text = unsafe (
        start: self.reader.pointer(at: offset + 1), count: self.reader.position - offset - 2
      )
      return unsafe try self.finite(number, text: text, offset: offset)
    }
    let token = try self.reader.string()
    if token.hasEscapes {
      // Nobody escapes the digits of a number, but JSON allows it.
      let (start, count) = unsafe try self.bytes(of: token)
      var text = unsafe JSONReader(start: start, count: count)
      if text.take(literal: "NaN") && text.isAtEnd { return .nan }
      if text.take(literal: "Infinity") && text.isAtEnd { return .infinity }
      if text.take(literal: "-Infinity") && text.isAtEnd { return -.infinity }
      if let number = try? text.number(), text.isAtEnd {
        return unsafe try self.finite(number, text: (start, count), offset: offset)
      }
    }
    self.reader.position = offset
    throw self.reader.wrongType(Value.self == Float.self ? "float" : "double")
  }

  /// The float or double nearest to a number, which must be in range.
  private mutating func finite<Value: BinaryFloatingPoint>(
    _ number: DecimalNumber, text: (start: UnsafePointer<UInt8>, count: Int), offset: Int
  ) throws(CodecError) -> Value {
    let isFloat = Value.self == Float.self
    let value = unsafe isFloat ? Value(number.float(text: text)) : Value(number.double(text: text))
    guard value.isFinite else {
      throw self.outOfRange(isFloat ? "float" : "double", offset: offset)
    }
    return value
  }

  /// Reads a string that consists of a number.
  private mutating func readQuotedNumber(_ kind: FieldKind) throws(CodecError) -> DecimalNumber {
    let offset = self.reader.position
    if let number = self.takeQuotedNumber() { return number }
    let token = try self.reader.string()
    if token.hasEscapes {
      let (start, count) = unsafe try self.bytes(of: token)
      var text = unsafe JSONReader(start: start, count: count)
      if let number = try? text.number(), text.isAtEnd { return number }
    }
    self.reader.position = offset
    throw self.reader.wrongType(kind.name)
  }

  /// Skips a quoted number without escapes if it's next.
  private mutating func takeQuotedNumber() -> DecimalNumber? {
    let offset = self.reader.position
    self.reader.position = offset + 1
    let next = self.reader.peek
    if next == UInt8(ascii: "-") || (next &- UInt8(ascii: "0")) <= 9,
      let number = try? self.reader.number(), self.reader.take(UInt8(ascii: "\""))
    {
      return number
    }
    self.reader.position = offset
    return nil
  }

  /// Reads an enum by name or number.
  ///
  /// - Returns: nil for an unknown name or number that is ignored.
  mutating func readEnum(_ index: Int32) throws(CodecError) -> UInt64? {
    let field = self.plan.fields.reference(to: index)
    let offset = self.reader.position
    let type = field.value.type
    if self.reader.peek == UInt8(ascii: "\"") {
      let token = try self.reader.string()
      let (start, count) = unsafe try self.bytes(of: token)
      if let number = unsafe self.plan.enumNumber(named: start, count: count, in: type) {
        return UInt64(bitPattern: Int64(number))
      }
      if self.options.acceptsShortEnumNames,
        let number = unsafe self.plan.enumNumber(shortName: start, count: count, in: type)
      {
        return UInt64(bitPattern: Int64(number))
      }
      if self.options.ignoresUnknownEnums { return nil }
      let name = unsafe EchoedText.cut(UnsafeBufferPointer(start: start, count: count))
      throw CodecError(
        .unknownEnumValue, offset: offset,
        reason: "the enum has no value \"\(name)\"\(self.plan.enumHint(type, for: name))")
    }
    if field.value.isNullValue && self.reader.take(literal: "null") { return 0 }
    guard self.reader.peek == UInt8(ascii: "-") || (self.reader.peek &- UInt8(ascii: "0")) <= 9
    else { throw self.reader.wrongType("an enum value's name or number") }
    let payload = try self.readInteger(.int32)
    if field.value.isClosedEnum {
      let number = Int32(truncatingIfNeeded: payload)
      if self.plan.enumValue(number: number, in: type) < 0 {
        if self.options.ignoresUnknownEnums { return nil }
        throw CodecError(
          .unknownEnumValue, offset: offset,
          reason: "the enum is closed and has no value \(number)\(self.plan.enumHint(type))")
      }
    }
    return payload
  }
}
