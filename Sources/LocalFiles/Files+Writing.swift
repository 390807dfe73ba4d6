internal import Glibc

/// Atomic writes: a file is complete or doesn't exist.
extension Files {
  /// Creates or replaces the file at `path`, and its folder if missing.
  ///
  /// Readers see the old file or the new one, never a part: it's written under a temporary name in the
  /// same folder, synced to disk, and renamed. Only the process's user can read it.
  ///
  /// - Parameter path: absolute.
  package static func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
    try Self.makeFolder(FilePaths.folder(of: path))
    var template = Array("\(path).XXXXXX".utf8CString)
    let descriptor = unsafe template.withUnsafeMutableBufferPointer { buffer -> Int32 in
      guard let start = buffer.baseAddress else { return -1 }
      return unsafe mkstemp(start)
    }
    guard descriptor >= 0 else { throw Self.failure() }
    let temporary = String(
      decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    do throws(FileError) {
      try Self.write(bytes, to: descriptor)
      guard unsafe rename(temporary, path) == 0 else { throw Self.failure() }
    } catch {
      _ = unsafe unlink(temporary)
      throw error
    }
  }

  /// Writes all bytes, syncs them to disk, and closes.
  private static func write(_ bytes: [UInt8], to descriptor: Int32) throws(FileError) {
    var failed: FileError?
    var written = 0
    while written < bytes.count, failed == nil {
      let result = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(
          descriptor, buffer.baseAddress.map { unsafe $0 + written }, buffer.count - written)
      }
      if result < 0, errno != EINTR { failed = Self.failure() }
      written += max(0, result)
    }
    if failed == nil, fsync(descriptor) != 0 { failed = Self.failure() }
    if close(descriptor) != 0, failed == nil { failed = Self.failure() }
    if let failed { throw failed }
  }

  /// Creates a folder and its parents.
  private static func makeFolder(_ path: String) throws(FileError) {
    if (try? Self.kind(of: path)) == .folder { return }
    if path != "/" { try Self.makeFolder(FilePaths.folder(of: path)) }
    // Another process may have created it first.
    guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else { throw Self.failure() }
  }
}
