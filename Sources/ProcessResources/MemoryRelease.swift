internal import CPlatform
internal import Glibc
internal import LocalFiles

/// Decides when to return memory to the system after a peak of connections or bodies. Pure.
///
/// The C library keeps free memory for the next large body, which is right while there are some. Resident
/// memory is sampled periodically; once it's stable above the idle level, free memory is returned. If
/// that has no effect, because the memory is in use, the next attempt is delayed longer.
package struct MemoryReleaseSchedule {
  /// Interval between calls to `sampled`.
  package static let interval = Duration.seconds(5)
  /// Smaller amounts above the idle level aren't worth returning.
  private static let slack = 4 << 20
  /// A larger change between samples means that the memory is in use.
  private static let change = 1 << 20
  /// Maximum number of samples between two attempts.
  private static let longestPause = 12

  private let idle: Int
  private var last: Int?
  private var pause = 1
  private var left = 0

  /// - Parameter idle: resident bytes before anything was served.
  package init(idle: Int) {
    self.idle = idle
  }

  /// - Parameter resident: the current number of resident bytes.
  /// - Returns: whether to return memory now.
  package mutating func sampled(resident: Int) -> Bool {
    let last = self.last
    self.last = resident
    if self.left > 0 {
      self.left -= 1
      return false
    }
    guard resident > self.idle + Self.slack, let last else { return false }
    return abs(resident - last) < Self.change
  }

  /// Records that memory was returned.
  package mutating func released(from before: Int, to after: Int) {
    self.last = after
    self.pause = before - after >= Self.change ? 1 : min(2 * self.pause, Self.longestPause)
    self.left = self.pause
  }
}

/// The memory of this process.
package enum ProcessMemory {
  /// Resident bytes not backed by files (proc_pid_statm(5)); nil if unavailable.
  package static var residentByteCount: Int? {
    guard let bytes = try? Files.read("/proc/self/statm", limit: 4096) else { return nil }
    let fields = bytes.split(separator: UInt8(ascii: " "))
    guard fields.count > 2, let resident = Int(String(decoding: fields[1], as: UTF8.self)),
      let shared = Int(String(decoding: fields[2], as: UTF8.self))
    else { return nil }
    return (resident - shared) * sysconf(Int32(_SC_PAGESIZE))
  }

  /// Returns free memory at the end of the calling thread's heaps.
  package static func releaseOfThread() {
    CPlatform_release_thread_memory(Int32(ProcessSetup.keptByteCount))
  }

  /// Returns free memory elsewhere.
  package static func release() {
    CPlatform_release_memory()
  }
}
