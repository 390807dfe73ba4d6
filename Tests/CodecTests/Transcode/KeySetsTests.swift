import Testing

@testable import Codec

/// Sets of map keys of each size: compared one by one, in one table, and in parts.
struct KeySetsTests {
  private static let sizes = [1, 2, 15, 16, 17, 18, 100, 8192, 8193, 50_000]

  private static func insert(
    _ key: String, into sets: inout KeySets, _ handle: inout KeySets.Handle
  ) -> Bool {
    Array(key.utf8).withUnsafeBufferPointer {
      guard let start = $0.baseAddress else { return false }
      return sets.insert(start, count: $0.count, into: &handle)
    }
  }

  /// The index of the first key known to have occurred before, at its insertion or at the end.
  private static func again(_ keys: [String], in sets: inout KeySets) -> Int? {
    var handle = sets.open()
    for (index, key) in keys.enumerated() where Self.insert(key, into: &sets, &handle) {
      sets.drop(handle)
      return index
    }
    return sets.close(handle)
  }

  @Test(arguments: sizes)
  func `distinct keys have no duplicate`(count: Int) {
    var sets = KeySets()
    #expect(Self.again((0..<count).map { "key\($0)" }, in: &sets) == nil)
    var handle = sets.open()
    for number in 0..<count where sets.insert(number: UInt64(number), into: &handle) {
      Issue.record("\(number)")
    }
    #expect(sets.close(handle) == nil)
  }

  @Test(arguments: sizes.dropFirst())
  func `a duplicate is found wherever both keys are`(count: Int) {
    var sets = KeySets()
    for (first, second) in [(0, count - 1), (0, 1), (count - 2, count - 1)] {
      var keys = (0..<count).map { "key\($0)" }
      keys[second] = keys[first]
      #expect(Self.again(keys, in: &sets) == second, "\(first) and \(second)")
    }
  }

  @Test func `a duplicate among the first sixteen keys is known at once`() {
    var sets = KeySets()
    var handle = sets.open()
    for index in 0..<15 { #expect(!Self.insert("key\(index)", into: &sets, &handle)) }
    #expect(Self.insert("key3", into: &sets, &handle))
    // Not counted.
    #expect(handle.count == 15)
    #expect(!Self.insert("key15", into: &sets, &handle))
    #expect(!Self.insert("key3", into: &sets, &handle), "left to close")
    #expect(sets.close(handle) == 16)
  }

  @Test func `an inner set doesn't see the outer one`() {
    var sets = KeySets()
    var outer = sets.open()
    for index in 0..<20 { _ = Self.insert("key\(index)", into: &sets, &outer) }
    for _ in 0..<3 {
      var inner = sets.open()
      for index in 0..<20 { #expect(!Self.insert("key\(index)", into: &sets, &inner)) }
      #expect(sets.close(inner) == nil)
    }
    #expect(!Self.insert("key20", into: &sets, &outer))
    #expect(sets.close(outer) == nil)
  }

  @Test func `a dropped set leaves no keys in the outer one`() {
    var sets = KeySets()
    var outer = sets.open()
    _ = Self.insert("a", into: &sets, &outer)
    var inner = sets.open()
    for key in ["b", "c"] { _ = Self.insert(key, into: &sets, &inner) }
    sets.drop(inner)
    for key in ["d", "e", "b", "c"] { #expect(!Self.insert(key, into: &sets, &outer), "\(key)") }
    #expect(sets.close(outer) == nil)
  }

  @Test func `keys of several owners are distinct in one set`() {
    var sets = KeySets()
    var handle = sets.open()
    let key = Array("a".utf8)
    let found = [1, 2, 1].map { owner in
      key.withUnsafeBufferPointer {
        guard let start = $0.baseAddress else { return false }
        return sets.insert(start, count: $0.count, under: UInt64(owner), into: &handle)
      }
    }
    #expect(found == [false, false, true])
    sets.drop(handle)
  }

  @Test func `sets can be used after removeAll and shrink`() {
    var sets = KeySets()
    let keys = (0..<10_000).map { "key\($0)" }
    #expect(Self.again(keys, in: &sets) == nil)
    sets.removeAll()
    #expect(Self.again(keys, in: &sets) == nil)
    sets.shrink(to: 0)
    #expect(Self.again(keys + ["key9"], in: &sets) == 10_000)
  }

  @Test func `each process has its own seed`() {
    #expect(KeySets().seed != KeySets().seed)
  }
}
