/// The map keys seen so far, one set for each open map, the innermost last.
///
/// It stores 64-bit hashes with a per-process seed, so that a client can't provoke collisions: two
/// keys with one hash count as equal, which happens once in 2^64 pairs.
///
/// Up to 16 keys are compared one by one as they arrive. The hashes of a larger set are only
/// collected, and checked for duplicates when it's closed: then they go into a table of the right
/// size at once, and those of a very large set are first split by their highest bits into parts
/// whose tables fit the cache. So each of a million keys costs as much as each of a thousand.
struct KeySets {
  /// An open set: the index of its first hash, and their number.
  struct Handle: BitwiseCopyable {
    var start: Int32
    var count: Int32

    static var none: Handle { Handle(start: 0, count: 0) }
  }

  let seed: UInt64
  private var hashes: [UInt64] = []
  /// Tables, and the parts of a very large set. The content is meaningless between two calls.
  private var scratch: [UInt64] = []
  private static let listLimit = 16
  /// A table for this many hashes is 128 KiB and fits a second-level cache.
  private static let partLimit = 8192

  init() {
    var generator = SystemRandomNumberGenerator()
    self.seed = generator.next()
  }

  mutating func removeAll() {
    if !self.hashes.isEmpty { self.hashes.removeAll(keepingCapacity: true) }
  }

  /// Releases memory beyond `byteCount`; its content is lost.
  mutating func shrink(to byteCount: Int) {
    if self.hashes.capacity &* 8 > byteCount { self.hashes = [] }
    if self.scratch.count &* 8 > byteCount { self.scratch = [] }
  }

  /// Opens a new, empty set after all that are open.
  mutating func open() -> Handle {
    Handle(start: Int32(truncatingIfNeeded: self.hashes.count), count: 0)
  }

  /// Removes the innermost set without checking it.
  mutating func drop(_ handle: Handle) {
    self.hashes.removeLast(self.hashes.count - Int(handle.start))
  }

  /// Closes the innermost set.
  ///
  /// - Returns: the index, counted from 0, of a key that occurred before; nil if each occurs once.
  @inline(__always)
  mutating func close(_ handle: Handle) -> Int? {
    let again = handle.count > Self.listLimit ? self.findAgain(handle) : nil
    self.drop(handle)
    return again
  }

  /// Adds a key's bytes to the innermost set.
  ///
  /// - Returns: whether it's already known to have occurred before; `close` finds all duplicates.
  @inline(__always)
  mutating func insert(
    _ start: UnsafePointer<UInt8>, count: Int, into handle: inout Handle
  ) -> Bool {
    self.insert(hash: unsafe KeyHash.hash(start, count: count, seed: self.seed), into: &handle)
  }

  /// Adds a key's bytes combined with its owner, so that one set can contain the keys of several
  /// maps. Returns the same as the other `insert`.
  mutating func insert(
    _ start: UnsafePointer<UInt8>, count: Int, under owner: UInt64, into handle: inout Handle
  ) -> Bool {
    let seed = self.seed ^ owner
    return self.insert(hash: unsafe KeyHash.hash(start, count: count, seed: seed), into: &handle)
  }

  /// Adds a number as a key to the innermost set. Returns the same as the other `insert`.
  mutating func insert(number: UInt64, into handle: inout Handle) -> Bool {
    let product = (number ^ self.seed).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
    return self.insert(hash: product.low ^ product.high, into: &handle)
  }

  private mutating func insert(hash: UInt64, into handle: inout Handle) -> Bool {
    // 0 marks a free slot.
    let hash = hash == 0 ? 1 : hash
    if handle.count < Self.listLimit {
      let start = Int(handle.start)
      for index in start..<start + Int(handle.count) where self.hashes[index] == hash {
        return true
      }
    }
    self.hashes.append(hash)
    handle.count += 1
    return false
  }

  // MARK: Large sets

