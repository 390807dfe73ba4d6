internal import Glibc
package import NIOSSL
internal import Synchronization

/// The certificates, key and authorities of TLS connections. Immutable.
package struct TLSContext: Sendable {
  /// Identifies the version of the files that it was loaded from.
  let fingerprint: TLSFingerprint
  package let ssl: NIOSSLContext
}

/// The context of one set of TLS settings, replaced when its files change. New connections use the
/// current one; established ones keep theirs.
package final class ReloadableTLSContext: Sendable {
  /// The section's path in the configuration: `tls`, `services.bench.tls`.
  let key: String
  package let settings: TLSSettings
  private let context: Mutex<TLSContext>

  package init(key: String, settings: TLSSettings, loaded: TLSContext) {
    self.key = key
    self.settings = settings
    self.context = Mutex(loaded)
  }

  package var current: TLSContext { self.context.withLock { $0 } }

  func replace(by context: TLSContext) {
    self.context.withLock { $0 = context }
  }
}

/// Detects file changes without reading the files: device, inode, size and times of each path.
///
/// Follows symbolic links, because Kubernetes updates a mounted secret by swapping one.
struct TLSFingerprint: Sendable, Equatable {
  private struct File: Sendable, Equatable {
    var device: UInt64
    var inode: UInt64
    var size: Int64
    /// Modification and status change times, in seconds and nanoseconds.
    var times: [Int]
  }

  /// In the order of the settings; nil: missing.
  private var files: [File?]

  /// Queries the file system. Blocking.
  init(of settings: TLSSettings) {
    let paths = [settings.authorities, settings.certificate, settings.key].compactMap { $0 }
    self.files = paths.map { path in
      var status = stat()
      guard unsafe stat(path, &status) == 0 else { return nil }
      return File(
        device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
        times: [
          status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
          status.st_ctim.tv_nsec,
        ])
    }
  }
}
