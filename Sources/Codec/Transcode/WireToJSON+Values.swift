/// Values of fields: scalars, elements, map entries, defaults.
extension WireToJSON {
  /// Prints a singular scalar with its key, unless it's a default that isn't printed.
  @inline(__always)
  mutating func printSingularScalar(
    _ field: FrozenReference<FieldPlan>, _ index: Int32
  ) throws(CodecError) {
    let kind = field.value.kind
    switch kind {
    case .string, .bytes:
      let length = try self.reader.length()
      if length == 0 && !self.keepsDefault(of: field) { return }
      self.printKeyUnlessBare(field)
      try self.printText(kind, length: length)
    case .enumeration:
      let number = Int32(truncatingIfNeeded: try self.reader.varint())
      if self.isUnknown(number, field) { return }
      if number == 0 && !self.keepsDefault(of: field) { return }
      self.printKeyUnlessBare(field)
      self.printEnum(number, field)
    default:
      let payload = try self.readPayload(kind)
      if payload == 0 && !self.keepsDefault(of: field) { return }
      self.printKeyUnlessBare(field)
      self.storePayload(payload, kind)
    }
  }

  /// Whether a singular field's default is printed if it's on the wire.
  @inline(__always)
  private func keepsDefault(of field: FrozenReference<FieldPlan>) -> Bool {
    field.value.hasPresence || self.options.alwaysPrintsDefaults
      || self.frames.top.kind == .selection
  }

  /// Prints a field's key, unless it's the one selected field, and reserves 32 bytes.
  @inline(__always)
  private mutating func printKeyUnlessBare(_ field: FrozenReference<FieldPlan>) {
    if self.frames.top.kind == .selection {
      self.sink.reserve(32)
    } else {
      self.printKey(field)
    }
  }

  /// Prints one value of a scalar field, without its key.
  @inline(__always)
  mutating func printScalar(_ field: FrozenReference<FieldPlan>) throws(CodecError) {
    let kind = field.value.kind
    switch kind {
    case .string, .bytes:
      try self.printText(kind, length: try self.reader.length())
    case .enumeration:
      self.printEnum(Int32(truncatingIfNeeded: try self.reader.varint()), field)
    default:
      let payload = try self.readPayload(kind)
      self.sink.reserve(32)
      self.storePayload(payload, kind)
    }
  }

  /// Prints the next element, or all elements of a packed record.
  @inline(__always)
  mutating func printElements(
    _ field: FrozenReference<FieldPlan>, _ index: Int32, isPacked: Bool
  ) throws(CodecError) {
    let kind = field.value.kind
    guard isPacked && kind.wireType != .lengthDelimited else {
      if kind == .enumeration {
        let number = Int32(truncatingIfNeeded: try self.reader.varint())
        if self.isUnknown(number, field) { return }
        self.separateElement()
        self.printEnum(number, field)
        return
      }
      self.separateElement()
      return try self.printScalar(field)
    }
    let length = try self.reader.length()
    let end = self.reader.position &+ length
    switch kind {
    case .float:
      try self.checkMultiple(of: 4, length)
      while self.reader.position < end {
        let value = Float(bitPattern: try self.reader.fixed32())
        self.sink.reserve(32)
        self.storeSeparator()
        self.sink.storeFloat(value)
      }
    case .double:
      try self.checkMultiple(of: 8, length)
      while self.reader.position < end {
        let value = Double(bitPattern: try self.reader.fixed64())
        self.sink.reserve(40)
        self.storeSeparator()
        self.sink.storeDouble(value)
      }
    case .enumeration:
      while self.reader.position < end {
        let number = Int32(truncatingIfNeeded: try self.reader.varint())
        if self.isUnknown(number, field) { continue }
        self.separateElement()
        self.printEnum(number, field)
      }
    default:
      while self.reader.position < end {
        let payload = try self.readPayload(kind)
        self.sink.reserve(40)
        self.storeSeparator()
        self.storePayload(payload, kind)
      }
    }
    if self.reader.position != end { throw self.reader.truncated() }
  }

  private func checkMultiple(of size: Int, _ length: Int) throws(CodecError) {
    if length % size != 0 {
      throw CodecError(
        .malformedWire, offset: self.reader.position,
        reason: "a packed record of \(length) bytes, which is not a multiple of \(size)")
    }
  }

