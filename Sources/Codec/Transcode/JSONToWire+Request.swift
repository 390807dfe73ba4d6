/// A whole request message: the body by its rule, then the values of path and query.
extension JSONToWire {
  /// Encodes a request into the sink. See `Transcoder.encode`.
  mutating func encode(
    rule: BodyRule, message: Int32, bindings: borrowing Bindings
  ) throws(CodecError) {
    self.frames.removeAll()
    self.seen.removeAll()
    self.keys.removeAll()
    self.pathPrefix = ""
    let start = self.sink.count
    var missing: [Int32] = []
    do throws(CodecError) {
      try self.readBody(rule: rule, message: message, missing: &missing)
    } catch {
      throw self.located(error)
    }
    if !bindings.isEmpty {
      try self.writeBindings(bindings, rule: rule, message: message, missing: &missing)
    }
    if let place = missing.first {
      let name = self.plan.jsonName(of: self.plan.messages[message].firstField + place)
      throw CodecError(
        .missingField, offset: self.reader.count, path: name, reason: "this field is required")
    }
    if self.sink.count - start > self.options.messageByteLimit {
      throw CodecError(
        .tooLarge, offset: self.reader.count,
        reason: "the message has \(self.sink.count - start) bytes; "
          + "the limit is \(self.options.messageByteLimit)")
    }
  }

  /// - Parameter missing: receives the places of required fields that the body doesn't set.
  private mutating func readBody(
    rule: BodyRule, message: Int32, missing: inout [Int32]
  ) throws(CodecError) {
    self.reader.skipWhitespace()
    switch rule {
    case .none:
      guard self.reader.isAtEnd else {
        throw CodecError(
          .invalidValue, offset: self.reader.position,
          reason: "this route takes no body; its values come from the path and the query")
      }
      missing = self.required(of: message)
    case .whole:
      if self.reader.isAtEnd {
        missing = self.required(of: message)
        return
      }
      if self.plan.messages[message].requiredCount > 0 {
        missing = try self.missingAfterRoot(message)
      } else {
        try self.readContent(of: message, field: -1, lengths: (0, 0, 0))
        try self.runFrames(above: 0)
      }
      try self.expectEnd()
    case .field(let path):
      missing = self.required(of: message)
      if self.reader.isAtEnd { return }
      self.pathPrefix = path.jsonText
      if let first = path.steps.first {
        missing.removeAll { $0 == first - self.plan.messages[message].firstField }
      }
      try self.readBodyField(path)
      try self.expectEnd()
    }
  }

  /// Reads the body as the value of one field, inside of the messages on its path.
  private mutating func readBodyField(_ path: FieldPath) throws(CodecError) {
    guard let leaf = path.steps.last else { return }
    let isNull = self.reader.peek == UInt8(ascii: "n")
    let takesNull =
      self.plan.fields[leaf].shape == .singular
      && (self.plan.fields[leaf].wellKnown == .value || self.plan.fields[leaf].isNullValue)
    if isNull && !takesNull && self.reader.take(literal: "null") { return }
    var marks: [Int] = []
    for step in path.steps.dropLast() {
      self.sink.reserve(32)
      self.writeTag(step)
      marks.append(self.sink.openLength())
    }
    try self.readField(leaf)
    try self.runFrames(above: 0)
    for mark in marks.reversed() { self.sink.closeLength(mark) }
  }

  private mutating func missingAfterRoot(_ message: Int32) throws(CodecError) -> [Int32] {
    self.rootSeen = []
    try self.openMessage(message, field: -1, lengths: (0, 0, 0))
    try self.runFrames(above: 0)
    let seen = self.rootSeen
    return self.required(of: message).filter { !seen.contains($0) }
  }

  private func required(of message: Int32) -> [Int32] {
    let plan = self.plan.messages[message]
    if plan.requiredCount == 0 { return [] }
    return (plan.firstRequired..<plan.firstRequired + plan.requiredCount).map {
      self.plan.requiredFields[$0]
    }
  }

  private mutating func expectEnd() throws(CodecError) {
    self.reader.skipWhitespace()
    guard self.reader.isAtEnd else { throw self.reader.expected("the end of the text") }
  }
}
