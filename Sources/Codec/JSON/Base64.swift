internal import CTables
internal import CVector

/// Base64 by RFC 4648: reads both alphabets with or without padding, writes the standard one padded.
enum Base64 {
  /// The number of bytes that `count` characters encode if they are valid.
  static func decodedLength(_ start: UnsafePointer<UInt8>, count: Int) -> Int {
    let length = unsafe Self.unpaddedLength(start, count: count)
    return length / 4 * 3 + max(0, length % 4 - 1)
  }

  /// The number of characters without padding: at most two `=`, and only where they fill the last
  /// group of four.
  private static func unpaddedLength(_ start: UnsafePointer<UInt8>, count: Int) -> Int {
    guard count > 0 && count % 4 == 0, unsafe start[count - 1] == UInt8(ascii: "=") else {
      return count
    }
    return unsafe start[count - 2] == UInt8(ascii: "=") ? count - 2 : count - 1
  }

  /// Decodes `count` characters into `sink`; the padding may be omitted.
  ///
  /// - Returns: the offset of the first invalid character, or nil.
  static func decode(
    _ start: UnsafePointer<UInt8>, count: Int, into sink: inout ByteSink
  ) -> Int? {
    let length = unsafe Self.unpaddedLength(start, count: count)
    if length % 4 == 1 { return count }
    sink.reserve(length / 4 * 3 + 16)
    let first = unsafe CTables_base64_decode()
    let second = unsafe first + 256
    let third = unsafe first + 512
    let fourth = unsafe first + 768
    var output = unsafe sink.base + sink.count
    // Up to eight bytes are stored beyond what's kept; there is room for them.
    var offset = unsafe CVector_decode_base64(output, start, length)
    unsafe output += offset / 4 * 3
    // Two independent groups at a time.
    while offset &+ 8 <= length {
      let word = unsafe load64(start + offset)
      let low =
        unsafe first[Int(truncatingIfNeeded: word & 0xFF)]
        | second[Int(truncatingIfNeeded: word >> 8 & 0xFF)]
        | third[Int(truncatingIfNeeded: word >> 16 & 0xFF)]
        | fourth[Int(truncatingIfNeeded: word >> 24 & 0xFF)]
      let high =
        unsafe first[Int(truncatingIfNeeded: word >> 32 & 0xFF)]
        | second[Int(truncatingIfNeeded: word >> 40 & 0xFF)]
        | third[Int(truncatingIfNeeded: word >> 48 & 0xFF)]
        | fourth[Int(truncatingIfNeeded: word >> 56)]
      if (low | high) & Self.faultBit != 0 {
        return unsafe Self.fault(in: start, from: offset, to: length)
      }
      // Eight bytes are stored and six kept; there is room for them.
      let groups = UInt64(low) | UInt64(high) << 24
      unsafe UnsafeMutableRawPointer(output).storeBytes(of: groups.littleEndian, as: UInt64.self)
      unsafe output += 6
      offset &+= 8
    }
    while offset &+ 4 <= length {
      let word = unsafe load32(start + offset)
      let group =
        unsafe first[Int(word & 0xFF)] | second[Int(word >> 8 & 0xFF)]
        | third[Int(word >> 16 & 0xFF)] | fourth[Int(word >> 24)]
      if group & Self.faultBit != 0 {
        return unsafe Self.fault(in: start, from: offset, to: length)
      }
      // Four bytes are stored and three kept; there is room for them.
      unsafe UnsafeMutableRawPointer(output).storeBytes(of: group.littleEndian, as: UInt32.self)
      unsafe output += 3
      offset &+= 4
    }
    if offset < length {
      var group = unsafe first[Int(start[offset])] | second[Int(start[offset + 1])]
      if length - offset == 3 { unsafe group |= third[Int(start[offset + 2])] }
      if group & Self.faultBit != 0 {
        return unsafe Self.fault(in: start, from: offset, to: length)
      }
      unsafe UnsafeMutableRawPointer(output).storeBytes(of: group.littleEndian, as: UInt32.self)
      unsafe output += length - offset - 1
    }
    unsafe sink.count = output - sink.base
    return nil
  }

  /// Encodes `count` bytes, padded.
  static func encode(
    _ start: UnsafePointer<UInt8>, count: Int, into sink: inout ByteSink
  ) {
    sink.reserve((count + 2) / 3 * 4)
    let table = unsafe CTables_base64_encode()
    var output = unsafe sink.base + sink.count
    var offset = unsafe CVector_encode_base64(output, start, count)
    unsafe output += offset / 3 * 4
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

  /// Set in the table entries of characters that aren't base64.
  private static let faultBit: UInt32 = 1 << 24

  @inline(never)
  private static func fault(
    in start: UnsafePointer<UInt8>, from offset: Int, to end: Int
  ) -> Int {
    for index in offset..<end
    where unsafe CTables_base64_decode()[Int(start[index])] & Self.faultBit != 0 {
      return index
    }
    return end
  }
}
