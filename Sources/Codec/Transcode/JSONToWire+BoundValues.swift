/// Values of path and query, as text.
extension JSONToWire {
  /// Writes the value that the reader views, within the messages on its path. The text is read as a
  /// JSON value, by the same code, but without quotes. Errors are thrown without a path.
  mutating func writeBinding(_ steps: [Int32]) throws(CodecError) {
    let floor = self.marks.count
    for depth in 0..<steps.count - 1 { self.openStep(steps[depth]) }
    try self.writeText(steps[steps.count - 1])
    self.closeSteps(to: floor)
  }

  /// The text of the value for error messages: at most 40 bytes of it.
  private var valueText: String {
    unsafe String(
      decoding: UnsafeBufferPointer(start: self.reader.base, count: min(self.reader.count, 40)),
      as: UTF8.self)
  }

  /// Writes a field from the text that the reader views.
  mutating func writeText(_ index: Int32) throws(CodecError) {
    let kind = self.plan.fields[index].kind
    let start = unsafe self.reader.base
    let count = self.reader.count
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
    case .message, .group:
      try self.writeKnownText(index)
    default:
      let payload: UInt64
      if kind == .enumeration,
        let number = unsafe self.plan.enumNumber(
          named: start, count: count, in: self.plan.fields[index].type)
      {
        payload = UInt64(bitPattern: Int64(number))
      } else if kind == .enumeration, self.options.acceptsShortEnumNames,
        let number = unsafe self.plan.enumNumber(
          shortName: start, count: count, in: self.plan.fields[index].type)
      {
        payload = UInt64(bitPattern: Int64(number))
      } else {
        payload = try self.readBareNumber(index)
      }
      self.writeElementTag(index)
      self.storePayload(payload, kind: kind)
    }
  }

  /// Reads a number, bool or enum number that makes up the whole text.
  private mutating func readBareNumber(_ index: Int32) throws(CodecError) -> UInt64 {
    let kind = self.plan.fields[index].kind
    let payload: UInt64?
    switch kind {
    case .bool:
      payload = self.readBareBool()
    case .float, .double:
      let isFloat = kind == .float
      if self.reader.take(literal: "NaN") {
        payload = isFloat ? UInt64(Float.nan.bitPattern) : Double.nan.bitPattern
      } else if self.reader.take(literal: "Infinity") {
        payload = isFloat ? UInt64(Float.infinity.bitPattern) : Double.infinity.bitPattern
      } else if self.reader.take(literal: "-Infinity") {
        payload = isFloat ? UInt64((-Float.infinity).bitPattern) : (-Double.infinity).bitPattern
      } else {
        payload = try self.readBarePayload(kind)
      }
    case .enumeration:
      payload = try? self.readBarePayload(.int32)
      if let payload, self.plan.fields[index].isClosedEnum {
        let number = Int32(truncatingIfNeeded: Int64(bitPattern: payload))
        guard self.plan.enumValue(number: number, in: self.plan.fields[index].type) >= 0 else {
          throw self.notAValue(index)
        }
      }
    default:
      payload = try self.readBarePayload(kind)
    }
    guard let payload, self.reader.isAtEnd else { throw self.notAValue(index) }
    return payload
  }

  /// Reads a bool, also as Python and Go programs write it: whatever Go's strconv.ParseBool
  /// accepts, except single letters.
  private mutating func readBareBool() -> UInt64? {
    if self.reader.take(literal: "true") || self.reader.take(literal: "True")
      || self.reader.take(literal: "TRUE") || self.reader.take(literal: "1")
    {
      return 1
    }
    if self.reader.take(literal: "false") || self.reader.take(literal: "False")
      || self.reader.take(literal: "FALSE") || self.reader.take(literal: "0")
    {
      return 0
    }
    return nil
  }

  /// Reads a JSON number; nil if there is none.
  ///
  /// - Throws: for a number that is out of the kind's range.
  private mutating func readBarePayload(_ kind: FieldKind) throws(CodecError) -> UInt64? {
    if self.reader.peek == UInt8(ascii: "\"") { return nil }
    do throws(CodecError) {
      return try self.readPayload(kind)
    } catch {
      if error.code == .invalidValue { throw error }
      return nil
    }
  }

  @inline(never)
  private func notAValue(_ index: Int32) -> CodecError {
    switch self.plan.fields[index].kind {
    case .bool:
      CodecError(.invalidValue, reason: "expected true or false, got \"\(self.valueText)\"")
    case .enumeration:
      CodecError(
        .unknownEnumValue,
        reason: "the enum has no value \"\(self.valueText)\""
          + self.plan.enumHint(self.plan.fields[index].type, for: self.valueText))
    case let kind:
      CodecError(.invalidValue, reason: "expected \(kind.name), got \"\(self.valueText)\"")
    }
  }

  /// Writes a well-known type from its text form.
  private mutating func writeKnownText(_ index: Int32) throws(CodecError) {
    let start = unsafe self.reader.base
    let count = self.reader.count
    self.writeTag(index)
    let mark =
      self.plan.fields[index].kind == .group ? Self.groupMark(index) : self.sink.openLength()
    switch self.plan.fields[index].wellKnown {
    case .timestamp:
      guard let (seconds, nanos) = unsafe TimeText.timestamp(start, count: count) else {
        throw unsafe CodecError(
          .invalidValue, reason: TimeText.timestampFault(start, count: count, quote: ""))
      }
      self.writeSecondsAndNanos(seconds, nanos, keepsZeros: true)
    case .duration:
      guard let (seconds, nanos) = unsafe TimeText.duration(start, count: count) else {
        throw unsafe CodecError(
          .invalidValue, reason: TimeText.durationFault(start, count: count, quote: ""))
      }
      self.writeSecondsAndNanos(seconds, nanos, keepsZeros: true)
    case .fieldMask:
      // Clients that print the mask as JSON send it in quotes.
      let isQuoted =
        unsafe count >= 2 && start[0] == UInt8(ascii: "\"")
        && start[count - 1] == UInt8(ascii: "\"")
      let isRight =
        unsafe isQuoted
        ? FieldMaskText.write(start + 1, count: count - 2, takesSnakeCase: true, into: &self.sink)
        : FieldMaskText.write(start, count: count, takesSnakeCase: true, into: &self.sink)
      guard isRight else {
        throw CodecError(
          .invalidValue, reason: "expected field paths such as a.b,c, got \"\(self.valueText)\"")
      }
    case .wrapper:
      try self.writeText(self.plan.messages[self.plan.fields[index].type].firstField)
    case .none, .any, .structure, .value, .listValue:
      throw CodecError(.invalidParameter, reason: "a message has no text form")
    }
    self.close(mark)
  }
}
