/// The fields set by path and query, as a tree of paths. Kept between messages to reuse its memory.
///
/// A path is open from `begin` until it's `claim`ed or abandoned, and grows by `append`. Each step
/// has constant cost however many paths there are, so the cost of a query is linear in its length:
/// the tree is one hash table of exact keys with a per-process seed, so that a client can't provoke
/// collisions.
struct BoundFieldPaths {
  /// The part of the request that set a field.
  enum Owner: UInt8 {
    case nobody
    case path
    case query
  }

  /// The steps of the open path: indices in `Plan.fields`.
  private(set) var open: [Int32] = []
  /// The node after each step of it.
  private var nodes: [Int32] = []
  /// The owner of the field of each node. The first node is the message itself.
  private var owners: [UInt8] = []
  private var table: [Entry] = []
  private var entryCount = 0
  /// Entries of other generations are free.
  private var generation: UInt32 = 0
  private let seed: UInt64

  private struct Entry: BitwiseCopyable {
    /// The parent node in the high half; in the low half a step, or the complement of a oneof's
    /// ordinal.
    var key: UInt64 = 0
    var generation: UInt32 = 0
    /// The node of the step, or the member of the oneof that is set.
    var value: Int32 = 0
  }

  init() {
    var generator = SystemRandomNumberGenerator()
    self.seed = generator.next()
  }

  /// Removes all paths. The first call allocates the table.
  mutating func removeAll() {
    self.begin()
    self.owners.removeAll(keepingCapacity: true)
    self.owners.append(Owner.nobody.rawValue)
    self.entryCount = 0
    let (next, isOver) = self.generation.addingReportingOverflow(1)
    self.generation = isOver ? 1 : next
    if isOver || self.table.isEmpty { self.table = [Entry](repeating: Entry(), count: 64) }
  }

  /// Releases memory beyond `byteCount`; its content is lost.
  mutating func shrink(to byteCount: Int) {
    if self.table.count &* MemoryLayout<Entry>.stride > byteCount { self.table = [] }
    if self.owners.capacity > byteCount { self.owners = [] }
  }

  /// Begins a path.
  mutating func begin() {
    self.open.removeAll(keepingCapacity: true)
    self.nodes.removeAll(keepingCapacity: true)
  }

  mutating func append(_ step: Int32) {
    let key = self.key(behind: self.last, Int(step))
    self.open.append(step)
    let slot = self.slot(of: key)
    if self.table[slot].generation == self.generation {
      self.nodes.append(self.table[slot].value)
      return
    }
    let node = Int32(truncatingIfNeeded: self.owners.count)
    self.owners.append(Owner.nobody.rawValue)
    self.insert(key, node, at: slot)
    self.nodes.append(node)
  }

  /// The field at the end of the open path, which must have a step.
  var leaf: Int32 { self.open[self.open.count - 1] }

  /// The owner of the field at the end of the open path.
  var owner: Owner {
    Owner(rawValue: self.owners[Int(self.last)]) ?? .nobody
  }

  /// Whether a field of the message itself (an index in `Plan.fields`), or one within it, is set.
  func hasField(_ step: Int32) -> Bool {
    guard !self.table.isEmpty else { return false }
    return self.table[self.slot(of: self.key(behind: 0, Int(step)))].generation == self.generation
  }

  /// A number that identifies the open path.
  var number: UInt64 { UInt64(truncatingIfNeeded: self.last) }

  /// The member of a oneof that is set at the step at `depth` of the open path; nil if none is.
  func member(ofOneof oneof: Int32, at depth: Int) -> Int32? {
    let slot = self.slot(of: self.key(behind: depth == 0 ? 0 : self.nodes[depth - 1], ~Int(oneof)))
    return self.table[slot].generation == self.generation ? self.table[slot].value : nil
  }

  /// Records that the open path is set, with each oneof that it has a member of.
  mutating func claim(by owner: Owner, _ plan: Plan) {
    for depth in 0..<self.open.count {
      let oneof = plan.fields[self.open[depth]].oneof
      if oneof < 0 { continue }
      let key = self.key(behind: depth == 0 ? 0 : self.nodes[depth - 1], ~Int(oneof))
      let slot = self.slot(of: key)
      if self.table[slot].generation != self.generation {
        self.insert(key, self.open[depth], at: slot)
      }
    }
    self.owners[Int(self.last)] = owner.rawValue
  }

  /// The node at the end of the open path. By index: `Array.last` allocates in unoptimized builds.
  private var last: Int32 { self.nodes.isEmpty ? 0 : self.nodes[self.nodes.count - 1] }

  // MARK: The table

  private func key(behind node: Int32, _ step: Int) -> UInt64 {
    UInt64(UInt32(bitPattern: node)) << 32 | UInt64(UInt32(truncatingIfNeeded: step))
  }

  /// The slot of a key, or the one in which to insert it.
  private func slot(of key: UInt64) -> Int {
    let product = (key ^ self.seed).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
    let mask = self.table.count - 1
    var slot = Int(truncatingIfNeeded: product.low ^ product.high) & mask
    while self.table[slot].generation == self.generation && self.table[slot].key != key {
      slot = (slot &+ 1) & mask
    }
    return slot
  }

  private mutating func insert(_ key: UInt64, _ value: Int32, at slot: Int) {
    self.table[slot] = Entry(key: key, generation: self.generation, value: value)
    self.entryCount += 1
    if self.entryCount * 2 > self.table.count { self.grow() }
  }

  private mutating func grow() {
    let entries = self.table
    self.table = [Entry](repeating: Entry(), count: entries.count * 2)
    for entry in entries where entry.generation == self.generation {
      self.table[self.slot(of: entry.key)] = entry
    }
  }
}
