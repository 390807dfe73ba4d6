/// Errors of the interpreter, and the paths that are added to them. Cold code.
extension JSONToWire {
  @inline(never)
  func duplicateField(_ index: Int32, offset: Int) -> CodecError {
    let (name, other) = (self.plan.jsonName(of: index), self.plan.protoName(of: index))
    return CodecError(
      .duplicateField, offset: offset,
      reason: "the field occurs twice in its object"
        + (name == other ? "" : " (it may be spelled \"\(name)\" or \"\(other)\")"))
  }

  /// The name of a field as it appears in errors.
  func name(of field: Int32) -> String {
    self.options.usesProtoNames ? self.plan.protoName(of: field) : self.plan.jsonName(of: field)
  }

  /// `; did you mean "title"?` if a message has a field with a similar name; otherwise empty.
  func hint(for name: String, in message: Int32) -> String {
    let first = self.plan.messages[message].firstField
    let names = (first..<first + self.plan.messages[message].fieldCount).map {
      [plan = self.plan, usesProtoNames = self.options.usesProtoNames] field in
      usesProtoNames ? plan.protoName(of: field) : plan.jsonName(of: field)
    }
    return SpellingSuggestion.name(to: name, among: names).map { "; did you mean \"\($0)\"?" } ?? ""
  }

  @inline(never)
  func unknownField(
    _ bytes: UnsafePointer<UInt8>, count: Int, offset: Int, message: Int32
  ) -> CodecError {
    let name = unsafe EchoedText.cut(UnsafeBufferPointer(start: bytes, count: count))
    let type = self.plan.name(ofMessage: message)
    return CodecError(
      .unknownField, offset: offset, path: name,
      reason: "\(type) has no such field"
        + (self.bodyHint(for: name) ?? self.hint(for: name, in: message)))
  }

  /// A hint for a client that wraps the field that is the body in an object.
  private func bodyHint(for name: String) -> String? {
    guard self.frames.count == 1, self.bodyField >= 0,
      name == self.plan.jsonName(of: self.bodyField)
        || name == self.plan.protoName(of: self.bodyField)
    else { return nil }
    return "; the body of this route is \"\(name)\" itself: send only its content"
  }

  /// The error with the path of the current position prepended to its own.
  func located(_ error: CodecError) -> CodecError {
    var path = self.pathPrefix
    func add(_ name: String) {
      if !path.isEmpty && !name.hasPrefix("[") { path += "." }
      path += name
    }
    for index in 0..<self.frames.count {
      let frame = self.frames[index]
      switch frame.kind {
      case .message:
        if frame.current >= 0 { add(self.name(of: frame.current)) }
      case .array, .list:
        path += "[\(frame.index)]"
      case .map, .structure:
        if frame.keyEnd > frame.keyStart {
          let bytes = unsafe UnsafeBufferPointer(
            start: self.reader.pointer(at: frame.keyStart), count: frame.keyEnd - frame.keyStart)
          path += unsafe "[\"\(EchoedText.cut(bytes))\"]"
        }
      case .knownAny, .unknownAny:
        if frame.seen != 0 { add("value") }
      }
    }
    var located = error
    if !error.path.isEmpty { add(error.path) }
    located.path = path
    return located
  }
}

extension Plan {
  /// ` (it has A, B, C)`: the first names of an enum, for error messages, and the name that was
  /// probably meant.
  func enumHint(_ enumeration: Int32, for name: String = "") -> String {
    let first = self.enums[enumeration].firstValue
    let count = self.enums[enumeration].valueCount
    let shown = (first..<first + min(count, 6)).map(self.enumName).joined(separator: ", ")
    let hint = SpellingSuggestion.name(
      to: name, among: (first..<first + count).lazy.map(self.enumName)
    )
    .map { "; did you mean \($0)?" }
    return " (it has \(shown)\(count > 6 ? ", …" : ""))\(hint ?? "")"
  }

  private func enumName(at index: Int32) -> String {
    let value = self.enumValues[index]
    let bytes = unsafe UnsafeBufferPointer(
      start: self.text.pointer(at: Int(value.quotedName) + 1),
      count: Int(value.quotedNameLength) - 2)
    return unsafe String(decoding: bytes, as: UTF8.self)
  }
}
