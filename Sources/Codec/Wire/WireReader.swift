/// Reads the wire format forwards: tags, varints, fixed words, lengths, skipping.
///
/// A view of the input for one run, which neither owns nor copies it. `position` never exceeds
/// `limit`, and every load is checked against it.
@safe
struct WireReader {
  private(set) var base: UnsafePointer<UInt8>
  /// The end of the readable bytes.
  private(set) var limit: Int
  var position: Int

  /// Views the bytes from `start`; `limit` of them must stay readable.
  init(start: UnsafePointer<UInt8>, position: Int = 0, limit: Int) {
    unsafe self.base = start
    self.limit = limit
    self.position = position
  }

  @inline(__always)
  func pointer(at offset: Int) -> UnsafePointer<UInt8> {
    assert(offset >= 0 && offset <= self.limit)
    return unsafe self.base + offset
  }

  /// Reads a varint of at most ten bytes; bits beyond 64 are dropped, as in Protobuf.
  @inline(__always)
  mutating func varint() throws(CodecError) -> UInt64 {
    if self.position < self.limit {
      let first = unsafe self.base[self.position]
      if first < 0x80 {
        self.position &+= 1
        return UInt64(first)
      }
    }
    return try self.longVarint()
  }

  /// Reads a varint of several bytes: up to eight at once, if that many can be loaded.
  @inline(never)
  private mutating func longVarint() throws(CodecError) -> UInt64 {
    if self.limit &- self.position >= 8 {
      let word = unsafe load64(self.base + self.position)
      let ends = ~word & 0x8080_8080_8080_8080
      if ends != 0 {
        self.position &+= (ends.trailingZeroBitCount >> 3) &+ 1
        // Everything up to the first byte without its top bit; then seven bits of each byte are
        // packed together in pairs, fours and eights.
        var bits = word & (ends ^ (ends &- 1)) & 0x7F7F_7F7F_7F7F_7F7F
        bits = bits & 0x007F_007F_007F_007F | (bits & 0x7F00_7F00_7F00_7F00) >> 1
        bits = bits & 0x0000_3FFF_0000_3FFF | (bits & 0x3FFF_0000_3FFF_0000) >> 2
        return bits & 0x0000_0000_0FFF_FFFF | (bits & 0x0FFF_FFFF_0000_0000) >> 4
      }
    }
    return try self.longestVarint()
  }

  @inline(never)
  private mutating func longestVarint() throws(CodecError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    var offset = self.position
    while shift < 70 {
      guard offset < self.limit else { throw self.truncated() }
      let byte = unsafe self.base[offset]
      offset &+= 1
      value |= shift < 64 ? UInt64(byte & 0x7F) << shift : 0
      if byte < 0x80 {
        self.position = offset
        return value
      }
      shift &+= 7
    }
    throw CodecError(
      .malformedWire, offset: self.position, reason: "a varint of more than ten bytes")
  }

  /// Reads a tag: field number and wire type. The number is between 1 and 2^29 - 1.
  @inline(__always)
  mutating func tag() throws(CodecError) -> UInt32 {
    if self.position < self.limit {
      let first = unsafe self.base[self.position]
      if first < 0x80 && first >= 8 {
        self.position &+= 1
        return UInt32(first)
      }
    }
    return try self.longTag()
  }

  /// Skips this tag if it's next and takes one byte.
  @inline(__always)
  mutating func takeShortTag(_ tag: UInt32) -> Bool {
    // A first byte of 0x80 or above is that of a longer tag.
    guard self.position < self.limit, unsafe UInt32(self.base[self.position]) == tag, tag < 0x80
    else { return false }
    self.position &+= 1
    return true
  }

  @inline(never)
  private mutating func longTag() throws(CodecError) -> UInt32 {
    let start = self.position
    // Numbers from 16 to 2047 take two bytes.
    if start &+ 1 < self.limit {
      let first = unsafe self.base[start]
      let second = unsafe self.base[start &+ 1]
      if first >= 0x80 && second < 0x80 && second > 0 {
        self.position = start &+ 2
        return UInt32(first & 0x7F) | UInt32(second) << 7
      }
    }
    let value = try self.longVarint()
    guard value >> 3 >= 1, value < 1 << 32, self.position &- start <= 5 else {
      throw CodecError(
        .malformedWire, offset: start, reason: "a tag without a field number, or one too large")
    }
    return UInt32(value)
  }

  @inline(__always)
  mutating func fixed32() throws(CodecError) -> UInt32 {
    guard self.limit &- self.position >= 4 else { throw self.truncated() }
    let value = unsafe load32(self.base + self.position)
    self.position &+= 4
    return value
  }

  @inline(__always)
  mutating func fixed64() throws(CodecError) -> UInt64 {
    guard self.limit &- self.position >= 8 else { throw self.truncated() }
    let value = unsafe load64(self.base + self.position)
    self.position &+= 8
    return value
  }

  /// Reads the length of the content that follows; the content must end at or before `limit`.
  @inline(__always)
  mutating func length() throws(CodecError) -> Int {
    let value = try self.varint()
    guard value <= UInt64(self.limit &- self.position) else { throw self.truncated() }
    return Int(truncatingIfNeeded: value)
  }

  /// Skips the value after a tag. Groups may nest `depthLimit` deep.
  mutating func skip(tag: UInt32, depthLimit: Int) throws(CodecError) {
    _ = try self.contentEnd(skipping: tag, depthLimit: depthLimit)
  }

  /// Skips the value after a tag.
  ///
  /// - Returns: the end of its content. That of a group is followed by its end tag, which may be
  ///   encoded in more bytes than necessary.
  mutating func contentEnd(skipping tag: UInt32, depthLimit: Int) throws(CodecError) -> Int {
    // The field numbers of the open groups.
    var groups: [UInt32] = []
    var tag = tag
    var start = self.position
    while true {
      switch WireType(rawValue: UInt8(tag & 7)) {
      case .varint: _ = try self.varint()
      case .fixed64: _ = try self.fixed64()
      case .fixed32: _ = try self.fixed32()
      case .lengthDelimited:
        let length = try self.length()
        self.position &+= length
      case .startGroup:
        guard groups.count < depthLimit else {
          throw CodecError(
            .tooDeep, offset: self.position, reason: "groups are nested deeper than the limit")
        }
        groups.append(tag >> 3)
      case .endGroup:
        guard groups.popLast() == tag >> 3 else {
          throw CodecError(
            .malformedWire, offset: self.position, reason: "an end-group tag without an open group")
        }
      case nil:
        throw CodecError(
          .malformedWire, offset: self.position, reason: "wire type \(tag & 7) doesn't exist")
      }
      if groups.isEmpty { return tag & 7 == 4 ? start : self.position }
      start = self.position
      tag = try self.tag()
    }
  }

  @inline(never)
  func truncated() -> CodecError {
    CodecError(.malformedWire, offset: self.position, reason: "the message ends too early")
  }
}
