internal import Codec
internal import NIOCore

/// Between HTTP bodies and messages, in the loop's memory.
extension LoopContext {
  /// Makes of a body, and of the values of path and query, a message in its gRPC frame.
  ///
  /// - Parameters:
  ///   - contentType: of a body that's taken as it is (google/api/httpbody.proto).
  ///   - rule: what of the message the body is, where that's not what the route says.
  func encode(
    _ body: ByteBuffer, contentType: String, rule: BodyRule? = nil, _ bindings: borrowing Bindings,
    _ route: Route, _ service: ServedService
  ) throws(CodecError) -> ByteBuffer {
    self.input.removeAll()
    // Compressed flag and length; the length is set when it's known.
    self.input.append("\0\0\0\0\0")
    if route.takesHTTPBody {
      let contentType = Array(contentType.utf8)
      try unsafe self.transcoder.encode(
        httpBody: body.readableBytesSpan, contentType: contentType.span.bytes, rule: route.body,
        as: route.method.input, of: service.schema, bindings: bindings, options: service.encode,
        into: &self.input)
    } else {
      try self.transcoder.encode(
        body.readableBytesSpan, rule: rule ?? route.body, as: route.method.input,
        of: service.schema, bindings: bindings, options: service.encode, into: &self.input)
    }
    let length = self.input.count - GRPCMessage.prefixByteCount
    for place in 0..<4 {
      self.input.set(UInt8(truncatingIfNeeded: length >> (24 - 8 * place)), at: 1 + place)
    }
    var message = self.buffer(capacity: self.input.count)
    message.write(self.input)
    self.input.shrink(to: Self.keptByteCount)
    return message
  }

  /// Puts the body that a message is into `output`.
  ///
  /// - Returns: the content type of a body that isn't JSON; nil for one that is.
  func decode(
    _ message: ByteBuffer, _ route: Route, _ service: ServedService
  ) throws(CodecError) -> String? {
    self.output.removeAll()
    guard route.givesHTTPBody else {
      try self.transcoder.decode(
        message.readableBytesSpan, as: route.method.output, of: service.schema,
        responseBody: route.responseBody, options: service.decode, into: &self.output)
      return nil
    }
    let bytes = message.readableBytesSpan
    let parts = try HTTPBody.parts(of: bytes, in: route.responseBody, of: service.schema)
    self.output.append(bytes.extracting(parts.data))
    return ResponseHead.contentType(bytes.extracting(parts.contentType))
  }
}
