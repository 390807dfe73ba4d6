/// A whole request message: the body according to its rule, then the values of path and query.
extension JSONToWire {
  /// Encodes a request into the sink. See `Transcoder.encode`.
  ///
  /// - Parameter contentType: that of a body that is a google.api.HttpBody; nil for a JSON body.
  /// - Returns: the error; the bytes appended until then are still in the sink.
  mutating func run(
    _ body: UnsafeRawBufferPointer, rule: BodyRule, as message: Int32, by plan: Plan,
    bindings: borrowing Bindings, options: EncodeOptions,
    contentType: UnsafeBufferPointer<UInt8>? = nil
  ) -> CodecError? {
    if self.plan !== plan { self.plan = plan }
    self.options = options
    // No address means no bytes; the reader then reads nothing, wherever it points.
    let start = unsafe body.baseAddress?.assumingMemoryBound(to: UInt8.self)
    self.reader = unsafe JSONReader(
      start: start ?? UnsafePointer(self.scratch.base), count: body.count)
    defer {
      self.keys.shrink(to: Transcoder.keptByteCount)
      self.scratch.shrink(to: Transcoder.keptByteCount)
      self.claimed.shrink(to: Transcoder.keptByteCount)
      // The body was only borrowed.
      self.reader = unsafe JSONReader(start: UnsafePointer(self.scratch.base), count: 0)
    }
    do throws(CodecError) {
      unsafe try self.encode(
        rule: rule, message: message, bindings: bindings, contentType: contentType)
      return nil
    } catch {
      return error
    }
  }

  private mutating func encode(
    rule: BodyRule, message: Int32, bindings: borrowing Bindings,
    contentType: UnsafeBufferPointer<UInt8>?
  ) throws(CodecError) {
    self.frames.removeAll()
    self.seen.removeAll()
    self.keys.removeAll()
    if !self.marks.isEmpty { self.marks.removeAll(keepingCapacity: true) }
    self.pathPrefix = ""
    self.bodyField = -1
    self.hasBodyField = false
    let start = self.sink.count
    let hasRequired = self.plan.messages[message].requiredCount > 0
    if hasRequired { self.noteRequired(of: message) }
    do throws(CodecError) {
      if let contentType = unsafe contentType {
        unsafe try self.writeHTTPBody(contentType, rule: rule, message: message)
      } else {
        try self.readBody(rule: rule, message: message)
      }
    } catch {
      throw self.explained(self.located(error))
    }
    self.bodyBytes = start..<self.sink.count
    if self.options.refusesPathFieldsElsewhere, self.sink.count > start {
      try self.refusePathFields(of: bindings)
    }
    if !bindings.isEmpty {
      try self.refusePathRivals(of: bindings)
      try self.writeBindings(bindings, rule: rule, message: message)
    }
    if case .field(let path) = rule, path.filledMask >= 0, self.hasBodyField {
      try self.fillMask(path.filledMask, bindings)
    }
    if hasRequired { try self.refuseMissing(of: message) }
    if self.sink.count &- start > self.options.messageByteLimit {
      throw CodecError(
        .tooLarge, offset: self.reader.count,
        reason: "the message has \(self.sink.count - start) bytes; "
          + "the limit is \(self.options.messageByteLimit)")
    }
  }

  private mutating func readBody(rule: BodyRule, message: Int32) throws(CodecError) {
    if self.reader.peek == 0xEF { self.reader.skipByteOrderMark() }
    self.reader.skipWhitespace()
    switch rule {
    case .none:
      guard self.reader.isAtEnd else { throw self.unexpectedBody }
    case .whole:
      if self.reader.isAtEnd { return }
      if self.reader.peek == UInt8(ascii: "n"), self.options.acceptsNullBody,
        self.plan.messages[message].wellKnown != .value,
        self.reader.take(literal: "null")
      {
        return try self.expectEnd()
      }
      try self.readContent(of: message, field: -1, lengths: (0, 0, 0))
      try self.runFrames(above: 0)
      try self.expectEnd()
    case .field(let path):
      if self.reader.isAtEnd { return }
      self.pathPrefix = path.errorText(usesProtoNames: self.options.usesProtoNames)
      self.bodyField = path.steps[path.steps.count - 1]
      try self.readBodyField(path, of: message)
      try self.expectEnd()
    }
  }

