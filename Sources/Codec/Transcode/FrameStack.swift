/// A stack of frames that an interpreter keeps between messages, so that nesting allocates nothing
/// in the steady state.
///
/// It grows by doubling; the interpreter limits how deep a message may nest. The interpreters
/// access the innermost frame for every field, so its address is kept: below the first frame is a
/// spare one, which is `top` while the stack is empty, so that no check is needed.
@safe
struct FrameStack<Frame: BitwiseCopyable>: ~Copyable {
  /// Memory for `capacity` frames, the first of them spare.
  private var base: UnsafeMutablePointer<Frame>
  private var capacity: Int
  /// Always within the memory at `base`, at most its last frame.
  private var topPointer: UnsafeMutablePointer<Frame>
  private(set) var count = 0

  /// - Parameter spare: the value of `top` while the stack is empty.
  init(spare: Frame, capacity: Int = 32) {
    self.capacity = capacity
    unsafe self.base = .allocate(capacity: capacity)
    unsafe self.base.initialize(to: spare)
    unsafe self.topPointer = self.base
  }

  deinit {
    unsafe self.base.deallocate()
  }

  mutating func removeAll() {
    self.count = 0
    unsafe self.topPointer = self.base
  }

  @inline(__always)
  mutating func push(_ frame: Frame) {
    if self.count &+ 1 == self.capacity { self.grow() }
    self.count &+= 1
    unsafe self.topPointer += 1
    unsafe self.topPointer.initialize(to: frame)
  }

  @inline(__always)
  mutating func pop() {
    precondition(self.count > 0, "no frame to pop")
    self.count &-= 1
    unsafe self.topPointer -= 1
  }

  /// The innermost frame.
  @inline(__always)
  var top: Frame {
    unsafeAddress { unsafe UnsafePointer(self.topPointer) }
    unsafeMutableAddress { unsafe self.topPointer }
  }

  /// The frame at `index`, counted from the outermost one.
  @inline(__always)
  subscript(index: Int) -> Frame {
    unsafeAddress {
      precondition(index >= 0 && index < self.count, "no such frame")
      return unsafe UnsafePointer(self.base + index + 1)
    }
    unsafeMutableAddress {
      precondition(index >= 0 && index < self.count, "no such frame")
      return unsafe self.base + index + 1
    }
  }

  @inline(never)
  private mutating func grow() {
    let grown = UnsafeMutablePointer<Frame>.allocate(capacity: self.capacity * 2)
    unsafe grown.update(from: self.base, count: self.count + 1)
    unsafe self.base.deallocate()
    unsafe self.base = grown
    unsafe self.topPointer = grown + self.count
    self.capacity *= 2
  }
}
