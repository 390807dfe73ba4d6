/// A stack of frames that an interpreter keeps between messages, so that nesting allocates nothing
/// in the steady state.
///
/// It grows by doubling; how deep a message may nest is for the interpreter to say. Access is
/// checked.
@safe
struct FrameStack<Frame: BitwiseCopyable>: ~Copyable {
  private var base: UnsafeMutablePointer<Frame>
  private var capacity: Int
  private(set) var count = 0

  init(capacity: Int = 32) {
    self.capacity = capacity
    unsafe self.base = .allocate(capacity: capacity)
  }

  deinit {
    unsafe self.base.deallocate()
  }

  mutating func removeAll() {
    self.count = 0
  }

  @inline(__always)
  mutating func push(_ frame: Frame) {
    if self.count == self.capacity { self.grow() }
    unsafe (self.base + self.count).initialize(to: frame)
    self.count &+= 1
  }

  @inline(__always)
  mutating func pop() {
    precondition(self.count > 0, "no frame to pop")
    self.count &-= 1
  }

  /// Takes frames off until `count` are left.
  mutating func truncate(to count: Int) {
    precondition(count >= 0 && count <= self.count)
    self.count = count
  }

  /// The innermost frame.
  @inline(__always)
  var top: Frame {
    unsafeAddress {
      precondition(self.count > 0, "no frame")
      return unsafe UnsafePointer(self.base + (self.count &- 1))
    }
    unsafeMutableAddress {
      precondition(self.count > 0, "no frame")
      return unsafe self.base + (self.count &- 1)
    }
  }

  /// The frame at `index`, the outermost one first.
  @inline(__always)
  subscript(index: Int) -> Frame {
    unsafeAddress {
      precondition(index >= 0 && index < self.count, "no such frame")
      return unsafe UnsafePointer(self.base + index)
    }
    unsafeMutableAddress {
      precondition(index >= 0 && index < self.count, "no such frame")
      return unsafe self.base + index
    }
  }

  @inline(never)
  private mutating func grow() {
    let grown = UnsafeMutablePointer<Frame>.allocate(capacity: self.capacity * 2)
    unsafe grown.update(from: self.base, count: self.count)
    unsafe self.base.deallocate()
    unsafe self.base = grown
    self.capacity *= 2
  }
}
