internal import CPlatform
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

  /// Has the signals that mean "read your files again" elsewhere not end the process, and SIGQUIT end it at
  /// once: the runtime's handler of it would hold the process, with its port open, to print where its
  /// threads are. `ProxyRunner` takes both over when the bridge serves.
  package static func prepareSignals() {
    for number in [SIGHUP, SIGUSR1, SIGUSR2] { _ = signal(number, SIG_IGN) }
    _ = signal(SIGQUIT, SIG_DFL)
  }

  /// How much free memory a heap keeps for what comes next.
  static let keptByteCount = 16 << 20

  /// Has malloc keep memory of up to 8 MiB a piece, and 16 MiB of it when it's free. By default each
  /// buffer of 128 KiB or more is mapped anew and its pages are faulted in one by one, which costs
  /// more than transcoding what's in them: a tensor of 105 KB takes three such buffers.
  package static func keepLargeBuffers() {
    CPlatform_keep_memory(8 << 20, Int32(Self.keptByteCount))
  }
}
