internal import CVector

/// Writers of the wire format. Those named `store…` reserve no room: the caller has reserved it, 16
/// bytes for any of them.
extension ByteSink {
  /// Stores the low `length` bytes of `word`, the lowest one first. Eight bytes are written.
  @inline(__always)
  mutating func storeWord(_ word: UInt64, length: Int) {
    assert(self.capacity &- self.count >= 8)
    unsafe UnsafeMutableRawPointer(self.base + self.count).storeBytes(
      of: word.littleEndian, as: UInt64.self)
    self.count &+= length
  }

  @inline(__always)
  mutating func storeByte(_ byte: UInt8) {
    assert(self.capacity > self.count)
    unsafe self.base[self.count] = byte
    self.count &+= 1
  }

  @inline(__always)
  mutating func storeFixed32(_ value: UInt32) {
    assert(self.capacity &- self.count >= 4)
    unsafe UnsafeMutableRawPointer(self.base + self.count).storeBytes(
      of: value.littleEndian, as: UInt32.self)
    self.count &+= 4
  }

  @inline(__always)
  mutating func storeFixed64(_ value: UInt64) {
    self.storeWord(value, length: 8)
  }

  /// Stores a varint, at most ten bytes.
  @inline(__always)
  mutating func storeVarint(_ value: UInt64) {
    assert(self.capacity &- self.count >= 10)
    if value < 0x80 {
      unsafe self.base[self.count] = UInt8(truncatingIfNeeded: value)
      self.count &+= 1
    } else {
      self.storeLongVarint(value)
    }
  }

  /// Stores a varint of several bytes, eight at once: its groups of seven bits are spread over bytes
  /// in halves, pairs and single ones.
  @inline(never)
  private mutating func storeLongVarint(_ value: UInt64) {
    var rest = value
    if value >= 1 << 56 {
      // Nine or ten bytes: the first two, and eight at most.
      for _ in 0..<2 {
        self.storeByte(UInt8(truncatingIfNeeded: rest) | 0x80)
        rest >>= 7
      }
    }
    var bytes = rest & 0x0FFF_FFFF | (rest & 0x00FF_FFFF_F000_0000) << 4
    bytes = bytes & 0x0000_3FFF_0000_3FFF | (bytes & 0x0FFF_C000_0FFF_C000) << 2
    bytes = bytes & 0x007F_007F_007F_007F | (bytes & 0x3F80_3F80_3F80_3F80) << 1
    let length = Self.varintLength(rest)
    let last = UInt64(truncatingIfNeeded: (length &- 1) &* 8)
    self.storeWord(bytes | 0x8080_8080_8080_8080 & ((1 &<< last) &- 1), length: length)
  }

  /// Stores the bytes of a string; the caller has reserved `count + 16` bytes. For a short string,
  /// sixteen bytes are copied, which is cheaper than a copy of variable length.
  ///
  /// - Parameter readable: the number of bytes that may be loaded from `start`, at least `count`.
  @inline(__always)
  mutating func storeString(_ start: UnsafePointer<UInt8>, count: Int, readable: Int) {
    if count <= 16 && readable >= 16 {
      let first = unsafe load64(start)
      let second = unsafe load64(start + 8)
      self.storeWord(first, length: 8)
      self.storeWord(second, length: 8)
      self.count &-= 16 &- count
    } else {
      unsafe UnsafeMutableRawPointer(self.base + self.count).copyMemory(
        from: start, byteCount: count)
      self.count &+= count
    }
  }

  /// Stores `count` bytes in steps of sixteen: up to fifteen more are loaded and stored, and the caller
  /// has reserved `count + 16`.
  @inline(__always)
  mutating func storePadded(_ start: UnsafePointer<UInt8>, count: Int) {
    assert(self.capacity &- self.count >= count &+ 16)
    let target = unsafe self.base + self.count
    var offset = 0
    repeat {
      unsafe CVector_copy_16(target + offset, start + offset)
      offset &+= 16
    } while offset < count
    self.count &+= count
  }

  /// Reserves one byte for the length of the content that follows.
  ///
  /// - Returns: the mark for `closeLength`: the offset of the content.
  @inline(__always)
  mutating func openLength() -> Int {
    self.reserve(32)
    return self.storeLengthMark()
  }

  /// The same where room is reserved already.
  @inline(__always)
  mutating func storeLengthMark() -> Int {
    assert(self.capacity > self.count)
    self.count &+= 1
    return self.count
  }

  /// Writes the length of everything after `mark`. If it doesn't fit one byte, the content moves
  /// up; inner marks must have been closed before.
  @inline(__always)
  mutating func closeLength(_ mark: Int) {
    let length = self.count &- mark
    if length < 0x80 {
      unsafe self.base[mark &- 1] = UInt8(truncatingIfNeeded: length)
    } else {
      self.closeLongLength(mark, length)
    }
  }

  @inline(never)
  private mutating func closeLongLength(_ mark: Int, _ length: Int) {
    let extra = Self.varintLength(UInt64(length)) - 1
    self.reserve(extra + 16)
    let content = unsafe UnsafeMutableRawPointer(self.base + mark)
    unsafe (content + extra).copyMemory(from: content, byteCount: length)
    // Byte by byte: the content begins right behind it.
    var rest = length
    for offset in mark &- 1..<mark &- 1 &+ extra {
      unsafe self.base[offset] = UInt8(truncatingIfNeeded: rest) | 0x80
      rest >>= 7
    }
    unsafe self.base[mark &- 1 &+ extra] = UInt8(truncatingIfNeeded: rest)
    self.count &+= extra
  }

  /// The length of a varint in bytes.
  @inline(__always)
  static func varintLength(_ value: UInt64) -> Int {
    let bits = 64 &- (value | 1).leadingZeroBitCount
    return (bits &* 9 &+ 64) >> 6
  }
}
