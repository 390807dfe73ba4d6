internal import CPlatform
internal import Glibc
internal import LocalFiles

/// When memory that a peak of connections or bodies has left behind goes back to the system. Pure.
///
/// The C library keeps free memory for the next large body, which is right while there are some. What's
/// resident is looked at now and then; once it stands still above what the process needs when idle,
/// the free part of it is given back. Where that brings nothing, because it's in use, the next try waits
/// longer.
package struct MemoryReleaseSchedule {
  /// How often `sampled` is to be called.
  package static let interval = Duration.seconds(5)
  /// Less than this above the idle process isn't worth it.
  private static let slack = 4 << 20
  /// What still changes by more is in use just now.
  private static let change = 1 << 20
  /// The most samples between two tries.
  private static let longestPause = 12

  private let idle: Int
  private var last: Int?
  private var pause = 1
  private var left = 0

  /// - Parameter idle: bytes that are resident when nothing has been served.
  package init(idle: Int) {
    self.idle = idle
  }

  /// - Parameter resident: in bytes, now.
  /// - Returns: whether memory is to be given back.
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

  /// It was given back.
  package mutating func released(from before: Int, to after: Int) {
    self.last = after
    self.pause = before - after >= Self.change ? 1 : min(2 * self.pause, Self.longestPause)
    self.left = self.pause
  }
}

/// The memory of this process.
package enum ProcessMemory {
  /// Bytes that are resident and no file's (proc_pid_statm(5)); nil where the system doesn't say.
  package static var residentByteCount: Int? {
    guard let bytes = try? Files.read("/proc/self/statm", limit: 4096) else { return nil }
    let fields = bytes.split(separator: UInt8(ascii: " "))
    guard fields.count > 2, let resident = Int(String(decoding: fields[1], as: UTF8.self)),
      let shared = Int(String(decoding: fields[2], as: UTF8.self))
    else { return nil }
    return (resident - shared) * sysconf(Int32(_SC_PAGESIZE))
  }

  /// Gives back what's free at the end of the calling thread's heaps.
  package static func releaseOfThread() {
    CPlatform_release_thread_memory(Int32(ProcessSetup.keptByteCount))
  }

  /// Gives back what's free elsewhere.
  package static func release() {
    CPlatform_release_memory()
  }
}
