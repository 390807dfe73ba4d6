internal import CTables

/// Base64 by RFC 4648: reads both alphabets with or without padding, writes the standard one with.
enum Base64 {
  /// How many bytes `count` characters stand for, if they are right.
  static func decodedLength(_ start: UnsafePointer<UInt8>, count: Int) -> Int {
    let length = unsafe Self.unpaddedLength(start, count: count)
    return length / 4 * 3 + max(0, length % 4 - 1)
  }

  /// How many characters there are without padding: at most two signs of it, and only where they
  /// fill the last group of four.
  private static func unpaddedLength(_ start: UnsafePointer<UInt8>, count: Int) -> Int {
    guard count > 0 && count % 4 == 0, unsafe start[count - 1] == UInt8(ascii: "=") else {
      return count
    }
    return unsafe start[count - 2] == UInt8(ascii: "=") ? count - 2 : count - 1
  }

  /// Reads `count` characters into `sink`; the padding may be left out.
  ///
  /// - Returns: the offset of the first character at fault, or nil.
  static func decode(
    _ start: UnsafePointer<UInt8>, count: Int, into sink: inout ByteSink
  ) -> Int? {
    let length = unsafe Self.unpaddedLength(start, count: count)
    if length % 4 == 1 { return count }
    sink.reserve(length / 4 * 3 + 8)
    let table = unsafe CTables_base64_decode()
    var offset = 0
    var output = unsafe sink.base + sink.count
    while offset &+ 4 <= length {
      let first = unsafe UInt32(table[Int(start[offset])])
      let second = unsafe UInt32(table[Int(start[offset &+ 1])])
      let third = unsafe UInt32(table[Int(start[offset &+ 2])])
      let fourth = unsafe UInt32(table[Int(start[offset &+ 3])])
      if (first | second | third | fourth) & 0x80 != 0 {
        return unsafe Self.fault(in: start, from: offset, to: length)
      }
      let group = first << 18 | second << 12 | third << 6 | fourth
      unsafe output[0] = UInt8(truncatingIfNeeded: group >> 16)
      unsafe output[1] = UInt8(truncatingIfNeeded: group >> 8)
      unsafe output[2] = UInt8(truncatingIfNeeded: group)
      unsafe output += 3
      offset &+= 4
    }
    if offset < length {
      let first = unsafe UInt32(table[Int(start[offset])])
      let second = unsafe UInt32(table[Int(start[offset + 1])])
      let third = unsafe length - offset == 3 ? UInt32(table[Int(start[offset + 2])]) : 0
      if (first | second | third) & 0x80 != 0 {
        return unsafe Self.fault(in: start, from: offset, to: length)
      }
      let group = first << 18 | second << 12 | third << 6
      unsafe output[0] = UInt8(truncatingIfNeeded: group >> 16)
      unsafe output += 1
      if length - offset == 3 {
        unsafe output[0] = UInt8(truncatingIfNeeded: group >> 8)
        unsafe output += 1
      }
    }
    unsafe sink.count = output - sink.base
    return nil
  }

  /// Writes `count` bytes as characters, padded.
  static func encode(
    _ start: UnsafePointer<UInt8>, count: Int, into sink: inout ByteSink
  ) {
    sink.reserve((count + 2) / 3 * 4)
    let table = unsafe CTables_base64_encode()
    var output = unsafe sink.base + sink.count
    var offset = 0
    while offset &+ 3 <= count {
      let group =
        unsafe Int(start[offset]) << 16 | Int(start[offset &+ 1]) << 8
        | Int(start[offset &+ 2])
      unsafe UnsafeMutableRawPointer(output).storeBytes(
        of: table[group >> 12], toByteOffset: 0, as: UInt16.self)
      unsafe UnsafeMutableRawPointer(output).storeBytes(
        of: table[group & 0xFFF], toByteOffset: 2, as: UInt16.self)
      unsafe output += 4
      offset &+= 3
    }
    if offset < count {
      let first = unsafe Int(start[offset])
      let second = unsafe offset + 1 < count ? Int(start[offset + 1]) : 0
      let group = first << 16 | second << 8
      unsafe UnsafeMutableRawPointer(output).storeBytes(
        of: table[group >> 12], toByteOffset: 0, as: UInt16.self)
      unsafe UnsafeMutableRawPointer(output).storeBytes(
        of: table[group & 0xFFF], toByteOffset: 2, as: UInt16.self)
      if offset + 1 == count { unsafe output[2] = UInt8(ascii: "=") }
      unsafe output[3] = UInt8(ascii: "=")
      unsafe output += 4
    }
    unsafe sink.count = output - sink.base
  }

  @inline(never)
  private static func fault(
    in start: UnsafePointer<UInt8>, from offset: Int, to end: Int
  ) -> Int {
    for index in offset..<end where unsafe CTables_base64_decode()[Int(start[index])] == 0xFF {
      return index
    }
    return end
  }
}
