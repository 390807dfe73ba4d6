package import Codec
internal import LocalFiles

/// Loads the schemas of one service: from paths to an immutable `Schema`.
///
/// Descriptor sets are read directly, `.proto` sources are compiled with `protoc` in one run. Blocks on
/// the file system: never call it on an event loop.
package struct SchemaLoader: Sendable {
  /// Maximum size of one descriptor set. Stops a wrong path from filling memory.
  private static let descriptorSetByteLimit = 64 << 20

  private let compiler: ProtocCompiler

  package init(compiler: ProtocCompiler = ProtocCompiler()) {
    self.compiler = compiler
  }

  /// Loads `.proto` files, descriptor sets, and folders of them.
  ///
  /// - Parameters:
  ///   - paths: absolute paths.
  ///   - importPaths: absolute folders in which imports are resolved first.
  /// - Throws: all errors that one step can find; those of one step hide those of the next (files, then
  ///   `protoc`, then linking).
  package func load(
    _ paths: [String], importPaths: [String] = []
  ) async throws(SchemaLoadError) -> Schema {
    let sources = try SchemaSources(paths: paths, importPaths: importPaths)
    var builder = SchemaBuilder()
    var faults: [String] = []
    for path in sources.descriptorSets {
      do throws(SchemaLoadError) {
        try Self.add(try Self.read(path), source: path, to: &builder)
      } catch {
        faults += error.faults
      }
    }
    if !sources.protos.isEmpty {
      do throws(SchemaLoadError) {
        let set = try await self.compiler.compile(sources, builtIns: BuiltInSchemas.bytes)
        try Self.add(set, source: "protoc's result", to: &builder)
      } catch {
        faults += error.faults
      }
    }
    guard faults.isEmpty else { throw SchemaLoadError(faults) }
    return try Self.build(builder)
  }

  /// Builds the schema of a descriptor set in memory.
  ///
  /// - Parameter source: its origin, for messages.
  package static func schema(
    of descriptorSet: [UInt8], source: String
  ) throws(SchemaLoadError) -> Schema {
    var builder = SchemaBuilder()
    try Self.add(descriptorSet, source: source, to: &builder)
    return try Self.build(builder)
  }

  private static func build(
    _ builder: consuming SchemaBuilder
  ) throws(SchemaLoadError) -> Schema {
    do throws(SchemaError) {
      return try builder.build()
    } catch {
      throw SchemaLoadError([error.description])
    }
  }

  private static func read(_ path: String) throws(SchemaLoadError) -> [UInt8] {
    do throws(FileError) {
      return try Files.read(path, limit: Self.descriptorSetByteLimit)
    } catch {
      throw SchemaLoadError(["\(path): \(error)"])
    }
  }

  private static func add(
    _ bytes: [UInt8], source: String, to builder: inout SchemaBuilder
  ) throws(SchemaLoadError) {
    do throws(SchemaError) {
      try unsafe builder.add(descriptorSet: bytes.span.bytes, source: source)
    } catch {
      throw SchemaLoadError([error.description])
    }
  }
}
