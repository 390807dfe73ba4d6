internal import Glibc

/// What the system has run out of, by its number (errno).
package enum Shortage: Equatable {
  /// EMFILE: the process's own file descriptors.
  case descriptors
  /// ENFILE: those of all processes.
  case systemDescriptors
  /// ENOBUFS, ENOMEM.
  case memory

  /// Nil where it's no shortage.
  package init?(errno code: Int32) {
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
  package var description: String {
    switch self {
    case .descriptors:
      "out of file descriptors: the process may open \(OpenFiles.limit) (raise ulimit -n, or "
        + "LimitNOFILE= of a systemd unit)"
    case .systemDescriptors: "the system is out of file descriptors (raise fs.file-max)"
    case .memory: "the system is out of memory for sockets"
    }
  }
}
