/// Errors of the interpreter, and the path that they get on their way out. Cold code.
extension JSONToWire {
  @inline(never)
  func duplicateField(_ index: Int32, offset: Int) -> CodecError {
    CodecError(
      .duplicateField, offset: offset,
      reason: "the field stands twice in its object (it may be spelled "
        + "\"\(self.plan.jsonName(of: index))\" or \"\(self.plan.protoName(of: index))\")")
  }

  @inline(never)
  func unknownField(
    _ bytes: UnsafePointer<UInt8>, count: Int, offset: Int, message: Int32
  ) -> CodecError {
    let name = unsafe String(
      decoding: UnsafeBufferPointer(start: bytes, count: min(count, 100)), as: UTF8.self)
    let type = self.plan.name(ofMessage: message)
    let hint = Nearest.name(to: name, among: self.plan.jsonNames(of: message))
      .map { "; did you mean \"\($0)\"?" }
    return CodecError(
      .unknownField, offset: offset, path: name,
      reason: "\(type) has no such field\(hint ?? "")")
  }

  /// The error with the path of the place where the interpreter is in front of its own.
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
        if frame.current >= 0 { add(self.plan.jsonName(of: frame.current)) }
      case .array, .list:
        path += "[\(frame.index)]"
      case .map, .structure:
        if frame.keyEnd > frame.keyStart {
          let bytes = unsafe UnsafeBufferPointer(
            start: self.reader.pointer(at: frame.keyStart),
            count: min(frame.keyEnd - frame.keyStart, 100))
          path += unsafe "[\"\(String(decoding: bytes, as: UTF8.self))\"]"
        }
      case .knownAny:
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
  /// The JSON names of a message's fields, for messages to people.
  func jsonNames(of message: Int32) -> [String] {
    let first = self.messages[message].firstField
    return (first..<first + self.messages[message].fieldCount).map { self.jsonName(of: $0) }
  }

  /// ` (it has A, B, C)`: the first names of an enum, for messages to people.
  func enumHint(_ enumeration: Int32) -> String {
    let first = self.enums[enumeration].firstValue
    let count = self.enums[enumeration].valueCount
    let names = (first..<first + min(count, 6)).map { index in
      let value = self.enumValues[index]
      let bytes = unsafe UnsafeBufferPointer(
        start: self.text.pointer(at: Int(value.quotedName) + 1),
        count: Int(value.quotedNameLength) - 2)
      return unsafe String(decoding: bytes, as: UTF8.self)
    }
    return " (it has \(names.joined(separator: ", "))\(count > 6 ? ", …" : ""))"
  }
}
