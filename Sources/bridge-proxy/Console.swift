internal import ArgumentParser
internal import BridgeConfiguration
internal import Codec
internal import Glibc

/// Console output: results to standard output, everything else to standard error.
enum Console {
  /// Writes lines to standard output.
  static func write(_ lines: [String]) {
    Self.write(lines, to: STDOUT_FILENO)
  }

  /// Writes a line to standard error.
  static func note(_ line: String) {
    Self.write([line], to: STDERR_FILENO)
  }

  /// Prints the errors of a configuration; returns the exit code that sysexits(3) assigns to it.
  static func refuse(_ errors: ConfigurationError) -> ExitCode {
    Self.write(errors.lines, to: STDERR_FILENO)
    return ExitCode(78)
  }

  /// One write per call, so that lines of several threads aren't interleaved. Whatever a line contains,
  /// it stays a single line without terminal escape sequences.
  private static func write(_ lines: [String], to descriptor: Int32) {
    var bytes: [UInt8] = []
    for line in lines {
      bytes.append(contentsOf: ForeignText.line(line).utf8)
      bytes.append(UInt8(ascii: "\n"))
    }
    var written = 0
    while written < bytes.count {
      let result = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(
          descriptor, buffer.baseAddress.map { unsafe $0 + written }, buffer.count - written)
      }
      // The descriptor is closed: there is nowhere to report the error.
      guard result > 0 || (result < 0 && errno == EINTR) else { return }
      written += max(0, result)
    }
  }
}

/// The process's environment.
enum ProcessEnvironment {
  /// The value of a variable; nil when it isn't set.
  static func value(of name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
  }
}
