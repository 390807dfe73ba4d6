/// Encodes JSON text to the wire format by a plan, in one pass and without recursion.
///
/// Each open bracket of the text is a frame. Lengths of submessages are back-patched: one byte is
/// reserved, and longer content moves up when it closes. Keys are compared with the next expected
/// field before they are hashed.
///
/// It's kept between runs to reuse its scratch memory; `run` borrows the caller's sink for one
/// message. Errors are thrown with their path.
struct JSONToWire: ~Copyable {
  var reader: JSONReader
  var sink = ByteSink(capacity: 64)
  var frames = FrameStack(spare: Frame(kind: .message))
  var seen = FieldPresenceBits()
  var keys = KeySets()
  /// Strings whose escapes had to be resolved.
  var scratch = ByteSink(capacity: 256)
  var plan: Plan
  var options = EncodeOptions()
  /// The path of the field that is the body, for error paths; "" for the whole message.
  var pathPrefix = ""
  /// The field that is the body, an index in `Plan.fields`; -1 for the whole message.
  var bodyField: Int32 = -1
  /// The range in the sink of what the body has written.
  var bodyBytes = 0..<0
  /// Whether the body has set its field.
  var hasBodyField = false
  /// The ordinals of the root's required fields that aren't set yet.
  var missing: [Int32] = []
  /// The ordinals of those that are present in the text, but null.
  var nulled: [Int32] = []
  /// Lengths to be closed around a field that is the body, or that path or query set.
  var marks: [Int] = []
  /// The fields set by path and query. Meaningless for a request without query parameters.
  var claimed = BoundFieldPaths()
  /// The keys of map entries set by the query.
  var entryKeys = KeySets.Handle.none
  /// The indices of the parameters that set them.
  var entryParameters: [Int32] = []

