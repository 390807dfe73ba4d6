internal import Codec
internal import LocalFiles

/// The file that caches an endpoint's last known schema as a `google.protobuf.FileDescriptorSet`, which
/// other tools can read and write.
struct DescriptorCache: Sendable {
  /// Absolute.
  let path: String

  /// Maximum size: the limit of a round of reflection, plus the length prefixes.
  private static let byteLimit = 40 << 20

  /// Reads the cached schema; nil if there's none.
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
        throw FileError(description: "is not a FileDescriptorSet that declares a service")
      }
      return files
    } catch {
      throw SchemaLoadError(["\(self.path): \(error)"])
    }
  }

  /// Replaces the cached schema.
  func write(_ files: ReflectedFiles) throws(FileError) {
    try Files.replace(self.path, with: files.descriptorSet)
  }
}
