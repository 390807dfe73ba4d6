/// The map keys that have been seen, a set for each map that's open, the innermost last.
///
/// It holds 64-bit hashes with a seed of the process, so that nobody outside can make keys collide:
/// two keys of one hash count as the same, which happens once in 2^64 pairs. Up to 16 keys are
/// compared one by one; beyond that a set is an open-addressed table, at most half full.
struct KeySets {
  /// A set that's open: where its words begin, and how it stands.
  struct Handle: BitwiseCopyable {
    var start: Int32
    var count: Int32
    /// 0 while it's a list; else the number of slots.
    var slots: Int32
  }

  let seed: UInt64
  private var words: [UInt64] = []
  private static let listLimit = 16

  init() {
    var generator = SystemRandomNumberGenerator()
    self.seed = generator.next()
  }

  mutating func removeAll() {
    self.words.removeAll(keepingCapacity: true)
  }

  /// A new, empty set behind all that are open.
  mutating func open() -> Handle {
    Handle(start: Int32(truncatingIfNeeded: self.words.count), count: 0, slots: 0)
  }

  /// Gives the room of the innermost set back.
  mutating func close(_ handle: Handle) {
    self.words.removeLast(self.words.count - Int(handle.start))
  }

  /// Adds a key's bytes to the innermost set.
  ///
  /// - Returns: whether it was there already.
  @inline(__always)
  mutating func insert(
    _ start: UnsafePointer<UInt8>, count: Int, into handle: inout Handle
  ) -> Bool {
    self.insert(hash: unsafe KeyHash.hash(start, count: count, seed: self.seed), into: &handle)
  }

  /// Adds a number as a key to the innermost set.
  mutating func insert(number: UInt64, into handle: inout Handle) -> Bool {
    let product = (number ^ self.seed).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
    return self.insert(hash: product.low ^ product.high, into: &handle)
  }

  private mutating func insert(hash: UInt64, into handle: inout Handle) -> Bool {
    // 0 marks a free slot.
    let hash = hash == 0 ? 1 : hash
    let start = Int(handle.start)
    if handle.slots == 0 {
      for index in start..<start + Int(handle.count) where self.words[index] == hash {
        return true
      }
      if handle.count < Self.listLimit {
        self.words.append(hash)
        handle.count += 1
        return false
      }
    }
    if handle.count * 2 >= handle.slots { self.grow(&handle) }
    let mask = Int(handle.slots) - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while self.words[start + slot] != 0 {
      if self.words[start + slot] == hash { return true }
      slot = (slot + 1) & mask
    }
    self.words[start + slot] = hash
    handle.count += 1
    return false
  }

  /// Makes a table, or one four times as large. It's built behind the old words and moved over them, so
  /// that memory that's there already suffices the next time.
  @inline(never)
  private mutating func grow(_ handle: inout Handle) {
    let start = Int(handle.start)
    let oldCount = self.words.count - start
    let slots = max(64, Int(handle.slots) * 4)
    self.words.reserveCapacity(self.words.count + slots)
    for _ in 0..<slots { self.words.append(0) }
    let table = start + oldCount
    let mask = slots - 1
    for index in start..<table {
      let hash = self.words[index]
      if hash == 0 { continue }
      var slot = Int(truncatingIfNeeded: hash) & mask
      while self.words[table + slot] != 0 { slot = (slot + 1) & mask }
      self.words[table + slot] = hash
    }
    for index in 0..<slots { self.words[start + index] = self.words[table + index] }
    self.words.removeLast(oldCount)
    handle.slots = Int32(slots)
  }
}
