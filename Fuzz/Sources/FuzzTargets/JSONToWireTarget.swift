internal import Codec

/// JSON, path and query to wire: no trap, no read out of bounds, errors with a place, and what is written
/// is a message that can be read.
enum JSONToWireTarget {
  static func run(_ bytes: [UInt8]) throws(BrokenProperty) {
    let input = CodecInput(bytes, readsBindings: true)
    let codec = CodecRun()
    let encoded = try codec.encode(
      input.payload, rule: input.rule, as: input.message, of: input.schema,
      bindings: input.bindings, options: input.encodeOptions)
    guard case .success(let wire) = encoded else { return }
    try require(
      wire.count <= input.encodeOptions.messageByteLimit, "\(wire.count) bytes pass the limit")
    var options = DecodeOptions()
    options.depthLimit = CodecInput.noDepthLimit
    let decoded = try codec.decode(
      wire, as: input.message, of: input.schema, responseBody: nil, options: options)
    guard case .failure(let error) = decoded else { return }
    // Values of path and query stand behind the body and have to be merged with it. How often that may
    // be so within itself is bounded: a message that passes the bound is refused, not wrong.
    if error.code == .tooLarge && !input.bindings.isEmpty { return }
    throw BrokenProperty("what was written can't be read: \(error); \(readable(wire))")
  }
}
