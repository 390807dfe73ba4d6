internal import Codec

/// Everything the codec writes it must be able to read: JSON that encodes must decode, and wire
/// that decodes must encode; the JSON after that stays the same, byte for byte, for any number of
/// round trips.
///
/// Bit 7 of the input's second byte selects the first direction. Only the first step has the
/// input's limits; the later ones have none, because a JSON text and its message differ in depth.
enum RoundTripTarget {
  static func run(_ bytes: [UInt8]) throws(BrokenProperty) {
    let input = CodecInput(bytes, readsBindings: false)
    let codec = CodecRun()
    var options = input.decodeOptions
    let json: [UInt8]
    if input.isFlagged {
      let first = try codec.decode(
        input.payload, as: input.message, of: input.schema, responseBody: input.responseBody,
        options: options)
      guard case .success(let text) = first else { return }
      json = text
    } else {
      let first = try codec.encode(
        input.payload, rule: .whole, as: input.message, of: input.schema, bindings: Bindings(),
        options: input.encodeOptions)
      guard case .success(let wire) = first else { return }
      options.depthLimit = CodecInput.noDepthLimit
      let second = try codec.decode(
        wire, as: input.message, of: input.schema, responseBody: input.responseBody,
        options: options)
      guard case .success(let text) = second else {
        throw BrokenProperty("what was encoded doesn't decode: \(second); \(readable(wire))")
      }
      json = text
    }
    options.depthLimit = CodecInput.noDepthLimit
    guard let again = try Self.goRound(json, input, options, codec), again != json else { return }
    // A default that is on the wire is printed in its place. It isn't encoded again, and then it's
    // printed after the fields that are set: the members are the same, in an order that doesn't
    // change again.
    if options.alwaysPrintsDefaults, again.count == json.count,
      try Self.goRound(again, input, options, codec) == again
    {
      return
    }
    throw BrokenProperty(
      "the JSON changes on its way: \(readable(json)) becomes \(readable(again))")
  }

  /// Encodes and decodes again.
  ///
  /// - Returns: nil if the text lacks required fields: such a response is forwarded, such a request
  ///   is rejected.
  private static func goRound(
    _ json: [UInt8], _ input: CodecInput, _ options: DecodeOptions, _ codec: CodecRun
  ) throws(BrokenProperty) -> [UInt8]? {
    var encodeOptions = EncodeOptions()
    encodeOptions.depthLimit = CodecInput.noDepthLimit
    encodeOptions.acceptsShortEnumNames = input.encodeOptions.acceptsShortEnumNames
    encodeOptions.acceptsUnknownAnyAsBase64 = input.encodeOptions.acceptsUnknownAnyAsBase64
    let encoded = try codec.encode(
      json, rule: input.responseBody.map { .field($0) } ?? .whole, as: input.message,
      of: input.schema, bindings: Bindings(), options: encodeOptions)
    let wire: [UInt8]
    switch encoded {
    case .success(let bytes): wire = bytes
    case .failure(let error):
      if error.code == .missingField { return nil }
      throw BrokenProperty("what was decoded doesn't encode: \(error); \(readable(json))")
    }
    let decoded = try codec.decode(
      wire, as: input.message, of: input.schema, responseBody: input.responseBody,
      options: options)
    guard case .success(let again) = decoded else {
      throw BrokenProperty("what was encoded doesn't decode: \(decoded); \(readable(wire))")
    }
    return again
  }
}
