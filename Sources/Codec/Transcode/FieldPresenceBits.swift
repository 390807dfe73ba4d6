/// The fields and oneofs seen in the open messages: one bit each, one run of words per message, the
/// innermost message last.
///
/// The first 64 bits of a message are kept in its frame, where most messages need no more; the rest
/// is here.
struct FieldPresenceBits {
  /// As many words as were ever open at once; those from `count` on are free.
  private var words: [UInt64] = []
  private var count = 0

  /// The index at which the words of the next opened message begin.
  var mark: Int32 { Int32(truncatingIfNeeded: self.count) }

  mutating func removeAll() {
    self.count = 0
  }

  /// Makes room for a message with this many bits; none is needed for 64 or fewer.
  @inline(__always)
  mutating func open(bits: Int) {
    if bits > 64 { self.openWords((bits &- 1) / 64) }
  }

  @inline(never)
  private mutating func openWords(_ count: Int) {
    let start = self.count
    self.count += count
    while self.words.count < self.count { self.words.append(0) }
    unsafe self.words.withUnsafeMutableBufferPointer { words in
      unsafe UnsafeMutableBufferPointer(rebasing: words[start..<start + count])
        .update(repeating: 0)
    }
  }

  /// Releases the words of the innermost message.
  @inline(__always)
  mutating func close(to mark: Int32) {
    self.count = Int(mark)
  }

  /// Sets a bit, in `first` or in the words that begin at `mark`.
  ///
  /// - Returns: whether it was set before.
  @inline(__always)
  mutating func insert(_ bit: Int32, first: inout UInt64, mark: Int32) -> Bool {
    if bit < 64 {
      let mask: UInt64 = 1 &<< UInt64(truncatingIfNeeded: bit)
      let wasSet = first & mask != 0
      first |= mask
      return wasSet
    }
    return self.insertLate(bit, mark: mark)
  }

  @inline(never)
  private mutating func insertLate(_ bit: Int32, mark: Int32) -> Bool {
    let index = Int(mark) + Int(bit) / 64 - 1
    let mask: UInt64 = 1 << UInt64(bit % 64)
    let wasSet = self.words[index] & mask != 0
    self.words[index] |= mask
    return wasSet
  }

  /// Whether a bit is set.
  func contains(_ bit: Int32, first: UInt64, mark: Int32) -> Bool {
    if bit < 64 { return first & (1 << UInt64(bit)) != 0 }
    return self.words[Int(mark) + Int(bit) / 64 - 1] & (1 << UInt64(bit % 64)) != 0
  }
}
