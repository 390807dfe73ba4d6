/// Writes the values from the path and the query after the body: of several records for a field the
/// last one wins on the wire, so they override the body. The query doesn't override the path.
extension JSONToWire {
  mutating func writeBindings(
    _ bindings: borrowing Bindings, rule: BodyRule, message: Int32
  ) throws(CodecError) {
    let variables = bindings.variables.count
    if !bindings.parameters.isEmpty {
      self.claimed.removeAll()
      self.openEntries()
      for index in 0..<variables {
        self.claimed.begin()
        let path = bindings.variables[index].path
        for depth in 0..<path.steps.count { self.claimed.append(path.steps[depth]) }
        self.claimed.claim(by: .path, self.plan)
      }
    }
    let body = self.reader
    defer { self.reader = body }
    var problem: CodecError?
    unsafe bindings.bytes.withUnsafeBufferPointer { bytes in
      // Without an address there are no bytes: all values are empty, and any address will do.
      let start = unsafe bytes.baseAddress ?? UnsafePointer(self.scratch.base)
      do throws(CodecError) {
        for index in 0..<variables {
          let variable = bindings.variables[index]
          unsafe self.reader = JSONReader(
            start: start + variable.value.lowerBound, count: variable.value.count)
          do throws(CodecError) {
            try self.writeBinding(variable.path.steps)
          } catch {
            throw CodecError(error.code, path: variable.path.text, reason: error.reason)
          }
          self.noteSet(variable.path.steps[0], message: message)
        }
        // After the path, whose fields they can't set: a response that echoes the request then has
        // its fields in the order of the request target.
        for index in 0..<bindings.parameters.count {
          unsafe try self.writeParameter(
            bindings.parameters[index], at: index, of: start, rule: rule, message: message)
        }
        if !bindings.parameters.isEmpty { try self.refuseRepeatedEntries(bindings) }
      } catch {
        problem = error
      }
    }
    if let problem { throw problem }
  }

  /// Writes a query parameter, unless it's ignored.
  private mutating func writeParameter(
    _ parameter: Bindings.Parameter, at index: Int, of text: UnsafePointer<UInt8>, rule: BodyRule,
    message: Int32
  ) throws(CodecError) {
    let name = unsafe UnsafeBufferPointer(
      start: text + parameter.name.lowerBound, count: parameter.name.count)
    let value = unsafe JSONReader(
      start: text + parameter.value.lowerBound, count: parameter.value.count)
    let start = self.sink.count
    let floor = self.marks.count
    do throws(CodecError) {
      switch unsafe try self.resolve(name, rule: rule, message: message) {
      case .none:
        return
      case .field:
        self.claimed.claim(by: .query, self.plan)
        self.reader = value
        try self.writeBinding(self.claimed.open)
      case .entry(let key):
        self.claimed.claim(by: .query, self.plan)
        unsafe try self.writeEntry(
          key: UnsafeBufferPointer(rebasing: name[key]), value: value, parameter: index)
      }
      self.noteSet(self.claimed.open[0], message: message)
    } catch {
      if error.code == .unknownEnumValue, self.options.ignoresUnknownEnums {
        self.sink.truncate(to: start)
        self.marks.removeLast(self.marks.count - floor)
        return
      }
      throw unsafe CodecError(error.code, path: EchoedText.cut(name), reason: error.reason)
    }
  }

  // MARK: Names

  /// The target of a parameter.
  private enum Target {
    /// Nothing: it's ignored.
    case none
    case field
    /// The map entry whose key is this part of the parameter's name.
    case entry(Range<Int>)
  }

  /// Resolves a parameter's dotted name to a path of fields and leaves it as the open path of
  /// `claimed`. An extension's name is in brackets, as in ProtoJSON: `[package.name]`.
  private mutating func resolve(
    _ name: UnsafeBufferPointer<UInt8>, rule: BodyRule, message: Int32
  ) throws(CodecError) -> Target {
    if case .whole = rule {
      if self.options.ignoresQueryUnderBodyField { return .none }
      if unsafe self.ignores(name) { return .none }
      throw CodecError(
        .unknownParameter,
        reason: "this route takes its whole message from the body, so it has no query parameters")
    }
    self.claimed.begin()
    var current = message
    var start = 0
    var key: Range<Int>?
    while true {
      let (ordinal, end) = unsafe self.element(of: name, from: start, in: current)
      guard ordinal >= 0 else {
        if unsafe self.ignores(name) { return .none }
        throw unsafe self.unknownParameter(
          UnsafeBufferPointer(rebasing: name[start..<end]), in: current)
      }
      let field = self.plan.messages[current].firstField + ordinal
      if self.claimed.open.count >= self.options.depthLimit {
        throw CodecError(
          .tooDeep, reason: "it names fields nested deeper than \(self.options.depthLimit)")
      }
      self.claimed.append(field)
      guard end < name.count else { break }
      if unsafe name[end] == UInt8(ascii: "[") {
        key = unsafe try self.entryKey(of: field, in: name, from: end)
        break
      }
      guard self.plan.hasNamedFields(field) else { throw self.noFields(field) }
      current = self.plan.fields[field].type
      start = end + 1
    }
    if self.options.ignoresQueryUnderBodyField, case .field(let body) = rule,
      self.isOpenPath(within: body.steps)
    {
      return .none
    }
    try self.checkOpenPath(rule: rule, isEntry: key != nil)
    if self.claimed.owner == .path {
      guard self.options.refusesPathFieldsElsewhere else { return .none }
      throw CodecError(
        .invalidParameter, reason: "the path sets this field already; leave it out of the query")
    }
    if self.hasBodyField, case .field(let body) = rule {
      try self.refuseRival(of: body.steps)
      if self.options.mergesQueryIntoBodyField, self.isOpenPath(within: body.steps),
        let rival = self.bodyRival(of: self.claimed.open)
      {
        throw CodecError(
          .oneofConflict,
          reason: "\"\(self.name(of: rival))\" of the same oneof is set by the body; "
            + "only one may be")
      }
    }
    try self.refuseConflicts()
    return key.map { .entry($0) } ?? .field
  }

