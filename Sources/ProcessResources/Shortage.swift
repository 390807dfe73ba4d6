internal import Glibc

/// A resource that the system has run out of, by errno.
package enum Shortage: Equatable {
  /// EMFILE: the process's file descriptors.
  case descriptors
  /// ENFILE: the file descriptors of all processes.
  case systemDescriptors
  /// ENOBUFS, ENOMEM.
  case memory

  /// Nil for other errors.
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
  /// The exhausted resource, and the limit to raise.
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
