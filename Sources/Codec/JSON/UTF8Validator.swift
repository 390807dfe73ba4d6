/// Checks bytes for well-formed UTF-8 (Unicode 16, table 3-7): no overlong forms, no surrogates,
/// nothing beyond U+10FFFF.
enum UTF8Validator {
  /// The offset of the first byte of an ill-formed sequence; nil where all is well.
  static func firstFault(in start: UnsafePointer<UInt8>, count: Int) -> Int? {
    var offset = 0
    while offset < count {
      if offset &+ 8 <= count, unsafe load64(start + offset) & 0x8080_8080_8080_8080 == 0 {
        offset &+= 8
        continue
      }
      let first = unsafe start[offset]
      if first < 0x80 {
        offset &+= 1
        continue
      }
      let rest = count &- offset
      // A sequence that's cut off fails at the zero that stands in for its missing bytes.
      let second: UInt8 = rest > 1 ? unsafe start[offset &+ 1] : 0
      let third: UInt8 = rest > 2 ? unsafe start[offset &+ 2] : 0
      let fourth: UInt8 = rest > 3 ? unsafe start[offset &+ 3] : 0
      switch first {
      case 0xC2...0xDF where Self.continues(second):
        offset &+= 2
      case 0xE0 where second >= 0xA0 && second <= 0xBF && Self.continues(third):
        offset &+= 3
      case 0xED where second >= 0x80 && second <= 0x9F && Self.continues(third):
        offset &+= 3
      case 0xE1...0xEC where Self.continues(second) && Self.continues(third),
        0xEE...0xEF where Self.continues(second) && Self.continues(third):
        offset &+= 3
      case 0xF0
      where second >= 0x90 && second <= 0xBF && Self.continues(third) && Self.continues(fourth):
        offset &+= 4
      case 0xF1...0xF3
      where Self.continues(second) && Self.continues(third) && Self.continues(fourth):
        offset &+= 4
      case 0xF4
      where second >= 0x80 && second <= 0x8F && Self.continues(third) && Self.continues(fourth):
        offset &+= 4
      default:
        return offset
      }
    }
    return nil
  }

  @inline(__always)
  private static func continues(_ byte: UInt8) -> Bool {
    byte & 0xC0 == 0x80
  }
}