  /// Finds the field whose name begins at `start`, and the end of its name. A name with dots (an
  /// explicit `json_name`) is looked up as a whole before its parts.
  ///
  /// - Returns: the field's ordinal in the message; -1 if there is none, with the end of the first
  ///   element.
  private func element(
    of name: UnsafeBufferPointer<UInt8>, from start: Int, in message: Int32
  ) -> (ordinal: Int32, end: Int) {
    let first = unsafe Self.elementEnd(in: name, from: start)
    guard let base = name.baseAddress else { return (-1, first) }
    let longest = Int(self.plan.messages[message].dottedNameLength)
    if longest > 0, first < name.count, unsafe name[first] == UInt8(ascii: ".") {
      var end = first
      var found: (Int32, Int)?
      while end < name.count, unsafe name[end] == UInt8(ascii: ".") {
        unsafe end = Self.elementEnd(in: name, from: end + 1)
        guard end - start <= longest else { break }
        let ordinal = unsafe self.plan.field(
          named: base + start, count: end - start, in: message)
        if ordinal >= 0 { found = (ordinal, end) }
      }
      if let found { return found }
    }
    return unsafe (
      self.plan.field(named: base + start, count: first - start, in: message), first
    )
  }

  /// The end of the name's element that begins at `start`: at a dot or an opening bracket.
  private static func elementEnd(in name: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    var end = start
    if unsafe end < name.count && name[end] == UInt8(ascii: "[") {
      while end < name.count, unsafe name[end] != UInt8(ascii: "]") { end += 1 }
    }
    while end < name.count,
      unsafe name[end] != UInt8(ascii: ".") && name[end] != UInt8(ascii: "[")
    {
      end += 1
    }
    return end
  }

  @inline(never)
  private func noFields(_ field: Int32) -> CodecError {
    let name = self.name(of: field)
    if self.plan.isMessageList(field) { return Self.messageList }
    let rule =
      self.plan.fields[field].shape == .map
      ? "is a map; write the key in brackets: \(name)[key]=value"
      : "is not a singular message, so no field within it can be named"
    return CodecError(.invalidParameter, reason: "\"\(name)\" \(rule)")
  }

  static var messageList: CodecError {
    CodecError(
      .invalidParameter, reason: "a list of messages can't be set by a query; send it in the body")
  }

  @inline(never)
  private func unknownParameter(
    _ element: UnsafeBufferPointer<UInt8>, in message: Int32
  ) -> CodecError {
    let name = unsafe EchoedText.cut(element)
    return CodecError(
      .unknownParameter,
      reason: "\(self.plan.name(ofMessage: message)) has no field \"\(name)\""
        + self.hint(for: name, in: message))
  }

  /// Rejects fields that a query can't set.
  private func checkOpenPath(rule: BodyRule, isEntry: Bool) throws(CodecError) {
    if case .field(let body) = rule, !self.options.mergesQueryIntoBodyField,
      self.isOpenPath(within: body.steps)
    {
      throw CodecError(
        .parameterUnderBody,
        reason: "\"\(body.text)\" is this route's body, so the query can't set it")
    }
    let leaf = self.claimed.leaf
    if isEntry { return try self.checkEntryValue(of: leaf) }
    if self.plan.isMessageList(leaf) { throw Self.messageList }
    guard self.plan.hasTextForm(leaf) else {
      let rule =
        if self.plan.fields[leaf].shape == .map {
          "a map is set by its entries; write a key in brackets after its name: "
            + "\(self.name(of: leaf))[key]=value"
        } else if self.plan.hasNamedFields(leaf) {
          "a message can't be set by the query; name a field within it, with a dot between "
            + "the names"
        } else {
          "a message can't be set by the query; send "
            + "\(self.plan.name(ofMessage: self.plan.fields[leaf].type)) in the body"
        }
      throw CodecError(.invalidParameter, reason: rule)
    }
  }

  /// Whether the open path leads to a field or through it.
  private func isOpenPath(within field: [Int32]) -> Bool {
    guard self.claimed.open.count >= field.count else { return false }
    for depth in 0..<field.count where self.claimed.open[depth] != field[depth] { return false }
    return true
  }

  /// Rejects a second value for a singular field, and a second member of a oneof.
  private func refuseConflicts() throws(CodecError) {
    let leaf = self.claimed.leaf
    if self.plan.fields[leaf].shape == .singular && self.claimed.owner != .nobody {
      throw CodecError(
        .invalidParameter, reason: "the field is singular but has two values")
    }
    for depth in 0..<self.claimed.open.count {
      let step = self.claimed.open[depth]
      let oneof = self.plan.fields[step].oneof
      guard oneof >= 0, let rival = self.claimed.member(ofOneof: oneof, at: depth), rival != step
      else { continue }
      throw CodecError(
        .oneofConflict,
        reason: "\"\(self.plan.protoName(of: rival))\" of the same oneof is set as well; "
          + "only one may be")
    }
  }
}