  var unexpectedBody: CodecError {
    CodecError(
      .invalidValue, offset: self.reader.position,
      reason: "this route takes no body; its values come from the path and the query")
  }

  // MARK: Required fields of the root

  @inline(never)
  private mutating func noteRequired(of message: Int32) {
    self.missing.removeAll(keepingCapacity: true)
    self.nulled.removeAll(keepingCapacity: true)
    let first = self.plan.messages[message].firstRequired
    for index in first..<first + self.plan.messages[message].requiredCount {
      self.missing.append(self.plan.requiredFields[index])
    }
  }

  /// Records that a field of the root, by its index in `Plan.fields`, is set.
  mutating func noteSet(_ field: Int32, message: Int32) {
    guard self.plan.messages[message].requiredCount > 0 else { return }
    let ordinal = field - self.plan.messages[message].firstField
    self.missing.removeAll { $0 == ordinal }
  }

  @inline(never)
  private func refuseMissing(of message: Int32) throws(CodecError) {
    guard let ordinal = self.missing.first else { return }
    throw CodecError(
      .missingField, offset: self.reader.count,
      path: self.name(of: self.plan.messages[message].firstField + ordinal),
      reason: "this field is required")
  }

  // MARK: A field as the body

  /// Reads the body as the value of one field, within the messages on its path.
  private mutating func readBodyField(
    _ path: FieldPath, of message: Int32
  ) throws(CodecError) {
    let leaf = path.steps[path.steps.count - 1]
    let isNull = self.reader.peek == UInt8(ascii: "n")
    let takesNull =
      self.plan.fields[leaf].shape == .singular
      && (self.plan.fields[leaf].wellKnown == .value || self.plan.fields[leaf].isNullValue)
    if isNull && !takesNull && self.reader.take(literal: "null") { return }
    self.hasBodyField = true
    self.noteSet(path.steps[0], message: message)
    let floor = self.marks.count
    for depth in 0..<path.steps.count - 1 { self.openStep(path.steps[depth]) }
    try self.readField(leaf)
    try self.runFrames(above: 0)
    self.closeSteps(to: floor)
  }

  /// Opens a message that encloses a field of a path.
  mutating func openStep(_ step: Int32) {
    self.sink.reserve(32)
    self.writeTag(step)
    let isGroup = self.plan.fields[step].kind == .group
    self.marks.append(isGroup ? Self.groupMark(step) : self.sink.openLength())
  }

  /// Closes the messages that `openStep` opened since there were `floor` marks.
  mutating func closeSteps(to floor: Int) {
    while self.marks.count > floor { self.close(self.marks.removeLast()) }
  }

  /// An error of the body with its likely cause.
  @inline(never)
  private mutating func explained(_ error: CodecError) -> CodecError {
    var error = error
    let isUnreadable =
      error.code == .malformedJSON || error.code == .wrongType || error.code == .invalidUTF8
    if isUnreadable, let encoding = self.reader.foreignEncoding {
      error = CodecError(
        .malformedJSON, offset: 0,
        reason: "the body is \(encoding); JSON is sent in UTF-8 (RFC 8259, section 8.1)")
    } else if error.code == .wrongType, self.frames.count == 0, self.bodyField >= 0 {
      // The field's value, wrapped in an object.
      self.reader.position = error.offset ?? 0
      guard self.reader.take(UInt8(ascii: "{")) else { return error }
      self.reader.skipWhitespace()
      guard let token = try? self.reader.string(),
        let (start, count) = unsafe try? self.bytes(of: token)
      else { return error }
      let name = unsafe EchoedText.cut(UnsafeBufferPointer(start: start, count: count))
      if name == self.plan.jsonName(of: self.bodyField)
        || name == self.plan.protoName(of: self.bodyField)
      {
        error.reason +=
          "; the body of this route is \"\(name)\" itself: send the value without an object around it"
      }
    }
    return error
  }

  private mutating func expectEnd() throws(CodecError) {
    self.reader.skipWhitespace()
    guard self.reader.isAtEnd else { throw self.reader.expected("the end of the text") }
  }
}