  @inline(__always)
  private mutating func storeSeparator() {
    if self.frames.top.index > 0 { self.sink.storeByte(UInt8(ascii: ",")) }
    self.frames.top.index &+= 1
  }

  // MARK: Scalars

  /// Reads a number or bool as its bits on the wire.
  @inline(__always)
  mutating func readPayload(_ kind: FieldKind) throws(CodecError) -> UInt64 {
    switch kind {
    case .double, .fixed64, .sfixed64: return try self.reader.fixed64()
    case .float, .fixed32, .sfixed32: return UInt64(try self.reader.fixed32())
    default: return try self.reader.varint()
    }
  }

  /// Stores a number or bool as JSON. Reserves no room: the caller must have reserved 32 bytes.
  @inline(__always)
  mutating func storePayload(_ payload: UInt64, _ kind: FieldKind) {
    switch kind {
    case .double: self.sink.storeDouble(Double(bitPattern: payload))
    case .float: self.sink.storeFloat(Float(bitPattern: UInt32(truncatingIfNeeded: payload)))
    case .bool:
      // "true" and "false" as words: four or five of the eight bytes.
      if payload != 0 {
        self.sink.storeWord(0x6575_7274, length: 4)
      } else {
        self.sink.storeWord(0x65_736C_6166, length: 5)
      }
    case .int32, .sfixed32:
      self.sink.storeDecimal(Int64(Int32(truncatingIfNeeded: payload)))
    case .uint32, .fixed32:
      self.sink.storeDecimal(UInt64(UInt32(truncatingIfNeeded: payload)))
    case .sint32:
      let bits = UInt32(truncatingIfNeeded: payload)
      self.sink.storeDecimal(Int64(Int32(bitPattern: bits >> 1) ^ -Int32(bitPattern: bits & 1)))
    case .int64, .sfixed64:
      self.storeQuotedDecimal(Int64(bitPattern: payload))
    case .uint64, .fixed64:
      let isQuoted = !self.options.printsInt64AsNumber
      if isQuoted { self.sink.storeByte(UInt8(ascii: "\"")) }
      self.sink.storeDecimal(payload)
      if isQuoted { self.sink.storeByte(UInt8(ascii: "\"")) }
    case .sint64:
      self.storeQuotedDecimal(
        Int64(bitPattern: payload >> 1) ^ -Int64(bitPattern: payload & 1))
    case .string, .bytes, .message, .group, .enumeration:
      assertionFailure("not a number")
    }
  }

  @inline(__always)
  private mutating func storeQuotedDecimal(_ value: Int64) {
    let isQuoted = !self.options.printsInt64AsNumber
    if isQuoted { self.sink.storeByte(UInt8(ascii: "\"")) }
    self.sink.storeDecimal(value)
    if isQuoted { self.sink.storeByte(UInt8(ascii: "\"")) }
  }

  /// Prints the next `length` bytes as a string, or as base64.
  @inline(__always)
  mutating func printText(_ kind: FieldKind, length: Int) throws(CodecError) {
    let start = unsafe self.reader.pointer(at: self.reader.position)
    if kind == .string {
      if let fault = unsafe self.sink.appendQuoted(
        start, count: length, readable: self.reader.limit &- self.reader.position)
      {
        throw CodecError(
          .invalidUTF8, offset: self.reader.position + fault,
          reason:
            "the string isn't UTF-8, so it has no JSON form; the field should be of type bytes")
      }
    } else {
      self.sink.append(UInt8(ascii: "\""))
      unsafe Base64.encode(start, count: length, into: &self.sink)
      self.sink.append(UInt8(ascii: "\""))
    }
    self.reader.position &+= length
  }

  /// Whether a closed enum doesn't have a number, which makes it an unknown field.
  @inline(__always)
  func isUnknown(_ number: Int32, _ field: FrozenReference<FieldPlan>) -> Bool {
    field.value.isClosedEnum
      && self.plan.enumValue(number: number, in: field.value.type) < 0
  }

