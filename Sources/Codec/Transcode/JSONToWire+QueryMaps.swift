/// Maps in a query: `labels[key]=value`, one parameter an entry.
///
/// google/api/http.proto leaves maps out of what a query can set; this is the form that users of
/// other gateways know. The key stands between the first `[` behind the map's name and the `]` that
/// ends the parameter's name, so that it may hold points and brackets itself.
extension JSONToWire {
  /// The key that a parameter's name has in brackets, as a range of the name.
  ///
  /// - Parameters:
  ///   - field: the field in front of the bracket, a place in `Plan.fields`.
  ///   - bracket: where the bracket opens.
  func entryKey(
    of field: Int32, in name: UnsafeBufferPointer<UInt8>, from bracket: Int
  ) throws(CodecError) -> Range<Int> {
    guard self.plan.fields[field].shape == .map else { throw self.noMap(field) }
    guard unsafe name.count > bracket + 1 && name[name.count - 1] == UInt8(ascii: "]") else {
      throw CodecError(
        .invalidParameter,
        reason: "the key of a map stands in brackets at the end of the name: "
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
        "but a message, whose fields are named behind a point: \(name).field=value"
      } else {
        "so nothing in brackets may follow its name"
      }
    return CodecError(.invalidParameter, reason: "\"\(name)\" is no map, \(rule)")
  }

  /// Refuses a map whose values have no text form.
  func checkEntryValue(of field: Int32) throws(CodecError) {
    let value = self.plan.messages[self.plan.fields[field].type].firstField + 1
    guard !self.plan.hasTextForm(value) else { return }
    throw CodecError(
      .invalidParameter,
      reason: "the values of this map are messages, which a query can't set; send them in the body")
  }

  /// Writes an entry of the map that the open path leads to.
  ///
  /// - Parameters:
  ///   - value: the text of the value.
  ///   - parameter: the parameter's place, for an error that shows only when all are read.
  mutating func writeEntry(
    key: UnsafeBufferPointer<UInt8>, value: JSONReader, parameter: Int
  ) throws(CodecError) {
    let floor = self.marks.count
    let steps = self.claimed.open
    for depth in 0..<steps.count { self.openStep(steps[depth]) }
    let map = steps[steps.count - 1]
    let keyField = self.plan.messages[self.plan.fields[map].type].firstField
    // A key without bytes may have no address; then any address does.
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

  /// Remembers a key, which stands in the sink from `keyStart` on, under the path of its map.
  ///
  /// - Throws: where it's known already that it was there before; `refuseRepeatedEntries` knows the
  ///   rest.
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

  /// Ends a request's entries: refuses a key that one map has twice.
  mutating func refuseRepeatedEntries(
    _ bindings: borrowing Bindings
  ) throws(CodecError) {
    guard let index = self.keys.close(self.entryKeys) else { return }
    let parameter = bindings.parameters[Int(self.entryParameters[index])]
    let name = EchoedText.cut(bindings.bytes[parameter.name])
    throw CodecError(.invalidParameter, path: name, reason: Self.repeatedEntry.reason)
  }

  private static var repeatedEntry: CodecError {
    CodecError(.invalidParameter, reason: "the key occurs twice in its map and has two values here")
  }
}
