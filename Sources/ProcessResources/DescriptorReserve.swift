internal import Glibc

/// File descriptors held in reserve and released when others run out, so that health checks and
/// connections to endpoints still get some.
package struct DescriptorReserve {
  private var descriptors: [Int32] = []
  let count: Int

  /// - Parameter limit: the process's limit.
  package init(limit: Int) {
    self.count = min(64, max(4, limit / 8))
  }

  /// Opens those not held yet.
  ///
  /// - Returns: whether all are held and another one is available.
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

  /// The resource that is currently exhausted; nil: none.
  package static func probe() -> Shortage? {
    let descriptor = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return Shortage(errno: errno) }
    close(descriptor)
    return nil
  }

  /// Releases all.
  package mutating func release() {
    for descriptor in self.descriptors { close(descriptor) }
    self.descriptors = []
  }
}
