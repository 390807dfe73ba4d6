/// Hashes names for the key tables, eight bytes a step; the last step may overlap the one before.
///
/// The tables are small and contain only the schema's own names, so the seed may be fixed: a sender
/// can make lookups miss, but not make them slow (the tables are open-addressed and at most half full).
enum KeyHash {
  @inline(__always)
  static func hash(_ start: UnsafePointer<UInt8>, count: Int, seed: UInt64 = 0) -> UInt64 {
    var state = seed ^ (UInt64(truncatingIfNeeded: count) &* 0x9E37_79B9_7F4A_7C15)
    if count >= 8 {
      var offset = 0
      while offset &+ 8 <= count {
        state = unsafe Self.mix(state, load64(start + offset))
        offset &+= 8
      }
      if offset < count { state = unsafe Self.mix(state, load64(start + (count &- 8))) }
    } else if count >= 4 {
      let low = unsafe UInt64(load32(start))
      let high = unsafe UInt64(load32(start + (count &- 4)))
      state = Self.mix(state, low | high << 32)
    } else if count > 0 {
      let first = unsafe UInt64(start[0])
      let middle = unsafe UInt64(start[count / 2])
      let last = unsafe UInt64(start[count &- 1])
      state = Self.mix(state, first | middle << 8 | last << 16)
    }
    return state ^ (state >> 29)
  }

  @inline(__always)
  private static func mix(_ state: UInt64, _ word: UInt64) -> UInt64 {
    let product = (state ^ word ^ 0xA076_1D64_78BD_642F).multipliedFullWidth(
      by: 0xE703_7ED1_A0B4_28DB)
    return product.high ^ product.low
  }
}

/// Loads eight bytes from `start`, which must be readable, the first one lowest.
@inline(__always)
func load64(_ start: UnsafePointer<UInt8>) -> UInt64 {
  UInt64(
    littleEndian: unsafe UnsafeRawPointer(start).loadUnaligned(as: UInt64.self))
}

/// Loads four bytes from `start`, which must be readable, the first one lowest.
@inline(__always)
func load32(_ start: UnsafePointer<UInt8>) -> UInt32 {
  UInt32(
    littleEndian: unsafe UnsafeRawPointer(start).loadUnaligned(as: UInt32.self))
}

/// Whether `count` bytes at two addresses, which must be readable, are equal.
@inline(__always)
func equalBytes(
  _ first: UnsafePointer<UInt8>, _ second: UnsafePointer<UInt8>, count: Int
) -> Bool {
  if count >= 8 {
    var offset = 0
    while offset &+ 8 <= count {
      if unsafe load64(first + offset) != load64(second + offset) { return false }
      offset &+= 8
    }
    return unsafe load64(first + (count &- 8)) == load64(second + (count &- 8))
  }
  if count >= 4 {
    return unsafe load32(first) == load32(second)
      && load32(first + (count &- 4)) == load32(second + (count &- 4))
  }
  var offset = 0
  while offset < count {
    if unsafe first[offset] != second[offset] { return false }
    offset &+= 1
  }
  return true
}
