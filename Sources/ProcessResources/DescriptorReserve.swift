internal import Glibc

/// File descriptors that are kept open for nothing, and given back when others run out: then health
/// checks and connections to endpoints still find some.
package struct DescriptorReserve {
  private var descriptors: [Int32] = []
  let count: Int

  /// - Parameter limit: how many the process may have.
  package init(limit: Int) {
    self.count = min(64, max(4, limit / 8))
  }

  /// Takes what isn't taken yet.
  ///
  /// - Returns: whether all are held, and there's another one.
  package mutating func fill() -> Bool {
    while self.descriptors.count <= self.count {
      let descriptor = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { return false }
      self.descriptors.append(descriptor)
    }
    if let spare = self.descriptors.popLast() { close(spare) }
    return true
  }

  package var isReleased: Bool { self.descriptors.isEmpty }

  /// What there's none of at present; nil where there is.
  package static func probe() -> Shortage? {
    let descriptor = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return Shortage(errno: errno) }
    close(descriptor)
    return nil
  }

  /// Gives all back.
  package mutating func release() {
    for descriptor in self.descriptors { close(descriptor) }
    self.descriptors = []
  }
}
