internal import Glibc

/// What a process that serves changes about itself, once.
package enum ProcessSetup {
  private static let ignoredOnce: Void = {
    _ = signal(SIGPIPE, SIG_IGN)
  }()

  /// Makes writing to a closed pipe or socket an error of that write instead of the process's end.
  /// May be called again.
  package static func ignoreBrokenPipes() {
    _ = Self.ignoredOnce
  }

  /// Raises the number of files and sockets that may be open to what the system allows: the usual
  /// 1024 is what old programs need, and fewer than the connections that a bridge takes.
  package static func raiseOpenFileLimit() {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    // Where it's refused, the old limit holds, and the listeners wait when it's reached.
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
}
