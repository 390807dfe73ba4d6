/// Maps in a query: `labels[key]=value`, one parameter per entry.
///
/// google/api/http.proto doesn't allow a query to set maps; this is the syntax of other gateways.
/// The key is between the first `[` after the map's name and the `]` at the end of the parameter's
/// name, so that it may contain dots and brackets itself.
extension JSONToWire {
  /// The range of the key in brackets in a parameter's name.
  ///
  /// - Parameters:
  ///   - field: the field before the bracket, an index in `Plan.fields`.
  ///   - bracket: the offset of the opening bracket.
  func entryKey(
    of field: Int32, in name: UnsafeBufferPointer<UInt8>, from bracket: Int
  ) throws(CodecError) -> Range<Int> {
    guard self.plan.fields[field].shape == .map else { throw self.noMap(field) }
    guard unsafe name.count > bracket + 1 && name[name.count - 1] == UInt8(ascii: "]") else {
      throw CodecError(
        .invalidParameter,
        reason: "the key of a map must be in brackets at the end of the name: "
          + "\(self.name(of: field))[key]=value")
    }
    return bracket + 1..<name.count - 1
  }

  @inline(never)
  private func noMap(_ field: Int32) -> CodecError {
    let name = self.name(of: field)
    if self.plan.isMessageList(field) { return Self.messageList }
    let rule =
      if self.plan.fields[field].isRepeated {
        "but a repeated field, which is set by repeating its name: \(name)=a&\(name)=b"
      } else if self.plan.hasNamedFields(field) {
        "but a message, whose fields are named after a dot: \(name).field=value"
      } else {
        "so its name can't be followed by brackets"
      }
    return CodecError(.invalidParameter, reason: "\"\(name)\" is not a map, \(rule)")
  }

  /// Rejects a map whose values have no text form.
  func checkEntryValue(of field: Int32) throws(CodecError) {
    let value = self.plan.messages[self.plan.fields[field].type].firstField + 1
    guard !self.plan.hasTextForm(value) else { return }
    throw CodecError(
      .invalidParameter,
      reason: "the values of this map are messages, which a query can't set; send them in the body")
  }

  /// Writes an entry of the map at the end of the open path.
  ///
  /// - Parameters:
  ///   - value: the text of the value.
  ///   - parameter: the parameter's index, for an error that is found only after all are read.
  mutating func writeEntry(
    key: UnsafeBufferPointer<UInt8>, value: JSONReader, parameter: Int
  ) throws(CodecError) {
    let floor = self.marks.count
    let steps = self.claimed.open
    for depth in 0..<steps.count { self.openStep(steps[depth]) }
    let map = steps[steps.count - 1]
    let keyField = self.plan.messages[self.plan.fields[map].type].firstField
    // An empty key may have no address; then any address will do.
    let keyStart = unsafe key.baseAddress ?? UnsafePointer(self.scratch.base)
    unsafe self.reader = JSONReader(start: keyStart, count: key.count)
    let start = self.sink.count
    do throws(CodecError) {
      try self.writeText(keyField)
    } catch {
      throw CodecError(error.code, reason: "the key in brackets: \(error.reason)")
    }
    try self.noteEntry(keyStart: start, parameter: parameter)
    self.reader = value
    try self.writeText(keyField + 1)
    self.closeSteps(to: floor)
  }

  /// Records a key, which begins at `keyStart` in the sink, under the path of its map.
  ///
  /// - Throws: if it's already known to be a repeated key; `refuseRepeatedEntries` finds the others.
  private mutating func noteEntry(keyStart: Int, parameter: Int) throws(CodecError) {
    var path = self.claimed.number &* 0x9E37_79B9_7F4A_7C15
    path ^= path >> 32
    self.entryParameters.append(Int32(truncatingIfNeeded: parameter))
    let isRepeated = unsafe self.keys.insert(
      self.sink.base + keyStart, count: self.sink.count - keyStart, under: path,
      into: &self.entryKeys)
    if isRepeated { throw Self.repeatedEntry }
  }

  /// Begins a request's entries.
  mutating func openEntries() {
    self.entryKeys = self.keys.open()
    if !self.entryParameters.isEmpty { self.entryParameters.removeAll(keepingCapacity: true) }
  }

  /// Ends a request's entries: rejects a key that occurs twice in one map.
  mutating func refuseRepeatedEntries(
    _ bindings: borrowing Bindings
  ) throws(CodecError) {
    guard let index = self.keys.close(self.entryKeys) else { return }
    let parameter = bindings.parameters[Int(self.entryParameters[index])]
    let name = EchoedText.cut(bindings.bytes[parameter.name])
    throw CodecError(.invalidParameter, path: name, reason: Self.repeatedEntry.reason)
  }

  private static var repeatedEntry: CodecError {
    CodecError(.invalidParameter, reason: "the key occurs twice in its map")
  }
}