  /// Prints an enum by name, or by number if it has no name or numbers are requested.
  @inline(never)
  mutating func printEnum(_ number: Int32, _ field: FrozenReference<FieldPlan>) {
    if field.value.isNullValue {
      self.sink.append("null")
      return
    }
    let value = self.plan.enumValue(number: number, in: field.value.type)
    if value < 0 || self.options.enumStyle != .name {
      self.printEnum(number, shortNameOf: value)
      return
    }
    let start = Int(self.plan.enumValues[value].quotedName)
    let length = Int(self.plan.enumValues[value].quotedNameLength)
    self.sink.reserve(length &+ 16)
    unsafe self.sink.storePadded(self.plan.text.pointer(at: start), count: length)
  }

  /// - Parameter value: its index in `Plan.enumValues`; negative if it has no name.
  @inline(never)
  private mutating func printEnum(_ number: Int32, shortNameOf value: Int32) {
    guard value >= 0, self.options.enumStyle == .shortName else {
      self.sink.reserve(32)
      self.sink.storeDecimal(Int64(number))
      return
    }
    let prefix = Int(self.plan.enumValues[value].prefixLength)
    let start = Int(self.plan.enumValues[value].quotedName) &+ 1 &+ prefix
    let length = Int(self.plan.enumValues[value].quotedNameLength) &- 1 &- prefix
    self.sink.append(UInt8(ascii: "\""))
    unsafe self.sink.append(start: self.plan.text.pointer(at: start), count: length)
  }

  // MARK: Maps

  /// Prints entries of a map, each of them key, then value, each once and nothing else; those that
  /// follow with the same tag, too. For any other entry, or a repeated key, the message is normalized
  /// first.
  ///
  /// - Parameter tag: that of the entries.
  mutating func printEntries(
    _ field: FrozenReference<FieldPlan>, tag: UInt32
  ) throws(CodecError) {
    let keyIndex = self.plan.messages[field.value.type].firstField
    let key = self.plan.fields.reference(to: keyIndex)
    let value = self.plan.fields.reference(to: keyIndex &+ 1)
    let depth = self.frames.count
    repeat {
      let isDone = try self.printEntry(key, value, valueIndex: keyIndex &+ 1)
      // After an entry that isn't done, the position is elsewhere.
      if !isDone { return }
    } while self.frames.count == depth && self.reader.position < self.frames.top.end
      && self.reader.takeShortTag(tag)
  }

  /// Prints one entry of a map, whose length is next.
  ///
  /// - Returns: whether it's printed and the position is after it: false if the message was
  ///   normalized, or if the value has opened a frame.
  @inline(__always)
  private mutating func printEntry(
    _ key: FrozenReference<FieldPlan>, _ value: FrozenReference<FieldPlan>, valueIndex: Int32
  ) throws(CodecError) -> Bool {
    let length = try self.reader.length()
    let end = self.reader.position &+ length
    self.separateElement()
    // The key.
    let hasKey = try self.takeTag(of: key, before: end)
    guard try self.printMapKey(key, isPresent: hasKey, end: end) else {
      try self.normalize()
      return false
    }
    self.sink.append(UInt8(ascii: ":"))
    // The value.
    let hasValue = try self.takeTag(of: value, before: end)
    guard hasValue || self.reader.position == end else {
      try self.normalize()
      return false
    }
    if value.value.kind == .message {
      if hasValue {
        let valueLength = try self.reader.length()
        guard self.reader.position &+ valueLength == end else {
          try self.normalize()
          return false
        }
      }
      try self.openContent(of: value.value.type, field: valueIndex, end: end, resume: end)
      return false
    }
    if hasValue {
      if value.value.isClosedEnum {
        return try self.printClosedEntry(value, end)
      }
      try self.printScalar(value)
    } else {
      self.printDefault(valueIndex)
    }
    guard self.reader.position == end else {
      if self.reader.position > end { throw self.reader.truncated() }
      try self.normalize()
      return false
    }
    return true
  }

  /// Prints an entry whose value is of a closed enum. With an unknown number the whole entry is an
  /// unknown field: it can't be removed here, so the message is normalized, which drops such entries.
  private mutating func printClosedEntry(
    _ value: FrozenReference<FieldPlan>, _ end: Int
  ) throws(CodecError) -> Bool {
    let number = Int32(truncatingIfNeeded: try self.reader.varint())
    if !self.isUnknown(number, value) {
      self.printEnum(number, value)
      if self.reader.position == end { return true }
    }
    try self.normalize()
    return false
  }

