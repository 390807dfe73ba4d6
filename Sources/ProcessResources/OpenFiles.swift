internal import Glibc

/// The limit on open files and sockets.
package enum OpenFiles {
  /// The soft limit (RLIMIT_NOFILE); 0 if it is unknown.
  package static var limit: Int {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
      return 0
    }
    return Int(clamping: limit.rlim_cur)
  }

  /// A warning for the operator if clients may need more descriptors than allowed.
  ///
  /// - Parameters:
  ///   - perLoop: `limits.client_connections`.
  package static func warning(limit: Int, perLoop: Int, loops: Int) -> String? {
    guard limit > 0, perLoop * loops > limit else { return nil }
    return
      "limits.client_connections is \(perLoop) for each of \(loops) event loops, but the process may open only "
      + "\(limit) file descriptors; raise the limit (ulimit -n, or LimitNOFILE= of a systemd unit), or lower "
      + "client_connections"
  }
}
