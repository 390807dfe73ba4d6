internal import Glibc
package import NIOSSL
internal import Synchronization

/// What connections are made with: certificates, a key, authorities. Frozen.
package struct TLSContext: Sendable {
  /// The files that it was read from.
  let fingerprint: TLSFingerprint
  package let ssl: NIOSSLContext
}

/// The context of one set of TLS settings, replaced when its files change. New connections take what
/// is there then; those that are up go on with what they have.
package final class ReloadableTLSContext: Sendable {
  /// The key's path in the configuration: `tls`, `services.bench.tls`.
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

/// What tells whether files have changed without reading them: device, inode, size and times of what
/// their paths lead to.
///
/// Symbolic links are followed, because Kubernetes changes a mounted secret by swapping one.
struct TLSFingerprint: Sendable, Equatable {
  private struct File: Sendable, Equatable {
    var device: UInt64
    var inode: UInt64
    var size: Int64
    /// Of the content and of the inode, in seconds and nanoseconds.
    var times: [Int]
  }

  /// In the order of the settings; nil: not there.
  private var files: [File?]

  /// Asks the file system. Blocking.
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
