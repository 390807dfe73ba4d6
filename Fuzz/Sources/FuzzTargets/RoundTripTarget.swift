internal import Codec

/// What we write we must read: JSON that encodes decodes, and wire that decodes encodes; the JSON after
/// that is the same, byte for byte, however often it goes round.
///
/// Bit 7 of the input's second byte says which it begins with. Only the first step has the input's
/// limits; the later ones have none, because a JSON text and its message are differently deep.
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
    // A default that stands on the wire is printed in its place there. It isn't written again, and then
    // it's printed behind what is set: the members are the same, in an order that doesn't change again.
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
  /// - Returns: nil where the text lacks required fields: a reply that does is passed on, a request that
  ///   does is refused.
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
