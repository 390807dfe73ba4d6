/// The FieldMask of a PATCH, derived from the members of the body.
extension JSONToWire {
  /// Writes a mask that the client omitted: the paths of all members of the body, including those
  /// that are null or have their default. Messages with members are descended into; repeated
  /// fields, maps and types with a JSON form of their own are listed as a whole (AIP-134).
  ///
  /// - Parameter mask: a field of the message itself, in `Plan.fields`.
  mutating func fillMask(
    _ mask: Int32, _ bindings: borrowing Bindings
  ) throws(CodecError) {
    for index in 0..<bindings.variables.count where bindings.variables[index].path.steps[0] == mask
    {
      return
    }
    if !bindings.parameters.isEmpty, self.claimed.hasField(mask) { return }
    let start = self.sink.count
    let floor = self.marks.count
    self.openStep(mask)
    let contentStart = self.sink.count
    // The body has already been read once, so it is valid.
    self.reader.position = 0
    if self.reader.peek == 0xEF { self.reader.skipByteOrderMark() }
    self.reader.skipWhitespace()
    try self.writeMaskPaths()
    if self.sink.count == contentStart {
      self.marks.removeLast(self.marks.count - floor)
      self.sink.truncate(to: start)
    } else {
      self.closeSteps(to: floor)
    }
  }

  private mutating func writeMaskPaths() throws(CodecError) {
    // The fields that lead to the open object, the body itself not included.
    var path: [Int32] = []
    var message = self.plan.fields[self.bodyField].type
    var isEmpty = true
    guard self.reader.take(UInt8(ascii: "{")) else { return }
    while true {
      self.reader.skipWhitespace()
      if self.reader.take(UInt8(ascii: "}")) {
        if isEmpty && !path.isEmpty { try self.writeMaskPath(path) }
        isEmpty = false
        guard let field = path.popLast() else { return }
        message = self.plan.message(of: field)
        continue
      }
      isEmpty = false
      if self.reader.take(UInt8(ascii: ",")) { self.reader.skipWhitespace() }
      let token = try self.reader.string()
      self.reader.skipWhitespace()
      guard self.reader.take(UInt8(ascii: ":")) else { throw self.reader.expected("':'") }
      self.reader.skipWhitespace()
      let (bytes, count) = unsafe try self.bytes(of: token)
      let ordinal = unsafe self.plan.field(named: bytes, count: count, in: message)
      // A member that isn't a field of the message was ignored.
      if ordinal >= 0 {
        let field = self.plan.messages[message].firstField + ordinal
        path.append(field)
        if self.plan.hasNamedFields(field), self.reader.take(UInt8(ascii: "{")) {
          message = self.plan.fields[field].type
          isEmpty = true
          continue
        }
        try self.writeMaskPath(path)
        path.removeLast()
      }
      try self.reader.skipValue()
    }
  }

  /// Writes `a.b_c` as an element of google.protobuf.FieldMask.paths.
  private mutating func writeMaskPath(_ path: [Int32]) throws(CodecError) {
    self.sink.append(0x0A)
    self.sink.reserve(32)
    let mark = self.sink.openLength()
    for index in 0..<path.count {
      if index > 0 { self.sink.append(UInt8(ascii: ".")) }
      let start = Int(self.plan.fields[path[index]].protoName)
      let count = Int(self.plan.fields[path[index]].protoNameLength)
      unsafe self.sink.append(start: self.plan.text.pointer(at: start), count: count)
    }
    self.sink.reserve(16)
    self.sink.closeLength(mark)
    if self.sink.count - self.bodyBytes.lowerBound > self.options.messageByteLimit {
      throw CodecError(
        .tooLarge, offset: self.reader.position,
        reason: "the message with its mask has more than \(self.options.messageByteLimit) bytes")
    }
  }
}

extension Plan {
  /// The message that a field of `fields` belongs to.
  func message(of field: Int32) -> Int32 {
    // Messages are in the order of their fields.
    var low: Int32 = 0
    var high = Int32(self.messages.count)
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if self.messages[middle].firstField <= field { low = middle } else { high = middle }
    }
    return low
  }
}

extension FieldPath {
  /// The same path as a body that fills the request's FieldMask, if the request has exactly one and
  /// the body is a message with named fields; otherwise the path unchanged.
  package func fillingMask(of schema: Schema) -> FieldPath {
    let plan = schema.plan
    guard let leaf = self.steps.last, plan.hasNamedFields(leaf) else { return self }
    let message = plan.messages[self.message.rawValue]
    let masks = (message.firstField..<message.firstField + message.fieldCount).filter {
      plan.fields[$0].wellKnown == .fieldMask
    }
    guard masks.count == 1, plan.fields[masks[0]].shape == .singular, self.steps[0] != masks[0]
    else { return self }
    var path = self
    path.filledMask = masks[0]
    return path
  }
}
