internal import Glibc
internal import LocalFiles
internal import NIOCore

/// The file of a UNIX socket that this process listens on. It's removed only while it's still this
/// process's own, since another process may have replaced it.
struct SocketFile: Sendable {
  /// What exists at a socket's path before it's bound.
  enum Occupant: Equatable {
    case nothing
    /// A socket without a listener, left over from a process that has exited.
    case dead
    /// A socket with a listener, or one that this process may not connect to.
    case live
    /// Any other file; it's never removed.
    case noSocket
  }

  let path: String
  private let device: UInt64
  private let inode: UInt64

  /// Identifies the socket file that exists now; nil if the path isn't a socket.
  init?(at path: String) {
    var status = stat()
    guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
    self.path = path
    self.device = UInt64(status.st_dev)
    self.inode = UInt64(status.st_ino)
  }

  /// Removes the file if it's still this one. Call it while the socket is open: until the socket is
  /// closed, the system doesn't reuse its inode number.
  func remove() {
    guard let current = SocketFile(at: self.path), current.device == self.device,
      current.inode == self.inode
    else { return }
    _ = unsafe unlink(self.path)
  }

  /// Checks what exists at a path; tries to connect if it's a socket.
  static func occupant(of path: String) -> Occupant {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else { return errno == ENOENT ? .nothing : .live }
    guard status.st_mode & S_IFMT == S_IFSOCK else { return .noSocket }
    let descriptor = socket(
      AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0 else { return .live }
    defer { close(descriptor) }
    let result = unsafe Self.withAddress(path) { unsafe connect(descriptor, $0, $1) }
    guard let result else { return .live }
    if result == 0 { return .live }
    switch errno {
    case ECONNREFUSED: return .dead
    case ENOENT: return .nothing
    // A full queue, another kind of socket or no permission: in use.
    default: return .live
    }
  }

  /// Creates a socket that's bound to the path and doesn't listen yet. When NIO binds a socket itself,
  /// it unlinks the path on close, even if the file there by then is another process's.
  ///
  /// - Returns: the descriptor, owned by the caller.
  static func bindSocket(at path: String) throws(IOError) -> CInt {
    let descriptor = socket(
      AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
    let result = unsafe Self.withAddress(path) { unsafe Glibc.bind(descriptor, $0, $1) }
    guard result == 0 else {
      let code = result == nil ? ENAMETOOLONG : errno
      close(descriptor)
      throw IOError(errnoCode: code, reason: "bind")
    }
    return descriptor
  }

  /// Calls `body` with the address of a path and its size; nil if the path is too long.
  private static func withAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
  ) -> CInt? {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    let fits = unsafe withUnsafeMutableBytes(of: &address.sun_path) { buffer in
      guard bytes.count < buffer.count else { return false }
      unsafe buffer.copyBytes(from: bytes)
      return true
    }
    guard fits else { return nil }
    return unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        unsafe body(pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }

  /// Runs `body` while no other bridge checks, removes or binds sockets in the path's folder, so that
  /// two that start at once don't take each other's file.
  static func locked<Result: Sendable>(
    _ path: String, _ body: () async throws -> Result
  ) async throws -> Result {
    let descriptor = unsafe open(FilePaths.folder(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    // Closing gives the lock back.
    defer { if descriptor >= 0 { close(descriptor) } }
    if descriptor >= 0 {
      for _ in 0..<Self.lockAttempts {
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { break }
        try await Task.sleep(for: .milliseconds(10))
      }
    }
    return try await body()
  }

  /// One second in total; then `body` runs without the lock.
  private static let lockAttempts = 100
}
