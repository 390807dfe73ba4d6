/// Decodes wire bytes to JSON by a plan, in one pass and without recursion, as long as the bytes
/// are in the form that encoders write: the records of a field together, a singular field once.
///
/// Otherwise (a repeated field in pieces, a field or oneof set twice, a message to be merged), a
/// copy of the message is normalized (`WireNormalizer`), its output so far is removed, and it's
/// read again from the copy. So the output is always correct, and only such messages pay for it.
@safe
struct WireToJSON: ~Copyable {
  var reader: WireReader
  var sink = ByteSink(capacity: 64)
  var frames = FrameStack(spare: Frame(kind: .message))
  var seen = FieldPresenceBits()
  var keys = KeySets()
  /// Copies of messages that had to be normalized.
  var arena = ByteSink(capacity: 256)
  var plan: Plan
  var options = DecodeOptions()
  /// The bytes of the caller.
  var input: UnsafePointer<UInt8>
  var inputCount = 0
  /// The number of bytes copied to normalize messages.
  var copiedByteCount = 0
  /// Copies are limited to this many times the input, plus `copyAllowance` bytes. Messages that
  /// need them are small or few; each level of nesting that needs one copies everything within it,
  /// so a hostile message of many levels could otherwise cost a hundred times its size in time and
  /// memory.
  static let copyFactor = 8
  /// The bytes that may be copied whatever the size of the message: enough for a hundred levels of
  /// 10 KB.
  static let copyAllowance = 1 << 20

