internal import Codec
internal import LocalFiles

/// The file that keeps what an endpoint last told of its schema: a `google.protobuf.FileDescriptorSet`,
/// as other tools read and write them.
struct DescriptorCache: Sendable {
  /// Absolute.
  let path: String

  /// The most bytes that are read: what a round of reflection may bring, and the lengths in between.
  private static let byteLimit = 40 << 20

  /// What was kept; nil where nothing was.
  ///
  /// - Throws: why it can't be read.
  func read() throws(SchemaLoadError) -> ReflectedFiles? {
    do throws(FileError) {
      _ = try Files.kind(of: self.path)
    } catch {
      return nil
    }
    do throws(FileError) {
      let bytes = try Files.read(self.path, limit: Self.byteLimit)
      guard let files = try? ReflectedFiles(descriptorSet: bytes), !files.services.isEmpty else {
        throw FileError(description: "isn't a set of file descriptors that declares a service")
      }
      return files
    } catch {
      throw SchemaLoadError(["\(self.path): \(error)"])
    }
  }

  /// Keeps these instead of what is there.
  func write(_ files: ReflectedFiles) throws(FileError) {
    try Files.replace(self.path, with: files.descriptorSet)
  }
}
