/// The text form of google.protobuf.FieldMask: paths in lowerCamelCase, separated by commas.
enum FieldMaskText {
  /// Writes the paths of a text as repeated field 1, in snake_case. Accepts exactly what
  /// `append(path:)` prints: no path may be empty or have an underscore, a quote, a backslash, or a
  /// character that isn't printable ASCII. `*` and the like are left to the endpoint (AIP-134).
  ///
  /// - Parameter takesSnakeCase: whether a path may have underscores; such a path consists of proto
  ///   names and is written unchanged.
  /// - Returns: whether the text is a field mask. If not, the bytes written so far are undefined.
  static func write(
    _ start: UnsafePointer<UInt8>, count: Int, takesSnakeCase: Bool = false,
    into sink: inout ByteSink
  ) -> Bool {
    if count == 0 { return true }
    var offset = 0
    while true {
      let isSnakeCase = unsafe takesSnakeCase && Self.hasUnderscore(start, count, from: offset)
      sink.reserve(32)
      sink.storeByte(0x0A)
      let mark = sink.openLength()
      while offset < count, unsafe start[offset] != UInt8(ascii: ",") {
        let byte = unsafe start[offset]
        switch byte {
        case UInt8(ascii: "_") where isSnakeCase,
          UInt8(ascii: "A")...UInt8(ascii: "Z") where isSnakeCase:
          sink.append(byte)
        case UInt8(ascii: "A")...UInt8(ascii: "Z"):
          sink.append(UInt8(ascii: "_"))
          sink.append(byte | 0x20)
        case UInt8(ascii: "_"), UInt8(ascii: "\""), UInt8(ascii: "\\"), 0..<0x20, 0x7F...:
          return false
        default:
          sink.append(byte)
        }
        offset += 1
      }
      if sink.count == mark { return false }
      sink.closeLength(mark)
      if offset == count { return true }
      offset += 1
    }
  }

  /// Whether the path at `offset` has an underscore.
  private static func hasUnderscore(
    _ start: UnsafePointer<UInt8>, _ count: Int, from offset: Int
  ) -> Bool {
    var offset = offset
    while offset < count, unsafe start[offset] != UInt8(ascii: ",") {
      if unsafe start[offset] == UInt8(ascii: "_") { return true }
      offset += 1
    }
    return false
  }

  /// Writes one path in lowerCamelCase.
  ///
  /// - Returns: false if the reverse conversion wouldn't give the same path: a capital, or an
  ///   underscore without a lowercase letter after it.
  static func append(
    path start: UnsafePointer<UInt8>, count: Int, into sink: inout ByteSink
  ) -> Bool {
    var offset = 0
    while offset < count {
      let byte = unsafe start[offset]
      offset += 1
      switch byte {
      case UInt8(ascii: "_"):
        guard offset < count else { return false }
        let next = unsafe start[offset]
        guard next >= UInt8(ascii: "a") && next <= UInt8(ascii: "z") else { return false }
        sink.append(next & ~0x20)
        offset += 1
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: ","), UInt8(ascii: "\""),
        UInt8(ascii: "\\"), 0..<0x20, 0x7F...:
        return false
      default:
        sink.append(byte)
      }
    }
    return true
  }
}
