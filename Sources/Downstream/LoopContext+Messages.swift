internal import Codec
internal import GRPCWire
internal import NIOCore
internal import Routing

extension Transcoder {
  /// Implements `LoopContext.encode`. `sink` is the loop's memory, passed `inout` once instead of
  /// accessed at each step.
  fileprivate func frame(
    _ body: ByteBuffer, contentType: String, rule: BodyRule, _ bindings: borrowing Bindings,
    _ route: Route, _ service: ServedService, in sink: inout ByteSink
  ) throws(CodecError) -> ByteBuffer {
    sink.removeAll()
    // Compressed flag and length; the length is set once it's known.
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

/// Conversion between HTTP bodies and messages, in the loop's memory.
extension LoopContext {
  /// Encodes a body and the values of path and query as a message in its gRPC frame.
  ///
  /// - Parameters:
  ///   - contentType: of a body that's passed unchanged (google/api/httpbody.proto).
  ///   - rule: the part of the message that the body maps to, if not the route's.
  func encode(
    _ body: ByteBuffer, contentType: String, rule: BodyRule? = nil, _ bindings: borrowing Bindings,
    _ route: Route, _ service: ServedService
  ) throws(CodecError) -> ByteBuffer {
    try self.transcoder.frame(
      body, contentType: contentType, rule: rule ?? route.body, bindings, route, service,
      in: &self.input)
  }

  /// Decodes a message as a response body, and appends it to a sink.
  ///
  /// - Returns: the content type of a body that isn't JSON; nil for one that is.
  func decode(
    _ message: ByteBuffer, _ route: Route, _ service: ServedService, into sink: inout ByteSink
  ) throws(CodecError) -> String? {
    guard route.givesHTTPBody else {
      try self.transcoder.decode(
        message.readableBytesSpan, as: route.method.output, of: service.schema,
        responseBody: route.responseBody, options: service.decode, into: &sink)
      return nil
    }
    let bytes = message.readableBytesSpan
    let parts = try HTTPBody.parts(of: bytes, in: route.responseBody, of: service.schema)
    sink.append(bytes.extracting(parts.data))
    return ResponseHead.contentType(bytes.extracting(parts.contentType))
  }
}
