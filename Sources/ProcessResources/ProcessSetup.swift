internal import CPlatform
internal import Glibc

/// Process-wide settings of a serving process.
package enum ProcessSetup {
  private static let ignoredOnce: Void = {
    _ = signal(SIGPIPE, SIG_IGN)
  }()

  /// Makes a write to a closed pipe or socket fail instead of terminating the process. May be called
  /// repeatedly.
  package static func ignoreBrokenPipes() {
    _ = Self.ignoredOnce
  }

  /// Raises the limit on open files and sockets to the maximum that the system allows: the usual 1024 is
  /// for old programs, and too low for the connections of a bridge.
  package static func raiseOpenFileLimit() {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    // On failure the old limit applies, and the listeners pause when it's reached.
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  /// Makes the process ignore the signals that mean "reload your files" elsewhere, and exit on SIGQUIT
  /// immediately: the runtime's handler would keep the process alive, with its port open, to print
  /// backtraces. `ProxyRunner` handles both when the bridge serves.
  package static func prepareSignals() {
    for number in [SIGHUP, SIGUSR1, SIGUSR2] { _ = signal(number, SIG_IGN) }
    _ = signal(SIGQUIT, SIG_DFL)
  }

  /// Free memory that a heap keeps for reuse: that of a body of 4 to 16 MiB, of which there are several
  /// copies at once.
  static let keptByteCount = 64 << 20
  /// Allocations up to this are reused; the largest that glibc accepts.
  private static let reusedByteCount = 32 << 20

  /// Makes malloc reuse allocations of less than 32 MiB, and keep 64 MiB of free memory. By default each
  /// buffer of 128 KiB or more is mapped anew and its pages are faulted in one by one, which costs more
  /// than transcoding its contents: a text of 4 MB takes two faults per KB, and 3 times the CPU
  /// (Benchmarks/scale.py). `MemoryReleaseSchedule` returns it.
  package static func keepLargeBuffers() {
    CPlatform_keep_memory(Int32(Self.reusedByteCount), Int32(Self.keptByteCount))
  }
}
