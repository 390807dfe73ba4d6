/// Values of fields, after the colon.
extension JSONToWire {
  /// Reads the value of a member whose field is `index`.
  @inline(never)
  mutating func readField(_ index: Int32) throws(CodecError) {
    let field = self.plan.fields.reference(to: index)
    switch field.value.shape {
    case .singular:
      try self.readElement(index)
    case .repeated:
      try self.openArray(index)
    case .packed:
      try self.readPacked(index)
    case .map:
      guard self.reader.take(UInt8(ascii: "{")) else {
        throw self.reader.wrongType("an object (a map)")
      }
      var frame = Frame(kind: .map)
      frame.uncounted = self.frames.top.uncounted &+ 1
      frame.field = index
      frame.message = field.value.type
      frame.seenMark = self.seen.mark
      frame.keys = self.keys.open()
      frame.start = self.reader.position
      self.frames.push(frame)
    }
  }

  /// Reads one value of a field, singular or an element of a repeated one, and writes it with its tag.
  @inline(never)
  mutating func readElement(_ index: Int32) throws(CodecError) {
    let field = self.plan.fields.reference(to: index)
    switch field.value.kind {
    case .message:
      try self.readMessage(index, field, outer: 0)
    case .group:
      self.sink.reserve(32)
      self.writeTag(index)
      try self.readContent(
        of: field.value.type, field: index, lengths: (Self.groupMark(index), 0, 0))
    default:
      let keepsDefault =
        field.value.hasPresence || field.value.shape != .singular
      _ = try self.writeScalar(index, keepsDefault: keepsDefault)
    }
  }

  mutating func openArray(_ index: Int32) throws(CodecError) {
    guard self.reader.take(UInt8(ascii: "[")) else { throw self.reader.wrongType("an array") }
    var frame = Frame(kind: .array)
    frame.uncounted = self.frames.top.uncounted &+ 1
    frame.field = index
    frame.seenMark = self.seen.mark
    self.frames.push(frame)
  }

  @inline(__always)
  mutating func writeTag(_ index: Int32) {
    self.writeTag(self.plan.fields.reference(to: index))
  }

  @inline(__always)
  mutating func writeTag(_ field: FrozenReference<FieldPlan>) {
    self.sink.storeWord(field.value.tagBytes, length: Int(field.value.tagLength))
  }

  // MARK: Messages

  /// Reads a message and writes it with its tag and length. `outer` is a further length to close
  /// after it (that of a map entry), or 0. `field` is the one at `index`.
  @inline(__always)
  mutating func readMessage(
    _ index: Int32, _ field: FrozenReference<FieldPlan>, outer: Int
  ) throws(CodecError) {
    self.sink.reserve(64)
    self.writeTag(field)
    let mark = self.sink.storeLengthMark()
    if field.value.wellKnown == .none {
      try self.openMessage(
        field.value.type, field: index, lengths: (mark, outer, 0))
    } else {
      try self.readContent(
        of: field.value.type, field: index, lengths: (mark, outer, 0))
    }
  }

  /// Reads a message's JSON form as the content of a length-delimited field. `lengths` are closed
  /// after it, at once or together with the frame that it opens.
  @inline(never)
  mutating func readContent(
    of message: Int32, field: Int32, lengths: (Int, Int, Int)
  ) throws(CodecError) {
    switch self.plan.messages[message].wellKnown {
    case .none:
      try self.openMessage(message, field: field, lengths: lengths)
      return
    case .any:
      try self.openAny(field: field, lengths: lengths)
      return
    case .structure:
      try self.openStruct(field: field, lengths: lengths)
      return
    case .listValue:
      try self.openList(field: field, lengths: lengths)
      return
    case .value:
      try self.readDynamic(field: field, lengths: lengths)
      return
    case .timestamp:
      let offset = self.reader.position
      let (text, count) = unsafe try self.readText("a timestamp such as \"2026-01-31T12:00:00Z\"")
      guard let (seconds, nanos) = unsafe TimeText.timestamp(text, count: count) else {
        throw unsafe CodecError(
          .invalidValue, offset: offset, reason: TimeText.timestampFault(text, count: count))
      }
      self.writeSecondsAndNanos(seconds, nanos)
    case .duration:
      let offset = self.reader.position
      let (text, count) = unsafe try self.readText("a duration such as \"1.5s\"")
      guard let (seconds, nanos) = unsafe TimeText.duration(text, count: count) else {
        throw unsafe CodecError(
          .invalidValue, offset: offset, reason: TimeText.durationFault(text, count: count))
      }
      self.writeSecondsAndNanos(seconds, nanos)
    case .fieldMask:
      let offset = self.reader.position
      let (text, count) = unsafe try self.readText("a field mask such as \"a.b,c\"")
      if unsafe !FieldMaskText.write(text, count: count, into: &self.sink) {
        throw CodecError(
          .invalidValue, offset: offset,
          reason: "not a field mask: paths in lowerCamelCase with commas between them")
      }
    case .wrapper:
      _ = try self.writeScalar(self.plan.messages[message].firstField, keepsDefault: false)
    }
    self.closeLengths(lengths)
  }

  private mutating func readText(
    _ what: String
  ) throws(CodecError) -> (start: UnsafePointer<UInt8>, count: Int) {
    guard self.reader.peek == UInt8(ascii: "\"") else { throw self.reader.wrongType(what) }
    let token = try self.reader.string()
    return unsafe try self.bytes(of: token)
  }

  /// Writes the content of a Timestamp or Duration: both have seconds = 1 and nanos = 2.
  ///
  /// - Parameter keepsZeros: whether zeros are written too, so that they override an earlier value
  ///   that this one is merged with.
  mutating func writeSecondsAndNanos(
    _ seconds: Int64, _ nanos: Int32, keepsZeros: Bool = false
  ) {
    self.sink.reserve(48)
    if seconds != 0 || keepsZeros {
      self.sink.storeByte(0x08)
      self.sink.storeVarint(UInt64(bitPattern: seconds))
    }
    if nanos != 0 || keepsZeros {
      self.sink.storeByte(0x10)
      self.sink.storeVarint(UInt64(bitPattern: Int64(nanos)))
    }
  }
}
