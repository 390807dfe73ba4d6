internal import CVector

/// Writers of JSON strings.
extension ByteSink {
  /// Stores a character as UTF-8, at most four bytes; eight are written. The caller reserves the room.
  @inline(__always)
  mutating func storeUTF8(_ scalar: Unicode.Scalar) {
    let value = UInt64(scalar.value)
    let last = value & 0x3F | 0x80
    if value < 0x80 {
      self.storeWord(value, length: 1)
    } else if value < 0x800 {
      self.storeWord(value >> 6 | 0xC0 | last << 8, length: 2)
    } else if value < 0x1_0000 {
      self.storeWord(value >> 12 | 0xE0 | (value >> 6 & 0x3F | 0x80) << 8 | last << 16, length: 3)
    } else {
      let middle = (value >> 12 & 0x3F | 0x80) << 8 | (value >> 6 & 0x3F | 0x80) << 16
      self.storeWord(value >> 18 | 0xF0 | middle | last << 24, length: 4)
    }
  }

  /// Appends a quoted string: `"`, `\` and control characters are escaped, and so are U+2028 and
  /// U+2029, which JavaScript treats as line terminators; nothing else.
  ///
  /// - Parameter readable: the number of bytes that may be loaded from `start`, at least `count`.
  /// - Returns: the offset of the first byte that isn't UTF-8, or nil.
  @inline(__always)
  mutating func appendQuoted(
    _ start: UnsafePointer<UInt8>, count: Int, readable: Int
  ) -> Int? {
    // An empty string at the end has no readable bytes.
    if count <= (readable >= 32 ? 32 : readable >= 16 ? 16 : -1) {
      self.reserve(64)
      let target = unsafe self.base + self.count
      if unsafe CVector_copy_short(target + 1, start, count) {
        unsafe target[0] = UInt8(ascii: "\"")
        unsafe target[count &+ 1] = UInt8(ascii: "\"")
        self.count &+= count &+ 2
        return nil
      }
    }
    return unsafe self.appendLongQuoted(start, count: count, readable: readable)
  }

  /// `appendQuoted` of a string that isn't short and plain.
  @inline(never)
  private mutating func appendLongQuoted(
    _ start: UnsafePointer<UInt8>, count: Int, readable: Int
  ) -> Int? {
    self.reserve(count &+ 16)
    self.storeByte(UInt8(ascii: "\""))
    var offset = unsafe CVector_copy_plain(self.base + self.count, start, count)
    self.count &+= offset
    // Plain ASCII, eight bytes at a time.
    while offset &+ 8 <= count {
      let word = unsafe load64(start + offset)
      if !Self.isPlain(word) { break }
      self.storeWord(word, length: 8)
      offset &+= 8
    }
    let rest = count &- offset
    if rest > 0 && rest < 8 && count >= 8 {
      // The last eight bytes, some of which are already stored.
      let word = unsafe load64(start + (count &- 8))
      if Self.isPlain(word) {
        self.count &-= 8 &- rest
        self.storeWord(word, length: 8)
        offset = count
      }
    } else if offset == 0 && count >= 4 && count < 8 {
      let low = unsafe load32(start)
      let high = unsafe load32(start + (count &- 4))
      if Self.isPlain(UInt64(low) | UInt64(high) << 32) {
        self.storeFixed32(low)
        self.count &-= 8 &- count
        self.storeFixed32(high)
        offset = count
      }
    }
    while offset < count {
      let byte = unsafe start[offset]
      if byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
        if let fault = unsafe self.appendDifficult(
          start, from: offset, count: count, readable: readable)
        {
          return fault
        }
        return nil
      }
      self.storeByte(byte)
      offset &+= 1
    }
    self.storeByte(UInt8(ascii: "\""))
    return nil
  }

  /// Whether eight bytes are ASCII and none of them must be escaped: a zero byte in `x` sets the
  /// top bit of that byte in (x - ones) & ~x.
  @inline(__always)
  private static func isPlain(_ word: UInt64) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    let quotes = word ^ (ones &* 0x22)
    let slashes = word ^ (ones &* 0x5C)
    let found =
      ((quotes &- ones) & ~quotes | (slashes &- ones) & ~slashes | (word &- ones &* 0x20) & ~word
        | word) & tops
    return found == 0
  }

  /// Appends the rest of a string that isn't plain ASCII, and the closing quote.
  @inline(never)
  private mutating func appendDifficult(
    _ start: UnsafePointer<UInt8>, from first: Int, count: Int, readable: Int
  ) -> Int? {
    if let fault = unsafe UTF8Validator.firstFault(in: start + first, count: count - first) {
      return first + fault
    }
    var offset = first
    while offset < count {
      offset = unsafe self.appendPlain(
        start, from: offset, count: count, readable: readable)
      guard offset < count else { break }
      self.reserve(16)
      let byte = unsafe start[offset]
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        self.storeByte(UInt8(ascii: "\\"))
        self.storeByte(byte)
      case 0x08: self.append("\\b")
      case 0x09: self.append("\\t")
      case 0x0A: self.append("\\n")
      case 0x0C: self.append("\\f")
      case 0x0D: self.append("\\r")
      case 0xE2:
        self.append(unsafe start[offset + 2] == 0xA8 ? "\\u2028" : "\\u2029")
        offset += 2
      default:
        self.append("\\u00")
        self.storeByte(Self.hexDigit(byte >> 4))
        self.storeByte(Self.hexDigit(byte & 15))
      }
      offset += 1
    }
    self.append(UInt8(ascii: "\""))
    return nil
  }

  /// Appends bytes up to the first that must be escaped, or that begins U+2028 or U+2029.
  ///
  /// - Returns: the offset at which it stopped.
  @inline(__always)
  private mutating func appendPlain(
    _ start: UnsafePointer<UInt8>, from first: Int, count: Int, readable: Int
  ) -> Int {
    self.reserve(count &- first &+ 32)
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    var offset = first
    while true {
      let copied = unsafe CVector_copy_to_escaped(
        self.base + self.count, start + offset, count &- offset, readable &- offset)
      self.count &+= copied
      offset &+= copied
      while offset &+ 8 <= count {
        let word = unsafe load64(start + offset)
        let quotes = word ^ (ones &* 0x22)
        let slashes = word ^ (ones &* 0x5C)
        let separators = word ^ (ones &* 0xE2)
        let found =
          ((quotes &- ones) & ~quotes | (slashes &- ones) & ~slashes
            | (separators &- ones) & ~separators | (word &- ones &* 0x20) & ~word) & tops
        // All eight are stored; those from the first one found are overwritten later.
        self.storeWord(word, length: 8)
        if found != 0 {
          let index = found.trailingZeroBitCount >> 3
          self.count &-= 8 &- index
          offset &+= index
          break
        }
        offset &+= 8
      }
      guard offset < count else { return offset }
      let byte = unsafe start[offset]
      if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return offset }
      if byte == 0xE2,
        unsafe offset &+ 2 < count && start[offset &+ 1] == 0x80
          && start[offset &+ 2] & 0xFE == 0xA8
      {
        return offset
      }
      self.storeByte(byte)
      offset &+= 1
    }
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}
