internal import Glibc

/// What the process does with signals that it doesn't wait for.
package enum Signals {
  private static let ignoredOnce: Void = {
    _ = signal(SIGPIPE, SIG_IGN)
  }()

  /// Makes writing to a closed pipe or socket an error of that write instead of the process's end.
  /// May be called again.
  package static func ignoreBrokenPipes() {
    _ = Self.ignoredOnce
  }
}
