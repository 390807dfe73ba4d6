/// Values that came from the path and the query, written behind the body: where both set a field
/// the later one holds on the wire, so the path wins over the query, and both over the body.
extension JSONToWire {
  /// - Parameter missing: places of required fields of the root that nothing has set yet; those that
  ///   a binding sets are taken out.
  mutating func writeBindings(
    _ bindings: borrowing Bindings, rule: BodyRule, message: Int32, missing: inout [Int32]
  ) throws(CodecError) {
    var set: [[Int32]] = []
    let text = bindings.bytes
    for variable in bindings.variables { set.append(variable.path.steps) }
    for parameter in bindings.parameters {
      let name = String(decoding: text[parameter.name], as: UTF8.self)
      guard
        let steps = try self.resolve(
          name, rule: rule, message: message, set: &set, variables: bindings.variables.count)
      else { continue }
      try self.writeBinding(steps, text[parameter.value], name: name)
      self.note(steps, message: message, missing: &missing)
    }
    for variable in bindings.variables {
      try self.writeBinding(variable.path.steps, text[variable.value], name: variable.path.text)
      self.note(variable.path.steps, message: message, missing: &missing)
    }
  }

  private func note(_ steps: [Int32], message: Int32, missing: inout [Int32]) {
    guard let first = steps.first else { return }
    missing.removeAll { $0 == first - self.plan.messages[message].firstField }
  }

  // MARK: Names

  /// The fields that a parameter's dotted name stands for.
  ///
  /// - Parameters:
  ///   - set: the paths that are set already; the first `variables` of them by the path.
  /// - Returns: nil where the parameter is to be passed over.
  private mutating func resolve(
    _ name: String, rule: BodyRule, message: Int32, set: inout [[Int32]], variables: Int
  ) throws(CodecError) -> [Int32]? {
    if case .whole = rule {
      if self.options.ignoresUnknownParameters { return nil }
      throw CodecError(
        .unknownParameter, path: name,
        reason: "this route takes its whole message from the body, so it has no query parameters")
    }
    var steps: [Int32] = []
    var current = message
    let elements = name.split(separator: ".", omittingEmptySubsequences: false)
    for (index, element) in elements.enumerated() {
      var element = String(element)
      let place = element.withUTF8 { bytes -> Int32 in
        guard let start = bytes.baseAddress else { return -1 }
        return unsafe self.plan.field(named: start, count: bytes.count, in: current)
      }
      guard place >= 0 else {
        if self.options.ignoresUnknownParameters { return nil }
        let hint = Nearest.name(to: element, among: self.plan.jsonNames(of: current))
          .map { "; did you mean \"\($0)\"?" }
        throw CodecError(
          .unknownParameter, path: name,
          reason: "\(self.plan.name(ofMessage: current)) has no field \"\(element)\"\(hint ?? "")")
      }
      let field = self.plan.messages[current].firstField + place
      steps.append(field)
      guard index < elements.count - 1 else { break }
      guard self.plan.fields[field].shape == .singular, self.plan.fields[field].kind == .message,
        self.plan.fields[field].wellKnown == .none
      else {
        throw CodecError(
          .invalidParameter, path: name,
          reason: "\"\(element)\" is no singular message, so nothing can be named within it")
      }
      current = self.plan.fields[field].type
    }
    try self.check(steps, name: name, rule: rule)
    if set.prefix(variables).contains(steps) { return nil }
    try self.claim(steps, name: name, set: set)
    set.append(steps)
    return steps
  }

  /// Refuses fields that a query can't set.
  private func check(_ steps: [Int32], name: String, rule: BodyRule) throws(CodecError) {
    guard let leaf = steps.last else { return }
    if case .field(let body) = rule, steps.starts(with: body.steps) {
      throw CodecError(
        .invalidParameter, path: name,
        reason: "\"\(body.text)\" is this route's body, so the query can't set it")
    }
    guard self.plan.hasTextForm(leaf) else {
      let isMap = self.plan.fields[leaf].shape == .map
      throw CodecError(
        .invalidParameter, path: name,
        reason: isMap
          ? "a map can't be set by the query"
          : "a message can't be set by the query; name a field "
            + "within it, such as \"\(name).field\"")
    }
  }

