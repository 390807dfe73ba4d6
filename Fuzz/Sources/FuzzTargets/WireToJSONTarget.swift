internal import Codec

/// Wire to JSON: no trap, no out-of-bounds read, errors with a position, and the output is JSON
/// without repeated keys.
enum WireToJSONTarget {
  static func run(_ bytes: [UInt8]) throws(BrokenProperty) {
    let input = CodecInput(bytes, readsBindings: false)
    let codec = CodecRun()
    let decoded = try codec.decode(
      input.payload, as: input.message, of: input.schema, responseBody: input.responseBody,
      options: input.decodeOptions)
    guard case .success(let json) = decoded else { return }
    try Self.requireJSON(json, codec)
  }

  /// Requires text that can be read as a google.protobuf.Value.
  static func requireJSON(_ json: [UInt8], _ codec: CodecRun) throws(BrokenProperty) {
    var options = EncodeOptions()
    options.depthLimit = CodecInput.noDepthLimit
    let read = try codec.encode(
      json, rule: .whole, as: FuzzSchema.shared.value, of: FuzzSchema.shared.schema,
      bindings: Bindings(), options: options)
    try require(!json.isEmpty, "the output is empty")
    if case .failure(let error) = read {
      throw BrokenProperty("the output isn't JSON: \(error); \(readable(json))")
    }
  }
}
