/// Opening, closing and normalizing of messages.
extension WireToJSON {
  /// Opens a message whose bytes extend from the position to `end`; the enclosing one continues at
  /// `resume`. A type with a text form is printed at once.
  @inline(__always)
  mutating func openContent(
    of message: Int32, field: Int32, end: Int, resume: Int
  ) throws(CodecError) {
    if self.plan.messages[message].wellKnown == .none {
      try self.pushFrame(.message, message, field: field, end: end, resume: resume)
      self.sink.append(UInt8(ascii: "{"))
    } else {
      try self.openKnown(message, field: field, end: end, resume: resume)
    }
  }

  @inline(__always)
  mutating func pushFrame(
    _ kind: Frame.Kind, _ message: Int32, field: Int32, end: Int, resume: Int, group: UInt32 = 0
  ) throws(CodecError) {
    // A google.protobuf.Value has no bracket of its own.
    let isCounted = kind != .value
    let uncounted = self.frames.top.uncounted
    if isCounted, self.frames.count &- Int(uncounted) >= self.options.depthLimit {
      throw self.tooDeep()
    }
    var frame = Frame(kind: kind)
    frame.uncounted = isCounted ? uncounted : uncounted &+ 1
    // A message within a copy is in the copy too, but is itself not normalized yet.
    frame.message = message
    frame.field = field
    frame.start = self.reader.position
    frame.end = end
    frame.resume = resume
    frame.group = group
    frame.outputStart = self.sink.count
    frame.seenMark = self.seen.mark
    self.seen.open(bits: self.plan.messages[message].seenBits)
    self.frames.push(frame)
  }

  @inline(never)
  private func tooDeep() -> CodecError {
    CodecError(
      .tooDeep, offset: self.reader.position,
      reason: "messages are nested deeper than \(self.options.depthLimit)")
  }

  /// Removes the innermost frame and continues after it.
  @inline(__always)
  mutating func closeFrame() {
    let wasNormal = self.frames.top.isNormal
    let start = self.frames.top.start
    let resume = self.frames.top.resume
    self.seen.close(to: self.frames.top.seenMark)
    self.frames.pop()
    if wasNormal { self.leaveCopy(from: start) }
    self.reader.position = resume
  }

  /// Returns to the bytes of the innermost frame after a frame with a copy has been closed, and
  /// discards the copy.
  @inline(never)
  private mutating func leaveCopy(from start: Int) {
    self.arena.truncate(to: start)
    var index = self.frames.count - 1
    while index >= 0 && !self.frames[index].isNormal { index -= 1 }
    if index >= 0 {
      // The copy of an outer frame.
      self.reader = unsafe WireReader(
        start: UnsafePointer(self.arena.base), limit: self.frames[index].end)
    } else {
      self.reader = unsafe WireReader(start: self.input, limit: self.inputCount)
    }
  }

  /// Normalizes the innermost message in a copy and restarts it.
  @inline(never)
  mutating func normalize() throws(CodecError) {
    guard !self.frames.top.isNormal else {
      // Unreachable: a copy is normalized. An error is better than an endless loop.
      throw CodecError(
        .malformedWire, offset: self.reader.position, reason: "the message can't be merged")
    }
    if self.frames.top.group != 0 {
      // The end of a group is known only from its end tag.
      self.reader.position = self.frames.top.start
      self.frames.top.end = try self.reader.contentEnd(
        skipping: self.frames.top.group << 3 | UInt32(WireType.startGroup.rawValue),
        depthLimit: self.options.depthLimit)
      self.frames.top.resume = self.reader.position
      self.frames.top.group = 0
    }
    let frame = self.frames.top
    if frame.open >= 0 && self.plan.fields[frame.open].shape == .map
      || frame.kind == .structure
    {
      self.keys.drop(frame.keys)
    }
    // Copied out first: the arena may move while it's written to.
    let bytes = unsafe Array(
      UnsafeBufferPointer(
        start: self.reader.pointer(at: frame.start), count: frame.end - frame.start))
    self.copiedByteCount += bytes.count
    guard
      self.copiedByteCount <= self.inputCount * Self.copyFactor + Self.copyAllowance
    else {
      throw CodecError(
        .tooLarge, offset: self.reader.position,
        reason:
          "the message has too many nested pieces that must be merged")
    }
    let start = self.arena.count
    let normalizer = WireNormalizer(plan: self.plan, depthLimit: self.options.depthLimit)
    do throws(CodecError) {
      try normalizer.normalize(bytes, message: frame.message, into: &self.arena)
    } catch {
      throw CodecError(error.code, path: error.path, reason: error.reason)
    }
    self.frames.top.isNormal = true
    self.frames.top.start = start
    self.frames.top.end = self.arena.count
    self.reader = unsafe WireReader(
      start: UnsafePointer(self.arena.base), position: start, limit: self.arena.count)
    // Restores the state in which it was opened.
    self.sink.truncate(to: frame.outputStart)
    self.frames.top.isFirst = !frame.followsType
    self.frames.top.next = 0
    self.frames.top.open = -1
    self.frames.top.index = 0
    self.frames.top.seen = 0
    self.seen.close(to: frame.seenMark)
    self.seen.open(bits: self.plan.messages[frame.message].seenBits)
    switch frame.kind {
    case .message, .structure:
      if !frame.followsType { self.sink.append(UInt8(ascii: "{")) }
    case .list: self.sink.append(UInt8(ascii: "["))
    case .selection, .value, .knownAny: break
    }
    if frame.kind == .structure { self.frames.top.keys = self.keys.open() }
  }
}
