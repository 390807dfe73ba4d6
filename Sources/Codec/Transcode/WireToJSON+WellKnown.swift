/// Messages with a JSON form of their own.
extension WireToJSON {
  /// Prints a well-known type whose bytes extend from the position to `end`, or opens a frame for it.
  @inline(never)
  mutating func openKnown(
    _ message: Int32, field: Int32, end: Int, resume: Int
  ) throws(CodecError) {
    switch self.plan.messages[message].wellKnown {
    case .none:
      try self.pushFrame(.message, message, field: field, end: end, resume: resume)
      self.sink.append(UInt8(ascii: "{"))
    case .any:
      try self.openAny(message, field: field, end: end, resume: resume)
    case .structure:
      try self.pushFrame(.structure, message, field: field, end: end, resume: resume)
      self.frames.top.keys = self.keys.open()
      self.sink.append(UInt8(ascii: "{"))
    case .listValue:
      try self.pushFrame(.list, message, field: field, end: end, resume: resume)
      self.sink.append(UInt8(ascii: "["))
    case .value:
      try self.pushFrame(.value, message, field: field, end: end, resume: resume)
    case .timestamp:
      let start = self.reader.position
      let (seconds, nanos) = try self.readSecondsAndNanos(end: end)
      guard TimeText.write(timestamp: seconds, nanos: nanos, into: &self.sink) else {
        throw CodecError(
          .invalidValue, offset: start,
          reason: "a timestamp out of range: \(seconds) s and \(nanos) ns")
      }
      self.reader.position = resume
    case .duration:
      let start = self.reader.position
      let (seconds, nanos) = try self.readSecondsAndNanos(end: end)
      guard TimeText.write(duration: seconds, nanos: nanos, into: &self.sink) else {
        throw CodecError(
          .invalidValue, offset: start,
          reason: "a duration out of range, or with different signs: \(seconds) s and \(nanos) ns")
      }
      self.reader.position = resume
    case .fieldMask:
      try self.printFieldMask(end: end)
      self.reader.position = resume
    case .wrapper:
      try self.printWrapper(message, end: end)
      self.reader.position = resume
    }
  }

  /// Reads the fields of a Timestamp or Duration; of several records the last one wins.
  private mutating func readSecondsAndNanos(end: Int) throws(CodecError) -> (Int64, Int32) {
    var seconds: Int64 = 0
    var nanos: Int32 = 0
    while self.reader.position < end {
      switch try self.reader.tag() {
      case 0x08: seconds = Int64(bitPattern: try self.reader.varint())
      case 0x10: nanos = Int32(truncatingIfNeeded: try self.reader.varint())
      case let tag: try self.reader.skip(tag: tag, depthLimit: self.options.depthLimit)
      }
    }
    try self.checkEnd(end)
    return (seconds, nanos)
  }

  private func checkEnd(_ end: Int) throws(CodecError) {
    if self.reader.position != end { throw self.reader.truncated() }
  }

  private mutating func printFieldMask(end: Int) throws(CodecError) {
    self.sink.append(UInt8(ascii: "\""))
    var isFirst = true
    while self.reader.position < end {
      let tag = try self.reader.tag()
      guard tag == 0x0A else {
        try self.reader.skip(tag: tag, depthLimit: self.options.depthLimit)
        continue
      }
      let length = try self.reader.length()
      let start = self.reader.position
      // An empty path names nothing, and its text form couldn't be read back.
      if length == 0 { continue }
      if !isFirst { self.sink.append(UInt8(ascii: ",")) }
      isFirst = false
      guard
        unsafe FieldMaskText.append(
          path: self.reader.pointer(at: start), count: length, into: &self.sink)
      else {
        throw CodecError(
          .invalidValue, offset: start,
          reason: "a field mask path that has no lowerCamelCase form that converts back to it")
      }
      self.reader.position = start &+ length
    }
    try self.checkEnd(end)
    self.sink.append(UInt8(ascii: "\""))
  }

  /// Prints field 1 of a wrapper, or its default; of several records the last one wins.
  private mutating func printWrapper(_ message: Int32, end: Int) throws(CodecError) {
    let index = self.plan.messages[message].firstField
    let start = self.sink.count
    var isSet = false
    while self.reader.position < end {
      let tag = try self.reader.tag()
      guard tag == self.plan.fields[index].tag else {
        try self.reader.skip(tag: tag, depthLimit: self.options.depthLimit)
        continue
      }
      self.sink.truncate(to: start)
      try self.printScalar(self.plan.fields.reference(to: index))
      isSet = true
    }
    try self.checkEnd(end)
    if !isSet { self.printDefault(index) }
  }

  // MARK: Struct, Value, ListValue

