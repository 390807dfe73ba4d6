/// SHA-1 (RFC 3174) and HMAC with it (RFC 2104): what Alibaba Cloud's signatures of the registry are made
/// of. Of no use for anything that has a choice.
enum SHA1 {
  private static let blockByteCount = 64

  /// The digest, 20 bytes.
  static func digest(_ message: [UInt8]) -> [UInt8] {
    var padded = message
    padded.append(0x80)
    while padded.count % Self.blockByteCount != 56 { padded.append(0) }
    let bitCount = UInt64(message.count) * 8
    for shift in stride(from: 56, through: 0, by: -8) {
      padded.append(UInt8(truncatingIfNeeded: bitCount >> UInt64(shift)))
    }
    var state: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
    for start in stride(from: 0, to: padded.count, by: Self.blockByteCount) {
      Self.take(padded[start..<start + Self.blockByteCount], into: &state)
    }
    return state.flatMap { word in
      [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
    }
  }

  /// The keyed digest, 20 bytes.
  static func authentication(of message: [UInt8], key: [UInt8]) -> [UInt8] {
    var block = key.count > Self.blockByteCount ? Self.digest(key) : key
    block += [UInt8](repeating: 0, count: Self.blockByteCount - block.count)
    let inner = Self.digest(block.map { $0 ^ 0x36 } + message)
    return Self.digest(block.map { $0 ^ 0x5C } + inner)
  }

  /// The keyed digest in base64.
  static func signature(of message: String, key: String) -> String {
    let digest = Self.authentication(of: [UInt8](message.utf8), key: [UInt8](key.utf8))
    // 20 bytes are 27 digits; one sign of padding makes a multiple of four.
    return String(decoding: BinaryHeader.encode(digest), as: UTF8.self) + "="
  }

  private static func take(_ block: ArraySlice<UInt8>, into state: inout [UInt32]) {
    var words: [UInt32] = []
    words.reserveCapacity(80)
    for start in stride(from: block.startIndex, to: block.endIndex, by: 4) {
      words.append(block[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) })
    }
    for index in 16..<80 {
      let mixed = words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16]
      words.append(mixed << 1 | mixed >> 31)
    }
    var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
    for (index, word) in words.enumerated() {
      let (choice, constant): (UInt32, UInt32) =
        switch index {
        case 0..<20: (b & c | ~b & d, 0x5A82_7999)
        case 20..<40: (b ^ c ^ d, 0x6ED9_EBA1)
        case 40..<60: (b & c | b & d | c & d, 0x8F1B_BCDC)
        default: (b ^ c ^ d, 0xCA62_C1D6)
        }
      let next = (a << 5 | a >> 27) &+ choice &+ e &+ word &+ constant
      (a, b, c, d, e) = (next, a, b << 30 | b >> 2, c, d)
    }
    for (index, word) in [a, b, c, d, e].enumerated() { state[index] &+= word }
  }
}