  @inline(never)
  private mutating func findAgain(_ handle: Handle) -> Int? {
    let count = Int(handle.count)
    // Parts of half the limit on average, so that hardly any is larger than the limit.
    var bits = 0
    while count >> bits > (bits == 0 ? Self.partLimit : Self.partLimit / 2) { bits += 1 }
    let tableSize = Self.tableSize(for: bits == 0 ? count : Self.partLimit)
    let needed = tableSize + (bits == 0 ? 0 : count)
    while self.scratch.count < needed { self.scratch.append(0) }
    let start = Int(handle.start)
    let again = unsafe self.hashes.withUnsafeBufferPointer { hashes -> UInt64? in
      let hashes = unsafe UnsafeBufferPointer(rebasing: hashes[start..<start + count])
      return unsafe self.scratch.withUnsafeMutableBufferPointer { scratch -> UInt64? in
        let table = unsafe UnsafeMutableBufferPointer(rebasing: scratch[..<tableSize])
        if bits == 0 { return unsafe Self.firstAgain(hashes, table) }
        let parts = unsafe UnsafeMutableBufferPointer(rebasing: scratch[tableSize..<needed])
        return unsafe Self.firstAgain(hashes, parts, table, bits: bits)
      }
    }
    guard let again else { return nil }
    let first = self.hashes[start...].firstIndex(of: again) ?? start
    return (self.hashes[(first + 1)...].firstIndex(of: again) ?? first) - start
  }

  private static func tableSize(for count: Int) -> Int {
    var size = 64
    while size < count * 2 { size *= 2 }
    return size
  }

  /// Inserts hashes into a table, which must have at least twice as many slots, a power of two.
  ///
  /// - Returns: a hash that occurs twice.
  private static func firstAgain(
    _ hashes: UnsafeBufferPointer<UInt64>, _ table: UnsafeMutableBufferPointer<UInt64>
  ) -> UInt64? {
    unsafe table.update(repeating: 0)
    let mask = table.count - 1
    for index in 0..<hashes.count {
      let hash = unsafe hashes[index]
      var slot = Int(truncatingIfNeeded: hash) & mask
      while true {
        let found = unsafe table[slot]
        if found == 0 { break }
        if found == hash { return hash }
        slot = (slot &+ 1) & mask
      }
      unsafe table[slot] = hash
    }
    return nil
  }

  /// Splits hashes by their highest bits into `parts`, which has as much room, and checks each part.
  private static func firstAgain(
    _ hashes: UnsafeBufferPointer<UInt64>, _ parts: UnsafeMutableBufferPointer<UInt64>,
    _ table: UnsafeMutableBufferPointer<UInt64>, bits: Int
  ) -> UInt64? {
    let shift = UInt64(64 - bits)
    // The end of each part; before that, the number of its hashes.
    var ends = [Int](repeating: 0, count: 1 << bits)
    for index in 0..<hashes.count { unsafe ends[Int(hashes[index] &>> shift)] += 1 }
    var end = 0
    for part in 0..<ends.count {
      let count = ends[part]
      ends[part] = end
      end += count
    }
    for index in 0..<hashes.count {
      let hash = unsafe hashes[index]
      let part = Int(hash &>> shift)
      unsafe parts[ends[part]] = hash
      ends[part] += 1
    }
    var start = 0
    for part in 0..<ends.count {
      let hashes = unsafe UnsafeBufferPointer(rebasing: parts[start..<ends[part]])
      start = ends[part]
      if hashes.count * 2 <= table.count {
        if let again = unsafe Self.firstAgain(hashes, table) { return again }
      } else {
        // Unevenly distributed hashes: next to impossible, and slow rather than an endless loop.
        var larger = [UInt64](repeating: 0, count: Self.tableSize(for: hashes.count))
        let again = unsafe larger.withUnsafeMutableBufferPointer {
          unsafe Self.firstAgain(hashes, $0)
        }
        if let again { return again }
      }
    }
    return nil
  }
}
