internal import Glibc

/// File system access at load time: the kind of a path, file contents, folder entries.
///
/// Blocking calls, bounded in size; never on an event loop.
package enum Files {
  /// The kind of file that a path leads to, following symbolic links.
  package enum Kind: Sendable, Equatable {
    case file
    case folder
    /// A device, a socket, a pipe.
    case other
  }

  /// The kind of `path`; throws if nothing accessible is there.
  package static func kind(of path: String) throws(FileError) -> Kind {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { throw Self.failure() }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return .file
    case S_IFDIR: return .folder
    default: return .other
    }
  }

  /// The bytes of a regular file.
  ///
  /// - Parameter limit: maximum size in bytes; larger files are an error.
  package static func read(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
    switch try Self.kind(of: path) {
    case .file: break
    case .folder: throw FileError(description: "is a folder, not a file")
    case .other: throw FileError(description: "is not a regular file")
    }
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.failure() }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var isAtEnd = false
    while !isAtEnd {
      // A file may grow while it's read, so its size isn't queried beforehand.
      let chunk = try Self.readChunk(descriptor)
      isAtEnd = chunk.isEmpty
      bytes += chunk
      guard bytes.count <= limit else {
        throw FileError(description: "has more than \(limit) bytes")
      }
    }
    return bytes
  }

  /// The names in a folder, sorted by bytes, without those that start with a dot.
  package static func names(in folder: String) throws(FileError) -> [String] {
    guard let stream = unsafe opendir(folder) else { throw Self.failure() }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// The process's working directory.
  package static func workingFolder() -> String {
    guard let start = unsafe getcwd(nil, 0) else { return "/" }
    defer { unsafe free(start) }
    return unsafe String(cString: start)
  }

  private static func readChunk(_ descriptor: Int32) throws(FileError) -> [UInt8] {
    let size = 64 << 10
    var failed = false
    let chunk = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      let result = unsafe Glibc.read(descriptor, buffer.baseAddress, size)
      failed = result < 0
      count = max(0, result)
    }
    guard !failed else { throw Self.failure() }
    return chunk
  }

  /// The error for the current `errno`.
  static func failure() -> FileError {
    unsafe FileError(description: String(cString: strerror(errno)))
  }
}
