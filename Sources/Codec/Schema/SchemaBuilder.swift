internal import CDescriptor

/// Collects descriptor sets and links them into a `Schema`.
package struct SchemaBuilder {
  private var files: [FileDescriptor] = []
  /// File name → where it came from, and the file as it was read.
  private var known: [String: (source: String, file: FileDescriptor)] = [:]
  private var declarations = DeclarationIndex()

  package init() {}

  /// Reads a serialized `google.protobuf.FileDescriptorSet`.
  ///
  /// A file that is already known with the same content is skipped, and so is a declaration that is
  /// equal to one in another file. Different content is an error that names both, except in
  /// Google's own packages (`google.protobuf`, `google.api`, `google.rpc`), of which everyone ships
  /// a slightly different version: there the first one wins.
  ///
  /// - Parameter source: where the bytes came from, for error messages.
  package mutating func add(descriptorSet bytes: RawSpan, source: String) throws(SchemaError) {
    try self.add(bytes, source: source, .compare)
  }

  private mutating func add(
    _ bytes: RawSpan, source: String, _ policy: DeclarationIndex.Policy
  ) throws(SchemaError) {
    for file in try DescriptorSet.read(bytes, source: source) {
      if let earlier = self.known[file.name] {
        if policy == .giveWay || Self.isShared(file) || earlier.file.declaresSame(as: file) {
          continue
        }
        throw SchemaError(
          .duplicate, subject: file.name,
          reason: "\(source) and \(earlier.source) have different files of this name; "
            + "give the service one of them")
      }
      self.known[file.name] = (source, file)
      var rest = file
      try self.declarations.insert(&rest, source: source, policy)
      self.files.append(rest)
    }
  }

  /// Adds the built-in schemas: google/protobuf, google/api and google/rpc. Existing declarations
  /// are kept, whichever file they are in: call this last.
  package mutating func addBuiltIns() throws(SchemaError) {
    try unsafe self.add(
      BuiltInSchemas.bytes.span.bytes, source: "the built-in schemas", .giveWay)
  }

  /// Resolves names and compiles the plan. The built-in schemas are part of every schema.
  package consuming func build() throws(SchemaError) -> Schema {
    try self.addBuiltIns()
    var linker = SchemaLinker(files: self.files)
    return try linker.link()
  }

  private static func isShared(_ file: FileDescriptor) -> Bool {
    DeclarationIndex.isGoogles(package: file.package)
  }
}

/// The built-in schemas, compiled from `schemas/google` by scripts/generate.sh.
package enum BuiltInSchemas {
  /// A serialized `google.protobuf.FileDescriptorSet`.
  package static let bytes: [UInt8] = {
    let bytes = unsafe UnsafeBufferPointer(
      start: bridge_built_in_schemas_start(), count: Int(bridge_built_in_schemas_size))
    return unsafe Array(bytes)
  }()
}
