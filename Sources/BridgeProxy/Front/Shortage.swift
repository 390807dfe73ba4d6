internal import Glibc

/// What the system has run out of, by its number (errno).
enum Shortage: Equatable {
  /// EMFILE: the process's own file descriptors.
  case descriptors
  /// ENFILE: those of all processes.
  case systemDescriptors
  /// ENOBUFS, ENOMEM.
  case memory

  /// Nil where it's no shortage.
  init?(errno code: Int32) {
    switch code {
    case EMFILE: self = .descriptors
    case ENFILE: self = .systemDescriptors
    case ENOBUFS, ENOMEM: self = .memory
    default: return nil
    }
  }
}

extension Shortage: CustomStringConvertible {
  /// What ran out, and what to raise.
  var description: String {
    switch self {
    case .descriptors:
      "out of file descriptors: the process may open \(OpenFiles.limit) (raise ulimit -n, or "
        + "LimitNOFILE= of a systemd unit)"
    case .systemDescriptors: "the system is out of file descriptors (raise fs.file-max)"
    case .memory: "the system is out of memory for sockets"
    }
  }
}

/// How many files and sockets the process may have open.
package enum OpenFiles {
  /// The soft limit; 0 where it can't be told.
  package static var limit: Int {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
      return 0
    }
    return Int(clamping: limit.rlim_cur)
  }

  /// What a person should know whose clients may need more than there are.
  ///
  /// - Parameters:
  ///   - perLoop: `limits.client_connections`.
  package static func warning(limit: Int, perLoop: Int, loops: Int) -> String? {
    guard limit > 0, perLoop * loops > limit else { return nil }
    return
      "limits.client_connections is \(perLoop) for each of \(loops) event loops, and the process may open "
      + "\(limit) file descriptors; raise that (ulimit -n, or LimitNOFILE= of a systemd unit), or lower "
      + "client_connections"
  }
}

/// File descriptors that are kept open for nothing, and given back when others run out: then health
/// checks and connections to endpoints still find some.
struct DescriptorReserve {
  private var descriptors: [Int32] = []
  let count: Int

  /// - Parameter limit: how many the process may have.
  init(limit: Int) {
    self.count = min(64, max(4, limit / 8))
  }

  /// Takes what isn't taken yet.
  ///
  /// - Returns: whether all are held, and there's another one.
  mutating func fill() -> Bool {
    while self.descriptors.count <= self.count {
      let descriptor = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { return false }
      self.descriptors.append(descriptor)
    }
    if let spare = self.descriptors.popLast() { close(spare) }
    return true
  }

  var isReleased: Bool { self.descriptors.isEmpty }

  /// What there's none of at present; nil where there is.
  static func probe() -> Shortage? {
    let descriptor = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return Shortage(errno: errno) }
    close(descriptor)
    return nil
  }

  /// Gives all back.
  mutating func release() {
    for descriptor in self.descriptors { close(descriptor) }
    self.descriptors = []
  }
}
