/// Bytes in heap memory of exactly their size, so that AddressSanitizer detects any read beyond
/// them. An array has spare room that would hide such reads.
@safe
struct ExactBytes: ~Copyable {
  private let memory: UnsafeMutableRawBufferPointer

  init(_ bytes: some Collection<UInt8>) {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    unsafe memory.copyBytes(from: bytes)
    unsafe self.memory = memory
  }

  deinit {
    unsafe self.memory.deallocate()
  }

  var span: RawSpan {
    @_lifetime(borrow self)
    get {
      let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(self.memory))
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
}