  /// Skips a field's tag if it's next.
  @inline(__always)
  private mutating func takeTag(
    of field: FrozenReference<FieldPlan>, before end: Int
  ) throws(CodecError) -> Bool {
    guard self.reader.position < end else { return false }
    // An entry's fields are 1 and 2.
    if self.reader.takeShortTag(field.value.tag) { return true }
    let start = self.reader.position
    if try self.reader.tag() == field.value.tag { return true }
    self.reader.position = start
    return false
  }

  /// Prints a key as a string.
  ///
  /// - Returns: false if the key is a repeated one.
  @inline(__always)
  private mutating func printMapKey(
    _ field: FrozenReference<FieldPlan>, isPresent: Bool, end: Int
  ) throws(CodecError) -> Bool {
    let kind = field.value.kind
    if kind == .string {
      let length = isPresent ? try self.reader.length() : 0
      guard self.reader.position &+ length <= end else { throw self.reader.truncated() }
      let isDuplicate = unsafe self.keys.insert(
        self.reader.pointer(at: self.reader.position), count: length, into: &self.frames.top.keys)
      if isDuplicate { return false }
      try self.printText(.string, length: length)
      return true
    }
    var payload = isPresent ? try self.readPayload(kind) : 0
    // Equal keys may be encoded differently: true is any number but 0, and an int32 is the lower 32
    // bits.
    switch kind {
    case .bool: payload = payload == 0 ? 0 : 1
    case .int32, .uint32, .sint32: payload &= 0xFFFF_FFFF
    default: break
    }
    if self.keys.insert(number: payload, into: &self.frames.top.keys) { return false }
    self.sink.reserve(40)
    let isQuotedAlready = kind.isInt64 && !self.options.printsInt64AsNumber
    if !isQuotedAlready { self.sink.storeByte(UInt8(ascii: "\"")) }
    self.storePayload(payload, kind)
    if !isQuotedAlready { self.sink.storeByte(UInt8(ascii: "\"")) }
    return true
  }

  // MARK: Defaults

  /// Prints the default value of a scalar.
  mutating func printDefault(_ index: Int32) {
    self.sink.reserve(32)
    switch self.plan.fields[index].kind {
    case .string, .bytes:
      self.sink.append("\"\"")
    case .enumeration:
      let field = self.plan.fields.reference(to: index)
      self.printEnum(self.plan.enums[field.value.type].defaultNumber, field)
    case .message, .group:
      self.sink.append("null")
    default:
      self.storePayload(0, self.plan.fields[index].kind)
    }
  }

  /// Prints the fields without presence that the message doesn't have, for `alwaysPrintsDefaults`.
  @inline(never)
  mutating func printDefaults() {
    let message = self.frames.top.message
    let first = self.plan.messages[message].firstField
    for ordinal in 0..<self.plan.messages[message].fieldCount {
      let index = first + ordinal
      if self.plan.fields[index].hasPresence || self.isExtension(index) { continue }
      if self.seen.contains(
        ordinal, first: self.frames.top.seen, mark: self.frames.top.seenMark)
      {
        continue
      }
      self.printKey(self.plan.fields.reference(to: index))
      self.printUnset(index)
    }
  }

  /// Whether a field's key is `"[package.name]"`. The message itself doesn't declare such a field.
  private func isExtension(_ index: Int32) -> Bool {
    let key = Int(self.plan.fields[index].jsonKey)
    return unsafe self.plan.text.pointer(at: key + 1).pointee == UInt8(ascii: "[")
  }

  /// Prints an unset field, whatever its shape: null if it has presence, otherwise its default.
  mutating func printUnset(_ index: Int32) {
    switch self.plan.fields[index].shape {
    case .repeated, .packed: self.sink.append("[]")
    case .map: self.sink.append("{}")
    case .singular where self.plan.fields[index].hasPresence: self.sink.append("null")
    case .singular: self.printDefault(index)
    }
  }
}

extension FieldKind {
  /// Whether ProtoJSON prints it as a string of digits.
  @inline(__always)
  var isInt64: Bool {
    switch self {
    case .int64, .uint64, .fixed64, .sfixed64, .sint64: true
    default: false
    }
  }
}