  /// Prints entries of a Struct: key in field 1, Value in field 2.
  mutating func printStruct() throws(CodecError) {
    let depth = self.frames.count
    while self.frames.count == depth {
      if self.reader.position >= self.frames.top.end {
        try self.checkEnd(self.frames.top.end)
        if self.keys.close(self.frames.top.keys) != nil {
          self.frames.top.keys = self.keys.open()
          try self.normalize()
          continue
        }
        self.sink.append(UInt8(ascii: "}"))
        return self.closeFrame()
      }
      let tag = try self.reader.tag()
      guard tag == 0x0A else {
        try self.reader.skip(tag: tag, depthLimit: self.options.depthLimit)
        continue
      }
      try self.printEntries(
        self.plan.fields.reference(
          to: self.plan.messages[self.frames.top.message].firstField), tag: tag)
    }
  }

  mutating func printList() throws(CodecError) {
    let depth = self.frames.count
    while self.frames.count == depth {
      if self.reader.position >= self.frames.top.end {
        try self.checkEnd(self.frames.top.end)
        self.sink.append(UInt8(ascii: "]"))
        return self.closeFrame()
      }
      let tag = try self.reader.tag()
      guard tag == 0x0A else {
        try self.reader.skip(tag: tag, depthLimit: self.options.depthLimit)
        continue
      }
      let length = try self.reader.length()
      let end = self.reader.position &+ length
      self.separateElement()
      try self.pushFrame(.value, self.plan.known.value, field: -1, end: end, resume: end)
    }
  }

  /// Prints the member of a Value that is set; a Value without any is null.
  mutating func printValue() throws(CodecError) {
    let depth = self.frames.count
    let message = self.frames.top.message
    while self.frames.count == depth {
      if self.reader.position >= self.frames.top.end {
        try self.checkEnd(self.frames.top.end)
        if self.frames.top.seen == 0 { self.sink.append("null") }
        return self.closeFrame()
      }
      let start = self.reader.position
      let tag = try self.reader.tag()
      let isKnown: Bool =
        switch tag {
        case 0x08, 0x11, 0x1A, 0x20, 0x2A, 0x32: true
        default: false
        }
      guard isKnown else {
        try self.reader.skip(tag: tag, depthLimit: self.options.depthLimit)
        continue
      }
      if self.frames.top.seen != 0 {
        try self.normalize()
        continue
      }
      self.frames.top.seen = 1
      self.sink.reserve(40)
      switch tag {
      case 0x08:
        _ = try self.reader.varint()
        self.sink.append("null")
      case 0x11:
        let value = Double(bitPattern: try self.reader.fixed64())
        guard value.isFinite else {
          throw CodecError(
            .invalidValue, offset: start,
            reason: "a google.protobuf.Value holds \(value), which has no JSON form")
        }
        self.sink.storeDouble(value)
      case 0x1A:
        try self.printText(.string, length: try self.reader.length())
      case 0x20:
        self.storePayload(try self.reader.varint(), .bool)
      default:
        let length = try self.reader.length()
        let end = self.reader.position &+ length
        let ordinal = self.plan.field(number: tag >> 3, in: message)
        let index = self.plan.messages[message].firstField + max(0, ordinal)
        try self.openContent(
          of: self.plan.fields[index].type, field: -1, end: end, resume: end)
      }
    }
  }

  // MARK: Any

  /// Opens the content of an Any after its `@type`.
  private mutating func openAny(
    _ any: Int32, field: Int32, end: Int, resume: Int
  ) throws(CodecError) {
    let start = self.reader.position
    var url = start..<start
    var value = start..<start
    while self.reader.position < end {
      let tag = try self.reader.tag()
      switch tag {
      case 0x0A:
        let length = try self.reader.length()
        url = self.reader.position..<self.reader.position + length
        self.reader.position += length
      case 0x12:
        let length = try self.reader.length()
        value = self.reader.position..<self.reader.position + length
        self.reader.position += length
      default:
        try self.reader.skip(tag: tag, depthLimit: self.options.depthLimit)
      }
    }
    try self.checkEnd(end)
    if url.isEmpty && value.isEmpty {
      self.sink.append("{}")
      self.reader.position = resume
      return
    }
    let message = unsafe self.plan.message(
      ofTypeURL: self.reader.pointer(at: url.lowerBound), count: url.count)
    if message < 0 && !self.options.printsUnknownAnyAsBase64 {
      let text = unsafe EchoedText.cut(
        UnsafeBufferPointer(start: self.reader.pointer(at: url.lowerBound), count: url.count))
      throw CodecError(
        .unknownType, offset: start, reason: "the type of \"\(text)\" isn't in the loaded schemas")
    }
    self.sink.append("{\"@type\":")
    if let fault = unsafe self.sink.appendQuoted(
      self.reader.pointer(at: url.lowerBound), count: url.count, readable: url.count)
    {
      throw CodecError(
        .invalidUTF8, offset: url.lowerBound + fault, reason: "the type URL isn't UTF-8")
    }
    self.reader.position = value.lowerBound
    if message < 0 {
      self.sink.append(",\"value\":")
      try self.printText(.bytes, length: value.count)
      self.sink.append(UInt8(ascii: "}"))
      self.reader.position = resume
    } else if self.plan.messages[message].wellKnown == .none {
      try self.pushFrame(
        .message, message, field: field, end: value.upperBound, resume: resume)
      // The members of the content follow `@type` in the same object.
      self.frames.top.isFirst = false
      self.frames.top.followsType = true
    } else {
      try self.pushFrame(.knownAny, any, field: field, end: end, resume: resume)
      self.sink.append(",\"value\":")
      try self.openContent(
        of: message, field: -1, end: value.upperBound, resume: value.upperBound)
    }
  }

