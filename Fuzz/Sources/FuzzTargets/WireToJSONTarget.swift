internal import Codec

/// Wire to JSON: no trap, no read out of bounds, errors with a place, and what is written is JSON in
/// which no key stands twice.
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

  /// JSON is what can be read as a google.protobuf.Value.
  static func requireJSON(_ json: [UInt8], _ codec: CodecRun) throws(BrokenProperty) {
    var options = EncodeOptions()
    options.depthLimit = CodecInput.noDepthLimit
    let read = try codec.encode(
      json, rule: .whole, as: FuzzSchema.shared.value, of: FuzzSchema.shared.schema,
      bindings: Bindings(), options: options)
    try require(!json.isEmpty, "a reply of no bytes is no JSON")
    if case .failure(let error) = read {
      throw BrokenProperty("no JSON was written: \(error); \(readable(json))")
    }
  }
}
