internal import Codec

/// JSON, path and query to wire: no trap, no out-of-bounds read, errors with a position, and the
/// output is a message that can be read.
enum JSONToWireTarget {
  static func run(_ bytes: [UInt8]) throws(BrokenProperty) {
    let input = CodecInput(bytes, readsBindings: true)
    let codec = CodecRun()
    let encoded = try codec.encode(
      input.payload, rule: input.rule, as: input.message, of: input.schema,
      bindings: input.bindings, options: input.encodeOptions)
    guard case .success(let wire) = encoded else { return }
    try require(
      wire.count <= input.encodeOptions.messageByteLimit, "\(wire.count) bytes exceed the limit")
    var options = DecodeOptions()
    options.depthLimit = CodecInput.noDepthLimit
    let decoded = try codec.decode(
      wire, as: input.message, of: input.schema, responseBody: nil, options: options)
    guard case .failure(let error) = decoded else { return }
    // Values of path and query follow the body and must be merged with it. The nesting of such
    // merges is bounded: a message beyond the bound is rejected, not mistranslated.
    if error.code == .tooLarge && !input.bindings.isEmpty { return }
    throw BrokenProperty("what was written can't be read: \(error); \(readable(wire))")
  }
}