  // MARK: One field

  /// Opens a message of which only the field `field` (in `Plan.fields`) is printed.
  mutating func openSelection(_ message: Int32, field: Int32, end: Int) {
    var frame = Frame(kind: .selection)
    // The message around the field isn't printed.
    frame.uncounted = 1
    frame.message = message
    frame.field = field
    frame.end = end
    frame.resume = end
    frame.outputStart = self.sink.count
    self.seen.open(bits: self.plan.messages[message].seenBits)
    self.frames.push(frame)
  }

  /// Prints the selected field's value, or its default if it's unset.
  mutating func printSelection() throws(CodecError) {
    let depth = self.frames.count
    let index = self.frames.top.field
    let ordinal = index - self.plan.messages[self.frames.top.message].firstField
    while self.frames.count == depth {
      if self.reader.position >= self.frames.top.end {
        try self.checkEnd(self.frames.top.end)
        if self.frames.top.open >= 0, !self.closeBracket() {
          try self.normalize()
          continue
        }
        // The records may have printed nothing: a number that a closed enum doesn't have.
        if self.sink.count == self.frames.top.outputStart { self.printUnset(index) }
        return self.closeFrame()
      }
      let tag = try self.reader.tag()
      let isSelected =
        self.plan.fields[index].tag == tag || self.plan.fields[index].otherTag == tag
      guard isSelected else {
        let start = self.reader.position
        try self.reader.skip(tag: tag, depthLimit: self.options.depthLimit)
        if self.plan.fields[index].oneof >= 0 { self.noteRival(of: index, tag: tag, at: start) }
        continue
      }
      try self.printMember(
        self.plan.fields.reference(to: index), index, ordinal: ordinal, tag: tag)
    }
  }

  /// Removes the output of the selected field if the skipped record sets another member of its
  /// oneof: the last member wins.
  @inline(never)
  private mutating func noteRival(of index: Int32, tag: UInt32, at start: Int) {
    let message = self.frames.top.message
    let ordinal = self.plan.field(number: tag >> 3, in: message)
    guard ordinal >= 0 else { return }
    let rival = self.plan.messages[message].firstField + ordinal
    guard self.plan.fields[rival].oneof == self.plan.fields[index].oneof,
      self.plan.fields[rival].tag == tag
    else { return }
    let end = self.reader.position
    self.reader.position = start
    // The record has just been read, so reading it again can't fail.
    if self.plan.fields[rival].isClosedEnum, let number = try? self.reader.varint(),
      self.isUnknown(Int32(truncatingIfNeeded: number), self.plan.fields.reference(to: rival))
    {
      self.reader.position = end
      return
    }
    self.reader.position = end
    self.sink.truncate(to: self.frames.top.outputStart)
    self.frames.top.seen = 0
    self.seen.close(to: self.frames.top.seenMark)
    self.seen.open(bits: self.plan.messages[message].seenBits)
  }

  // MARK: Errors

  /// The error with the path of the current position.
  func located(_ error: CodecError) -> CodecError {
    var path = ""
    var located = error
    for position in 0..<self.frames.count {
      let frame = self.frames[position]
      // An offset into a copy isn't one into the input.
      if frame.isNormal { located.offset = nil }
      guard frame.kind == .message || frame.kind == .selection, frame.current >= 0 else { continue }
      if !path.isEmpty { path += "." }
      path +=
        self.options.usesProtoNames
        ? self.plan.protoName(of: frame.current) : self.plan.jsonName(of: frame.current)
      if frame.open == frame.current { path += "[\(max(0, frame.index - 1))]" }
    }
    located.path = path
    return located
  }
}