  /// Refuses a second value for a singular field, and a second member of a oneof.
  private func claim(_ steps: [Int32], name: String, set: [[Int32]]) throws(CodecError) {
    guard let leaf = steps.last else { return }
    if self.plan.fields[leaf].shape == .singular && set.contains(steps) {
      throw CodecError(
        .invalidParameter, path: name, reason: "the field is singular and has two values here")
    }
    for depth in steps.indices {
      let oneof = self.plan.fields[steps[depth]].oneof
      guard oneof >= 0 else { continue }
      for other in set where other.count > depth && other.prefix(depth) == steps.prefix(depth) {
        if other[depth] != steps[depth] && self.plan.fields[other[depth]].oneof == oneof {
          throw CodecError(
            .oneofConflict, path: name,
            reason:
              "\"\(self.plan.protoName(of: other[depth]))\" of the same oneof is set as well; "
              + "only one may be")
        }
      }
    }
  }

  // MARK: Values

  /// Writes one value, inside of the messages on its path.
  private mutating func writeBinding(
    _ steps: [Int32], _ value: ArraySlice<UInt8>, name: String
  ) throws(CodecError) {
    guard let leaf = steps.last else { return }
    var marks: [Int] = []
    for step in steps.dropLast() {
      self.sink.reserve(32)
      self.writeTag(step)
      marks.append(self.sink.openLength())
    }
    // The text is read like a value of JSON, by the same code, but without quotes.
    self.scratch.removeAll()
    for byte in value { self.scratch.append(byte) }
    self.scratch.append(0)
    let body = self.reader
    let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: self.scratch.count)
    defer { unsafe copy.deallocate() }
    unsafe copy.initialize(from: self.scratch.base, count: self.scratch.count)
    self.reader = unsafe JSONReader(start: copy, count: value.count)
    defer { self.reader = body }
    do throws(CodecError) {
      unsafe try self.writeText(leaf, copy, count: value.count)
    } catch {
      throw CodecError(error.code, path: name, reason: error.reason)
    }
    for mark in marks.reversed() { self.sink.closeLength(mark) }
  }

  /// Writes a field from its text, which the reader views as well.
  private mutating func writeText(
    _ index: Int32, _ start: UnsafePointer<UInt8>, count: Int
  ) throws(CodecError) {
    let kind = self.plan.fields[index].kind
    let found = unsafe String(
      decoding: UnsafeBufferPointer(start: start, count: min(count, 40)), as: UTF8.self)
    self.sink.reserve(count + 64)
    switch kind {
    case .string:
      if unsafe UTF8Validator.firstFault(in: start, count: count) != nil {
        throw CodecError(.invalidUTF8, reason: "the value isn't UTF-8")
      }
      self.writeTag(index)
      self.sink.storeVarint(UInt64(count))
      unsafe self.sink.append(start: start, count: count)
    case .bytes:
      self.writeTag(index)
      unsafe try self.storeBase64(start, count: count, offset: nil)
    case .message:
      unsafe try self.writeKnownText(index, start, count: count, found: found)
    case .group:
      throw CodecError(.invalidParameter, reason: "a group has no text form")
    default:
      let payload: UInt64
      if kind == .enumeration,
        let number = unsafe self.plan.enumNumber(
          named: start, count: count, in: self.plan.fields[index].type)
      {
        payload = UInt64(bitPattern: Int64(number))
      } else {
        payload = try self.readBareNumber(index, found: found)
      }
      self.writeTextTag(index)
      self.storePayload(payload, kind: kind)
    }
  }

  private mutating func writeTextTag(_ index: Int32) {
    if self.plan.fields[index].shape == .packed {
      self.sink.storeVarint(UInt64(self.plan.fields[index].otherTag))
    } else {
      self.writeTag(index)
    }
  }

  /// Reads a number, bool or enum number that fills the whole text.
  private mutating func readBareNumber(_ index: Int32, found: String) throws(CodecError) -> UInt64 {
    let kind = self.plan.fields[index].kind
    let wrong = CodecError(.invalidValue, reason: "expected \(kind.name), got \"\(found)\"")
    if self.reader.peek == UInt8(ascii: "\"") { throw wrong }
    let payload: UInt64
    switch kind {
    case .bool:
      if self.reader.take(literal: "true") {
        payload = 1
      } else if self.reader.take(literal: "false") {
        payload = 0
      } else {
        throw CodecError(.invalidValue, reason: "expected true or false, got \"\(found)\"")
      }
    case .enumeration:
      guard let number = try? self.readInteger(.int32) else {
        throw CodecError(
          .unknownEnumValue,
          reason: "the enum has no value \"\(found)\""
            + self.plan.enumHint(self.plan.fields[index].type))
      }
      payload = number
    case .float, .double:
      let isFloat = kind == .float
      switch found {
      case "NaN": return isFloat ? UInt64(Float.nan.bitPattern) : Double.nan.bitPattern
      case "Infinity":
        return isFloat ? UInt64(Float.infinity.bitPattern) : Double.infinity.bitPattern
      case "-Infinity":
        return isFloat ? UInt64((-Float.infinity).bitPattern) : (-Double.infinity).bitPattern
      default: break
      }
      payload = try self.readWhole(kind, wrong)
    default:
      payload = try self.readWhole(kind, wrong)
    }
    guard self.reader.isAtEnd else { throw wrong }
    return payload
  }

  /// Reads a number; what isn't one is `wrong`, what's out of range says so itself.
  private mutating func readWhole(
    _ kind: FieldKind, _ wrong: CodecError
  ) throws(CodecError) -> UInt64 {
    do throws(CodecError) {
      return try self.readPayload(kind)
    } catch {
      throw error.code == .invalidValue ? error : wrong
    }
  }

  /// Writes a well-known type from its text form.
  private mutating func writeKnownText(
    _ index: Int32, _ start: UnsafePointer<UInt8>, count: Int, found: String
  ) throws(CodecError) {
    self.writeTag(index)
    let mark = self.sink.openLength()
    switch self.plan.fields[index].wellKnown {
    case .timestamp:
      guard let (seconds, nanos) = unsafe TimeText.timestamp(start, count: count) else {
        throw CodecError(
          .invalidValue,
          reason: "expected a timestamp such as 2026-01-31T12:00:00Z, got \"\(found)\"")
      }
      self.writeSecondsAndNanos(seconds, nanos)
    case .duration:
      guard let (seconds, nanos) = unsafe TimeText.duration(start, count: count) else {
        throw CodecError(
          .invalidValue, reason: "expected a duration such as 1.5s, got \"\(found)\"")
      }
      self.writeSecondsAndNanos(seconds, nanos)
    case .fieldMask:
      // Clients that print the mask as JSON send it in quotes.
      let isQuoted =
        unsafe count >= 2 && start[0] == UInt8(ascii: "\"")
        && start[count - 1] == UInt8(ascii: "\"")
      let isRight =
        unsafe isQuoted
        ? FieldMaskText.write(start + 1, count: count - 2, into: &self.sink)
        : FieldMaskText.write(start, count: count, into: &self.sink)
      guard isRight else {
        throw CodecError(
          .invalidValue, reason: "expected field paths such as a.b,c, got \"\(found)\"")
      }
    case .wrapper:
      let inner = self.plan.messages[self.plan.fields[index].type].firstField
      unsafe try self.writeText(inner, start, count: count)
    case .none, .any, .structure, .value, .listValue:
      throw CodecError(.invalidParameter, reason: "a message has no text form")
    }
    self.sink.closeLength(mark)
  }
}
