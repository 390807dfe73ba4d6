internal import CDescriptor

/// Collects descriptor sets and links them into a `Schema`.
package struct SchemaBuilder {
  private var files: [FileDescriptor] = []
  /// File name → where it came from and its place in `files`.
  private var known: [String: (source: String, index: Int)] = [:]

  package init() {}

  /// Reads a serialized `google.protobuf.FileDescriptorSet`.
  ///
  /// A file that's there already with the same content is passed over. With another content it's an
  /// error that names both sources, except for google's own files (`google/protobuf`, `google/api`,
  /// `google/rpc`), of which everyone ships a slightly different version: there the first one holds.
  ///
  /// - Parameter source: where the bytes came from, for messages.
  package mutating func add(descriptorSet bytes: RawSpan, source: String) throws(SchemaError) {
    for file in try DescriptorSet.read(bytes, source: source) {
      guard let earlier = self.known[file.name] else {
        self.known[file.name] = (source, self.files.count)
        self.files.append(file)
        continue
      }
      if self.files[earlier.index] == file || Self.isShared(file.name) { continue }
      throw SchemaError(
        .duplicate, subject: file.name,
        reason: "\(source) and \(earlier.source) have different files of this name; "
          + "give the service one of them")
    }
  }

  /// Adds the schemas that come with the bridge: google/protobuf, google/api and google/rpc. Files
  /// that are there already stay: call this last.
  package mutating func addBuiltIns() throws(SchemaError) {
    try unsafe self.add(
      descriptorSet: BuiltInSchemas.bytes.span.bytes, source: "the built-in schemas")
  }

  /// Resolves names, compiles plans, freezes. The built-in schemas are part of every schema.
  package consuming func build() throws(SchemaError) -> Schema {
    try self.addBuiltIns()
    var linker = SchemaLinker(files: self.files)
    return try linker.link()
  }

  private static func isShared(_ name: String) -> Bool {
    name.hasPrefix("google/protobuf/") || name.hasPrefix("google/api/")
      || name.hasPrefix("google/rpc/")
  }
}

/// The schemas that come with the bridge, compiled from `schemas/google` by scripts/generate.sh.
package enum BuiltInSchemas {
  /// A serialized `google.protobuf.FileDescriptorSet`.
  package static let bytes: [UInt8] = {
    let bytes = unsafe UnsafeBufferPointer(
      start: bridge_built_in_schemas_start(), count: Int(bridge_built_in_schemas_size))
    return unsafe Array(bytes)
  }()
}
