internal import CVector

/// Checks bytes for well-formed UTF-8 (Unicode 16, table 3-7): no overlong forms, no surrogates,
/// nothing beyond U+10FFFF.
enum UTF8Validator {
  /// The offset of the first ill-formed sequence; nil if all bytes are well-formed.
  static func firstFault(in start: UnsafePointer<UInt8>, count: Int) -> Int? {
    let tops: UInt64 = 0x8080_8080_8080_8080
    var offset = unsafe CVector_pass_utf8(start, count)
    while offset &+ 8 <= count {
      let high = unsafe load64(start + offset) & tops
      if high == 0 {
        offset &+= 8
        continue
      }
      offset &+= high.trailingZeroBitCount >> 3
      // Runs of three-byte sequences (most of CJK), while four bytes can be loaded.
      var isRun = false
      while offset &+ 4 <= count {
        let word = unsafe load32(start + offset)
        // Lead 1110xxxx, two continuations; not E0 with a second byte below A0 (overlong), not ED
        // with one from A0 (surrogates).
        guard word & 0x00C0_C0F0 == 0x0080_80E0 else { break }
        let lead = word & 0x200F
        if lead == 0x0000 || lead == 0x200D { return offset }
        offset &+= 3
        isRun = true
      }
      if isRun { continue }
      guard let length = unsafe Self.sequence(start + offset, rest: count &- offset) else {
        return offset
      }
      offset &+= length
    }
    while offset < count {
      guard let length = unsafe Self.sequence(start + offset, rest: count &- offset) else {
        return offset
      }
      offset &+= length
    }
    return nil
  }

  /// The length of the sequence at `start`; nil if it's ill-formed.
  @inline(__always)
  private static func sequence(_ start: UnsafePointer<UInt8>, rest: Int) -> Int? {
    let first = unsafe start[0]
    if first < 0x80 { return 1 }
    // A truncated sequence is rejected because of the zeros that replace its missing bytes.
    let second: UInt8 = rest > 1 ? unsafe start[1] : 0
    if first < 0xE0 { return first >= 0xC2 && Self.continues(second) ? 2 : nil }
    let third: UInt8 = rest > 2 ? unsafe start[2] : 0
    if first < 0xF0 {
      let isInRange = first == 0xE0 ? second >= 0xA0 : first == 0xED ? second < 0xA0 : true
      return isInRange && Self.continues(second) && Self.continues(third) ? 3 : nil
    }
    let fourth: UInt8 = rest > 3 ? unsafe start[3] : 0
    let isInRange = first == 0xF0 ? second >= 0x90 : first == 0xF4 ? second < 0x90 : first < 0xF4
    return isInRange && Self.continues(second) && Self.continues(third) && Self.continues(fourth)
      ? 4 : nil
  }

  @inline(__always)
  private static func continues(_ byte: UInt8) -> Bool {
    byte & 0xC0 == 0x80
  }
}
