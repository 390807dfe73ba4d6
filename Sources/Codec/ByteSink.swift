/// A growable byte buffer that the transcoders write to and reuse for the next message.
///
/// It owns its memory, grows by doubling, and `removeAll` keeps the capacity, so that a sink in the
/// steady state allocates nothing. Writers reserve room once (`reserve`) and then store without
/// checking again; each `store…` function states that in its contract.
@safe
package struct ByteSink: ~Copyable {
  /// The address of the bytes. Never nil: a sink always has some capacity.
  @usableFromInline
  var base: UnsafeMutablePointer<UInt8>
  package private(set) var capacity: Int
  package internal(set) var count: Int

  package init(capacity: Int = 1024) {
    self.capacity = max(64, capacity)
    unsafe self.base = .allocate(capacity: self.capacity)
    self.count = 0
  }

  deinit {
    unsafe self.base.deallocate()
  }

  /// Removes all bytes and keeps the memory.
  @inline(__always)
  package mutating func removeAll() {
    self.count = 0
  }

  /// Removes everything after the first `count` bytes. `count` must not exceed the current count.
  package mutating func truncate(to count: Int) {
    precondition(count >= 0 && count <= self.count)
    self.count = count
  }

  /// Releases memory if one large message has grown the sink beyond `limit` bytes. The content is lost.
  package mutating func shrink(to limit: Int) {
    guard self.capacity > limit else { return }
    self.count = 0
    unsafe self.base.deallocate()
    self.capacity = max(64, limit)
    unsafe self.base = .allocate(capacity: self.capacity)
  }

  /// The bytes written so far, valid until the sink is changed.
  package var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(self.base), byteCount: self.count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Makes room for `byteCount` more bytes.
  @inline(__always)
  package mutating func reserve(_ byteCount: Int) {
    if self.capacity &- self.count < byteCount { self.grow(by: byteCount) }
  }

  @inline(never)
  private mutating func grow(by byteCount: Int) {
    let needed = self.count + byteCount
    let capacity = max(self.capacity * 2, needed)
    let grown = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    unsafe grown.update(from: self.base, count: self.count)
    unsafe self.base.deallocate()
    unsafe self.base = grown
    self.capacity = capacity
  }

  /// Appends one byte.
  @inline(__always)
  package mutating func append(_ byte: UInt8) {
    self.reserve(1)
    unsafe self.base[self.count] = byte
    self.count &+= 1
  }

  /// Appends bytes.
  package mutating func append(_ bytes: RawSpan) {
    let byteCount = bytes.byteCount
    guard byteCount > 0 else { return }
    self.reserve(byteCount)
    unsafe bytes.withUnsafeBytes { source in
      guard let start = source.baseAddress else { return }
      unsafe UnsafeMutableRawPointer(self.base + self.count).copyMemory(
        from: start, byteCount: byteCount)
    }
    self.count &+= byteCount
  }

  /// Appends the bytes of a literal.
  package mutating func append(_ text: StaticString) {
    unsafe self.append(start: text.utf8Start, count: text.utf8CodeUnitCount)
  }

  /// Appends the UTF-8 of a string. For rare paths only (errors, names), never per field.
  package mutating func append(string: String) {
    for byte in string.utf8 { self.append(byte) }
  }

  /// Overwrites the byte at `offset`, which must have been written.
  package mutating func set(_ byte: UInt8, at offset: Int) {
    precondition(offset >= 0 && offset < self.count)
    unsafe self.base[offset] = byte
  }

  /// Appends `count` bytes from `start`, which the caller guarantees to be readable.
  @inline(__always)
  mutating func append(start: UnsafePointer<UInt8>, count: Int) {
    self.reserve(count)
    unsafe UnsafeMutableRawPointer(self.base + self.count).copyMemory(from: start, byteCount: count)
    self.count &+= count
  }
}

extension ByteSink {
  /// A copy of the bytes.
  package var array: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(self.count)
    for index in 0..<self.count { bytes.append(self.bytes[index]) }
    return bytes
  }
}