  /// An open bracket of the text.
  struct Frame: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
      /// An object that's a message.
      case message
      /// An array that's a repeated field.
      case array
      /// An object that's a map field.
      case map
      /// An object that's a google.protobuf.Struct.
      case structure
      /// An array that's a google.protobuf.ListValue.
      case list
      /// An object that's an Any of a type with a JSON form of its own: `@type` and `value`.
      case knownAny
      /// An object that's an Any whose type isn't in the schema: `@type`, and `value` in base64.
      /// Its key is the type URL.
      case unknownAny
    }

    var kind: Kind
    /// Whether nothing has been read after the opening bracket yet.
    var isFirst = true
    /// Whether a `@type` member is expected here: the message is the content of an Any.
    var hasTypeMember = false
    /// The message type; for a map, its entry type.
    var message: Int32 = -1
    /// The field whose value this is, in `Plan.fields`; -1 at the root.
    var field: Int32 = -1
    /// The member that is being read: an index in `Plan.fields`, or -1.
    var current: Int32 = -1
    /// The ordinal of the member that is expected next.
    var next: Int32 = 0
    /// The number of elements begun.
    var index: Int32 = 0
    /// The number of frames, up to this one, that don't count as nesting.
    var uncounted: Int32 = 0
    /// The offsets of content whose length must be closed, innermost first; 0 is none, and a
    /// `groupMark` denotes the end of a group.
    var lengths: (Int, Int, Int) = (0, 0, 0)
    /// Bits of the first 64 fields, and the mark of the rest.
    var seen: UInt64 = 0
    var seenMark: Int32 = 0
    var keys = KeySets.Handle.none
    /// The offset at which the members of a map or Struct begin.
    var start = 0
    /// The current key of a map or Struct, for error paths.
    var keyStart = 0
    var keyEnd = 0
  }

  init(plan: Plan) {
    self.plan = plan
    self.reader = unsafe JSONReader(start: UnsafePointer(self.scratch.base), count: 0)
  }

  /// Reads members and elements until the frames above `floor` are closed.
  mutating func runFrames(above floor: Int) throws(CodecError) {
    while self.frames.count > floor {
      switch self.frames.top.kind {
      case .message: try self.readMembers(above: floor)
      case .array: try self.readElements()
      case .map: try self.readEntries()
      case .structure: try self.readStructMembers()
      case .list: try self.readListElements()
      case .knownAny: try self.readKnownAny()
      case .unknownAny: try self.readUnknownAny()
      }
    }
  }

  // MARK: Messages

  /// Opens the next object as the content of a message, whose length begins at `lengths.0`.
  @inline(__always)
  mutating func openMessage(
    _ message: Int32, field: Int32, lengths: (Int, Int, Int), hasTypeMember: Bool = false
  ) throws(CodecError) {
    guard self.reader.take(UInt8(ascii: "{")) else {
      throw self.reader.wrongType("an object")
    }
    try self.checkDepth()
    var frame = Frame(kind: .message)
    frame.message = message
    frame.field = field
    frame.lengths = lengths
    frame.hasTypeMember = hasTypeMember
    frame.uncounted = self.frames.top.uncounted
    frame.seenMark = self.seen.mark
    self.seen.open(bits: self.plan.messages[message].seenBits)
    self.frames.push(frame)
  }

  @inline(__always)
  func checkDepth() throws(CodecError) {
    if self.depth >= self.options.depthLimit {
      throw Self.tooDeep(self.options.depthLimit, offset: self.reader.position)
    }
  }

  /// The nesting depth of the innermost frame, as counted for `EncodeOptions.depthLimit`.
  @inline(__always)
  var depth: Int { self.frames.count &- Int(self.frames.top.uncounted) }

  /// Static: a borrowed `self` would be copied at every check, 300 bytes of it, for this call to
  /// refer to.
  @inline(never)
  private static func tooDeep(_ limit: Int, offset: Int) -> CodecError {
    CodecError(.tooDeep, offset: offset, reason: "messages are nested deeper than \(limit)")
  }

  /// Reads members of the innermost frame, a message, and of those that it contains and that contain
  /// it, until a value opens a frame of another kind or the frames above `floor` are closed.
  private mutating func readMembers(above floor: Int) throws(CodecError) {
    repeat {
      let message = self.frames.top.message
      try self.readMembers(
        of: message, first: self.plan.messages[message].firstField,
        count: self.plan.messages[message].fieldCount)
    } while self.frames.count > floor && self.frames.top.kind == .message
  }

  /// Reads members of the innermost frame until a value opens a frame of its own or the message ends.
  ///
  /// - Parameters:
  ///   - first: the message's first field in `Plan.fields`.
  ///   - count: the number of its fields.
  @inline(__always)
  private mutating func readMembers(
    of message: Int32, first: Int32, count: Int32
  ) throws(CodecError) {
    let depth = self.frames.count
    repeat {
      self.frames.top.current = -1
      if self.frames.top.isFirst {
        self.frames.top.isFirst = false
        self.reader.skipWhitespace()
        if self.reader.take(UInt8(ascii: "}")) { return try self.closeMessage() }
      } else if !self.reader.takeSeparator(UInt8(ascii: ",")) {
        guard self.reader.take(UInt8(ascii: "}")) else {
          throw self.reader.expected("',' or '}'")
        }
        return try self.closeMessage()
      }
      let keyStart = self.reader.position
      let ordinal = try self.readKey(of: message, first: first, count: count)
      if ordinal < 0 { continue }
      let index = first &+ ordinal
      self.frames.top.current = index
      self.frames.top.next = ordinal &+ 1
      if self.seen.insert(
        ordinal, first: &self.frames.top.seen, mark: self.frames.top.seenMark)
      {
        throw self.duplicateField(index, offset: keyStart)
      }
      let field = self.plan.fields.reference(to: index)
      if self.reader.peek == UInt8(ascii: "n"), try self.readNull(index) {
        if self.plan.messages[message].requiredCount > 0 {
          try self.forgetRequired(ordinal, of: message, offset: keyStart)
        }
        continue
      }
      if field.value.oneof >= 0 {
        try self.claimOneof(field.value.oneof, of: message, offset: keyStart)
      }
      // Most members are of these kinds and take the shortest path.
      if field.value.shape == .singular {
        switch field.value.kind {
        case .string:
          _ = try self.writeString(index, field, keepsDefault: field.value.hasPresence)
        case .int32, .int64, .uint32, .uint64, .fixed32, .fixed64:
          _ = try self.writeInteger(field, keepsDefault: field.value.hasPresence)
        case .message:
          try self.readMessage(index, field, outer: 0)
        default:
          try self.readElement(index)
        }
      } else {
        try self.readField(index)
      }
    } while self.frames.count == depth
  }

  /// Reads a key and the colon after it.
  ///
  /// - Parameters:
  ///   - first: the message's first field in `Plan.fields`.
  ///   - count: the number of its fields.
  /// - Returns: the field's ordinal in the message; -1 if the member has been handled already.
  @inline(__always)
  private mutating func readKey(
    of message: Int32, first: Int32, count: Int32
  ) throws(CodecError) -> Int32 {
    let next = self.frames.top.next
    // The next field in order of declaration, spelled as ProtoJSON prints it.
    if next < count {
      let field = self.plan.fields.reference(to: first &+ next)
      let length = Int(field.value.jsonKeyLength)
      if unsafe self.reader.isNext(
        self.plan.text.pointer(at: Int(field.value.jsonKey)), count: length)
      {
        self.reader.position &+= length
        self.reader.skipWhitespace()
        return next
      }
    }
    return try self.lookUpKey(of: message)
  }

  @inline(never)
  private mutating func lookUpKey(of message: Int32) throws(CodecError) -> Int32 {
    let start = self.reader.position
    guard self.reader.peek == UInt8(ascii: "\"") else {
      throw self.reader.expected("a key in quotes")
    }
    let token = try self.reader.string()
    guard self.reader.takeSeparator(UInt8(ascii: ":")) else { throw self.reader.expected("':'") }
    let (bytes, count) = unsafe try self.bytes(of: token)
    let ordinal = unsafe self.plan.field(named: bytes, count: count, in: message)
    if ordinal >= 0 { return ordinal }
    if self.frames.top.hasTypeMember, unsafe count == 5 && self.isTypeKey(bytes) {
      try self.skipTypeMember()
      return -1
    }
    if self.options.ignoresUnknownFields {
      try self.reader.skipValue(depthLimit: self.options.depthLimit - self.depth)
      return -1
    }
    throw unsafe self.unknownField(bytes, count: count, offset: start, message: message)
  }

  /// The value of a string token: in the text, or in `scratch` if it has escapes. Valid until the
  /// next use of `scratch`.
  @inline(__always)
  mutating func bytes(
    of token: JSONReader.StringToken
  ) throws(CodecError) -> (start: UnsafePointer<UInt8>, count: Int) {
    if !token.hasEscapes {
      return unsafe (self.reader.pointer(at: token.start), token.count)
    }
    return unsafe try self.unescapedBytes(of: token)
  }

  @inline(never)
  private mutating func unescapedBytes(
    of token: JSONReader.StringToken
  ) throws(CodecError) -> (start: UnsafePointer<UInt8>, count: Int) {
    self.scratch.removeAll()
    try self.reader.unescape(token, into: &self.scratch)
    return unsafe (UnsafePointer(self.scratch.base), self.scratch.count)
  }

  /// Skips `null`, which leaves a field unset, unless null is a value of its type. An `n` is next.
  ///
  /// - Returns: false if the value is still to be read.
  @inline(never)
  private mutating func readNull(_ index: Int32) throws(CodecError) -> Bool {
    let field = self.plan.fields.reference(to: index)
    if field.value.shape == .singular {
      if field.value.wellKnown == .value { return false }
      if field.value.isNullValue { return false }
    }
    guard self.reader.take(literal: "null") else { throw self.reader.expected("a JSON value") }
    return true
  }

  @inline(never)
  private mutating func claimOneof(
    _ oneof: Int32, of message: Int32, offset: Int
  ) throws(CodecError) {
    let bit = self.plan.messages[message].fieldCount &+ oneof
    if self.seen.insert(bit, first: &self.frames.top.seen, mark: self.frames.top.seenMark) {
      throw CodecError(
        .oneofConflict, offset: offset,
        reason: "another member of the same oneof is set already; only one may be")
    }
  }

  private mutating func closeMessage() throws(CodecError) {
    let message = self.frames.top.message
    if self.plan.messages[message].requiredCount > 0 { try self.closeRequired(message) }
    self.closeFrame()
  }

  /// Removes the innermost frame and closes its lengths.
  @inline(__always)
  mutating func closeFrame() {
    let lengths = self.frames.top.lengths
    self.seen.close(to: self.frames.top.seenMark)
    self.frames.pop()
    self.closeLengths(lengths)
  }

  @inline(__always)
  mutating func closeLengths(_ lengths: (Int, Int, Int)) {
    if lengths.0 != 0 {
      self.close(lengths.0)
      if lengths.1 != 0 {
        self.close(lengths.1)
        if lengths.2 != 0 { self.close(lengths.2) }
      }
    }
  }

  /// The mark that `closeLengths` and `closeSteps` take for a group, which has an end tag instead
  /// of a length.
  @inline(__always)
  static func groupMark(_ field: Int32) -> Int { ~Int(field) }

  /// Writes the length of everything after a mark, or the end tag of a group.
  @inline(__always)
  mutating func close(_ mark: Int) {
    if mark > 0 {
      self.sink.closeLength(mark)
    } else {
      self.writeEndGroup(Int32(truncatingIfNeeded: ~mark))
    }
  }

  /// Rejects a message that lacks a required field. The root may still get it from the path or the
  /// query, so its fields that are set are only removed from `missing`.
  @inline(never)
  private mutating func closeRequired(_ message: Int32) throws(CodecError) {
    let first = self.frames.top.seen
    let mark = self.frames.top.seenMark
    let isRoot = self.isAtRoot
    let plan = self.plan.messages[message]
    for index in plan.firstRequired..<plan.firstRequired + plan.requiredCount {
      let ordinal = self.plan.requiredFields[index]
      let isSeen = self.seen.contains(ordinal, first: first, mark: mark)
      if isRoot {
        if isSeen && !self.nulled.contains(ordinal) { self.missing.removeAll { $0 == ordinal } }
      } else if !isSeen {
        throw CodecError(
          .missingField, offset: max(0, self.reader.position - 1),
          reason: "the required field \"\(self.name(of: plan.firstField + ordinal))\" "
            + "is missing")
      }
    }
  }

  /// Whether the innermost frame is the whole message; the content of an Any at the root isn't.
  private var isAtRoot: Bool {
    self.frames.count == 1 && self.frames.top.field < 0 && !self.frames.top.hasTypeMember
  }

  /// Handles a required field that is null and so still missing. The root may get it from the path
  /// or the query.
  @inline(never)
  private mutating func forgetRequired(
    _ ordinal: Int32, of message: Int32, offset: Int
  ) throws(CodecError) {
    let plan = self.plan.messages[message]
    let range = plan.firstRequired..<plan.firstRequired + plan.requiredCount
    guard range.contains(where: { self.plan.requiredFields[$0] == ordinal }) else { return }
    guard self.isAtRoot else {
      throw CodecError(
        .missingField, offset: offset,
        reason: "the field is required; null leaves it unset")
    }
    self.nulled.append(ordinal)
  }

  @inline(never)
  private mutating func writeEndGroup(_ field: Int32) {
    self.sink.reserve(16)
    self.sink.storeVarint(
      UInt64(self.plan.fields[field].number) << 3 | UInt64(WireType.endGroup.rawValue))
  }

  // MARK: Repeated fields

  /// Skips to the next element of an array.
  ///
  /// - Returns: false when the array has ended.
  @inline(__always)
  mutating func beginElement() throws(CodecError) -> Bool {
    if self.frames.top.isFirst {
      self.frames.top.isFirst = false
      self.reader.skipWhitespace()
      return !self.reader.take(UInt8(ascii: "]"))
    }
    return try self.nextElement()
  }

  /// Reads elements of the innermost frame, a repeated field, until one opens a frame of its own or
  /// the array ends.
  private mutating func readElements() throws(CodecError) {
    let depth = self.frames.count
    let index = self.frames.top.field
    let field = self.plan.fields.reference(to: index)
    while self.frames.count == depth {
      guard try self.beginElement() else { return self.closeFrame() }
      if self.reader.peek == UInt8(ascii: "n") && field.value.wellKnown != .value
        && !field.value.isNullValue
      {
        throw self.reader.wrongType("an element (null isn't allowed here)")
      }
      if field.value.kind == .message {
        try self.readMessage(index, field, outer: 0)
      } else {
        try self.readElement(index)
      }
    }
  }
}
