internal import Codec
internal import GRPCWire
internal import NIOCore
internal import Routing

extension Transcoder {
  /// See `LoopContext.encode`, whose memory `sink` is: lent once, not for each step.
  fileprivate func frame(
    _ body: ByteBuffer, contentType: String, rule: BodyRule, _ bindings: borrowing Bindings,
    _ route: Route, _ service: ServedService, in sink: inout ByteSink
  ) throws(CodecError) -> ByteBuffer {
    sink.removeAll()
    // Compressed flag and length; the length is set when it's known.
    sink.append("\0\0\0\0\0")
    if route.takesHTTPBody {
      let contentType = Array(contentType.utf8)
      try unsafe self.encode(
        httpBody: body.readableBytesSpan, contentType: contentType.span.bytes, rule: rule,
        as: route.method.input, of: service.schema, bindings: bindings, options: service.encode,
        into: &sink)
    } else {
      try self.encode(
        body.readableBytesSpan, rule: rule, as: route.method.input, of: service.schema,
        bindings: bindings, options: service.encode, into: &sink)
    }
    let length = sink.count - GRPCMessage.prefixByteCount
    for index in 0..<4 {
      sink.set(UInt8(truncatingIfNeeded: length >> (24 - 8 * index)), at: 1 + index)
    }
    var message = ByteBufferAllocator().buffer(capacity: sink.count)
    message.write(sink)
    sink.shrink(to: LoopContext.keptByteCount)
    return message
  }
}

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
    try self.transcoder.frame(
      body, contentType: contentType, rule: rule ?? route.body, bindings, route, service,
      in: &self.input)
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
