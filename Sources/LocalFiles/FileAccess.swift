/// Read access to a file system, which tests can replace. Blocking; never on an event loop.
package struct FileAccess: Sendable {
  /// As `Files.kind(of:)`.
  package var kind: @Sendable (_ path: String) throws(FileError) -> Files.Kind
  /// As `Files.read(_:limit:)`.
  package var read: @Sendable (_ path: String, _ limit: Int) throws(FileError) -> [UInt8]

  package init(
    kind: @escaping @Sendable (_ path: String) throws(FileError) -> Files.Kind,
    read: @escaping @Sendable (_ path: String, _ limit: Int) throws(FileError) -> [UInt8]
  ) {
    self.kind = kind
    self.read = read
  }

  /// The local file system.
  package static let local = FileAccess(
    kind: { path throws(FileError) in try Files.kind(of: path) },
    read: { path, limit throws(FileError) in try Files.read(path, limit: limit) })
}
