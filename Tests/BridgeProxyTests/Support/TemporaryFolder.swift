import Glibc

/// A folder of its own for one test, deleted with everything in it when the value goes.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/bridge-test-XXXXXX".utf8CString)
    let created = template.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
    }
    guard let created else { throw TemporaryFolderError(step: "mkdtemp", code: errno) }
    self.path = created
  }

  deinit {
    Self.delete(self.path)
  }

  /// Writes a file, its folders included; gives its absolute path.
  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    var folder = self.path
    for part in name.split(separator: "/").dropLast() {
      folder += "/" + part
      mkdir(folder, 0o700)
    }
    let path = self.path + "/" + name
    guard let file = fopen(path, "w") else {
      throw TemporaryFolderError(step: "fopen", code: errno)
    }
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
    return path
  }

  @discardableResult
  func write(_ name: String, _ text: String) throws -> String {
    try self.write(name, Array(text.utf8))
  }

  /// Writes a file that can be run.
  func writeProgram(_ name: String, _ text: String) throws {
    chmod(try self.write(name, text), 0o700)
  }

  private static func delete(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      unlink(path)
      return
    }
    if let stream = opendir(path) {
      while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
          String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != "." && name != ".." { Self.delete(path + "/" + name) }
      }
      closedir(stream)
    }
    rmdir(path)
  }
}

struct TemporaryFolderError: Error {
  var step: String
  var code: Int32
}
