/// Collects descriptor sets and links them into a `Schema`.
package struct SchemaBuilder {
  package init() {}

  /// Reads a serialized `google.protobuf.FileDescriptorSet`. A file that's there already with the
  /// same content is passed over; with another content it's an error that names both sources.
  ///
  /// - Parameter source: where the bytes came from, for messages.
  package mutating func add(descriptorSet bytes: RawSpan, source: String) throws(SchemaError) {
    throw SchemaError(.notADescriptorSet, subject: source, reason: "not yet")
  }

  /// Adds the schemas that come with the bridge: google/protobuf, google/api and google/rpc.
  package mutating func addBuiltIns() throws(SchemaError) {
  }

  /// Resolves names, compiles plans, freezes.
  package consuming func build() throws(SchemaError) -> Schema {
    throw SchemaError(.unresolved, subject: "", reason: "not yet")
  }
}