  /// An open message.
  struct Frame: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
      case message
      /// A message of which only one field is printed, without its key (`response_body`).
      case selection
      /// A google.protobuf.Struct.
      case structure
      /// A google.protobuf.ListValue.
      case list
      /// A google.protobuf.Value.
      case value
      /// An Any of a type with a JSON form of its own; its `value` is the frame above.
      case knownAny
    }

    var kind: Kind
    /// Whether the bytes are in `arena`, and so normalized.
    var isNormal = false
    /// Whether no member has been printed yet.
    var isFirst = true
    /// Whether it's the content of an Any: its members follow `@type`.
    var followsType = false
    var message: Int32 = -1
    /// The field whose value this is, in `Plan.fields`; -1 if there is none.
    var field: Int32 = -1
    /// The beginning and the end of the message in its bytes.
    var start = 0
    var end = 0
    /// The position at which the enclosing message continues.
    var resume = 0
    /// The field number if the message is a group, otherwise 0.
    var group: UInt32 = 0
    /// The length of the output before it was opened.
    var outputStart = 0
    /// The ordinal of the field that is expected next.
    var next: Int32 = 0
    /// The repeated field or map whose bracket is open, in `Plan.fields`; -1 for none.
    var open: Int32 = -1
    /// The number of its elements printed so far.
    var index: Int32 = 0
    /// The number of frames, up to this one, that don't count as nesting.
    var uncounted: Int32 = 0
    /// The field that is being printed, for error paths.
    var current: Int32 = -1
    var seen: UInt64 = 0
    var seenMark: Int32 = 0
    var keys = KeySets.Handle.none
  }

  init(plan: Plan) {
    self.plan = plan
    unsafe self.input = UnsafePointer(self.arena.base)
    self.reader = unsafe WireReader(start: self.input, limit: 0)
  }

  /// Prints a message into the sink. See `Transcoder.decode`.
  ///
  /// - Returns: the error; the bytes appended until then are still in the sink.
  mutating func run(
    _ wire: UnsafeRawBufferPointer, as message: Int32, by plan: Plan, selecting field: Int32?,
    options: DecodeOptions
  ) -> CodecError? {
    if self.plan !== plan { self.plan = plan }
    self.options = options
    // No address means no bytes; the reader then reads nothing, wherever it points.
    let start = unsafe wire.baseAddress?.assumingMemoryBound(to: UInt8.self)
    defer {
      self.keys.shrink(to: Transcoder.keptByteCount)
      self.arena.shrink(to: Transcoder.keptByteCount)
    }
    do throws(CodecError) {
      unsafe try self.decode(
        start ?? UnsafePointer(self.arena.base), count: wire.count, message: message,
        selecting: field)
      return nil
    } catch {
      return error
    }
  }

  private mutating func decode(
    _ start: UnsafePointer<UInt8>, count: Int, message: Int32, selecting field: Int32?
  ) throws(CodecError) {
    self.frames.removeAll()
    self.seen.removeAll()
    self.keys.removeAll()
    self.arena.removeAll()
    unsafe self.input = start
    self.inputCount = count
    self.copiedByteCount = 0
    self.reader = unsafe WireReader(start: start, limit: count)
    do throws(CodecError) {
      if let field {
        self.openSelection(message, field: field, end: count)
      } else {
        try self.openContent(of: message, field: -1, end: count, resume: count)
      }
      try self.runFrames(above: 0)
    } catch {
      throw self.located(error)
    }
  }

  mutating func runFrames(above floor: Int) throws(CodecError) {
    while self.frames.count > floor {
      switch self.frames.top.kind {
      case .message: try self.printFields(above: floor)
      case .selection: try self.printSelection()
      case .structure: try self.printStruct()
      case .list: try self.printList()
      case .value: try self.printValue()
      case .knownAny:
        self.sink.append(UInt8(ascii: "}"))
        self.closeFrame()
      }
    }
  }

  // MARK: Messages

  /// Prints fields of the innermost frame, a message, and of those that it contains and that contain
  /// it, until a value opens a frame of another kind or the frames above `floor` are closed.
  private mutating func printFields(above floor: Int) throws(CodecError) {
    repeat {
      let message = self.frames.top.message
      try self.printFields(
        of: message, first: self.plan.messages[message].firstField,
        count: self.plan.messages[message].fieldCount)
    } while self.frames.count > floor && self.frames.top.kind == .message
  }

  /// Prints fields of the innermost frame until a value opens a frame of its own or the message ends.
  ///
  /// - Parameters:
  ///   - first: the message's first field in `Plan.fields`.
  ///   - count: the number of its fields.
  @inline(__always)
  private mutating func printFields(
    of message: Int32, first: Int32, count: Int32
  ) throws(CodecError) {
    let depth = self.frames.count
    repeat {
      if self.reader.position >= self.frames.top.end { return try self.endMessage() }
      let start = self.reader.position
      let tag = try self.reader.tag()
      var ordinal = self.frames.top.next
      if ordinal < count {
        var field = self.plan.fields.reference(to: first &+ ordinal)
        // After a repeated field, `next` is that field again: it may as well be the one after it.
        if field.value.tag != tag && ordinal &+ 1 < count {
          ordinal &+= 1
          field = self.plan.fields.reference(to: first &+ ordinal)
        }
        if field.value.tag == tag {
          try self.printMember(field, first &+ ordinal, ordinal: ordinal, tag: tag)
          continue
        }
      }
      ordinal = self.plan.ordinal(of: tag, in: message)
      if ordinal < 0 {
        if tag & 7 == UInt32(WireType.endGroup.rawValue) {
          return try self.endGroup(tag, at: start)
        }
        try self.reader.skip(tag: tag, depthLimit: self.options.depthLimit)
        continue
      }
      try self.printMember(
        self.plan.fields.reference(to: first &+ ordinal), first &+ ordinal, ordinal: ordinal,
        tag: tag)
    } while self.frames.count == depth
  }

  /// Prints the record after the tag of a field, the one at `index`.
  @inline(__always)
  mutating func printMember(
    _ field: FrozenReference<FieldPlan>, _ index: Int32, ordinal: Int32, tag: UInt32
  ) throws(CodecError) {
    self.frames.top.current = index
    if field.value.shape == .singular {
      self.frames.top.next = ordinal &+ 1
      try self.printSingular(field, index, ordinal: ordinal)
    } else {
      self.frames.top.next = ordinal
      try self.printRepeated(field, index, ordinal: ordinal, tag: tag)
    }
  }

  @inline(__always)
  private mutating func printSingular(
    _ field: FrozenReference<FieldPlan>, _ index: Int32, ordinal: Int32
  ) throws(CodecError) {
    if self.frames.top.open >= 0, !self.closeBracket() { return try self.normalize() }
    if self.seen.insert(
      ordinal, first: &self.frames.top.seen, mark: self.frames.top.seenMark)
    {
      return try self.normalize()
    }
    let oneof = field.value.oneof
    if oneof >= 0 {
      let bit = self.plan.messages[self.frames.top.message].fieldCount &+ oneof
      if self.seen.insert(bit, first: &self.frames.top.seen, mark: self.frames.top.seenMark) {
        return try self.normalize()
      }
    }
    switch field.value.kind {
    case .message:
      let length = try self.reader.length()
      if self.frames.top.kind != .selection { self.printKey(field) }
      let end = self.reader.position &+ length
      try self.openContent(
        of: field.value.type, field: index, end: end, resume: end)
    case .group:
      if self.frames.top.kind != .selection { self.printKey(field) }
      try self.openGroup(index)
    default:
      try self.printSingularScalar(field, index)
    }
  }

  mutating func openGroup(_ index: Int32) throws(CodecError) {
    if self.plan.fields[index].wellKnown != .none { return try self.openKnownGroup(index) }
    try self.pushFrame(
      .message, self.plan.fields[index].type, field: index, end: self.frames.top.limit(self.reader),
      resume: 0, group: self.plan.fields[index].number)
    self.sink.append(UInt8(ascii: "{"))
  }

  /// Opens a group (a delimited field of an edition) of a type with a JSON form of its own, whose
  /// end must be known in advance.
  @inline(never)
  private mutating func openKnownGroup(_ index: Int32) throws(CodecError) {
    let start = self.reader.position
    let tag = self.plan.fields[index].number << 3 | UInt32(WireType.startGroup.rawValue)
    let end = try self.reader.contentEnd(skipping: tag, depthLimit: self.options.depthLimit)
    let resume = self.reader.position
    self.reader.position = start
    try self.openKnown(
      self.plan.fields[index].type, field: index, end: end, resume: resume)
  }

  @inline(__always)
  private mutating func printRepeated(
    _ field: FrozenReference<FieldPlan>, _ index: Int32, ordinal: Int32, tag: UInt32
  ) throws(CodecError) {
    if self.frames.top.open != index {
      // An empty packed record has no elements.
      let isPacked = tag & 7 == 2 && field.value.kind.wireType != .lengthDelimited
      if isPacked && self.reader.position < self.reader.limit,
        unsafe self.reader.base[self.reader.position] == 0
      {
        self.reader.position &+= 1
        return
      }
      if self.frames.top.open >= 0, !self.closeBracket() { return try self.normalize() }
      if self.seen.insert(
        ordinal, first: &self.frames.top.seen, mark: self.frames.top.seenMark)
      {
        return try self.normalize()
      }
      self.openBracket(field, index)
    }
    switch field.value.shape {
    case .map:
      try self.printEntries(field, tag: tag)
    case .singular, .repeated, .packed:
      switch field.value.kind {
      case .message:
        let length = try self.reader.length()
        self.separateElement()
        let end = self.reader.position &+ length
        try self.openContent(
          of: field.value.type, field: index, end: end, resume: end)
      case .group:
        self.separateElement()
        try self.openGroup(index)
      default:
        try self.printElements(field, index, isPacked: tag & 7 == 2)
      }
    }
  }

  @inline(__always)
  private mutating func openBracket(_ field: FrozenReference<FieldPlan>, _ index: Int32) {
    if self.frames.top.kind != .selection { self.printKey(field) }
    self.frames.top.open = index
    self.frames.top.index = 0
    if field.value.shape == .map {
      self.frames.top.keys = self.keys.open()
      self.sink.append(UInt8(ascii: "{"))
    } else {
      self.sink.append(UInt8(ascii: "["))
    }
  }

  /// Closes the bracket of the open repeated field or map.
  ///
  /// - Returns: false if the map has a repeated key. Then the message must be normalized.
  @inline(never)
  mutating func closeBracket() -> Bool {
    let open = self.frames.top.open
    if self.plan.fields[open].shape == .map {
      if self.keys.close(self.frames.top.keys) != nil {
        // It's closed; the message is restarted.
        self.frames.top.keys = self.keys.open()
        return false
      }
      self.sink.append(UInt8(ascii: "}"))
    } else if self.frames.top.index == 0 {
      self.closeEmptyBracket(open)
    } else {
      self.sink.append(UInt8(ascii: "]"))
    }
    self.frames.top.open = -1
    return true
  }

  /// Removes the key and the bracket of a repeated field whose records had no elements: numbers
  /// that a closed enum doesn't have, or nothing. It counts as unset, like one without records.
  @inline(never)
  private mutating func closeEmptyBracket(_ index: Int32) {
    if self.options.alwaysPrintsDefaults || self.frames.top.kind == .selection {
      self.sink.append(UInt8(ascii: "]"))
      return
    }
    let field = self.plan.fields[index]
    let keyLength = self.options.usesProtoNames ? field.protoKeyLength : field.jsonKeyLength
    // The output ends with `{` or `,`, the key, and `[`.
    let start = self.sink.count - 1 - Int(keyLength)
    if self.sink.bytes[start - 1] == UInt8(ascii: ",") {
      self.sink.truncate(to: start - 1)
    } else {
      self.sink.truncate(to: start)
      self.frames.top.isFirst = true
    }
  }

  /// Prints the comma before an element that isn't the first.
  @inline(__always)
  mutating func separateElement() {
    if self.frames.top.index > 0 { self.sink.append(UInt8(ascii: ",")) }
    self.frames.top.index &+= 1
  }

  /// Prints a comma if one is needed, and the key with its colon. Reserves 32 more bytes.
  @inline(__always)
  mutating func printKey(_ field: FrozenReference<FieldPlan>) {
    let usesProtoNames = self.options.usesProtoNames
    let start = usesProtoNames ? field.value.protoKey : field.value.jsonKey
    let length = Int(
      usesProtoNames
        ? field.value.protoKeyLength : field.value.jsonKeyLength)
    self.sink.reserve(length &+ 56)
    if !self.frames.top.isFirst { self.sink.storeByte(UInt8(ascii: ",")) }
    self.frames.top.isFirst = false
    unsafe self.sink.storePadded(self.plan.text.pointer(at: Int(start)), count: length)
  }

  /// Ends a message that isn't a group.
  @inline(__always)
  private mutating func endMessage() throws(CodecError) {
    if self.frames.top.group != 0 || self.reader.position > self.frames.top.end {
      throw self.reader.truncated()
    }
    try self.finishMessage()
  }

  private mutating func endGroup(_ tag: UInt32, at start: Int) throws(CodecError) {
    guard self.frames.top.group != 0, self.frames.top.group == tag >> 3 else {
      throw CodecError(
        .malformedWire, offset: start, reason: "an end-group tag without an open group")
    }
    self.frames.top.resume = self.reader.position
    try self.finishMessage()
  }

  @inline(__always)
  private mutating func finishMessage() throws(CodecError) {
    if self.frames.top.open >= 0, !self.closeBracket() { return try self.normalize() }
    if self.options.alwaysPrintsDefaults { self.printDefaults() }
    self.sink.append(UInt8(ascii: "}"))
    self.closeFrame()
  }
}

extension WireToJSON.Frame {
  /// The limit of a group within this message.
  func limit(_ reader: WireReader) -> Int {
    self.group == 0 ? self.end : reader.limit
  }
}
