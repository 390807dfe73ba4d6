package import NIOCore
internal import NIOHTTP1

/// NIO's codec of HTTP/1.1 for a client's connection.
package enum HTTP1ClientCodec {
  /// Adds the encoder of requests and the decoder of responses before a handler that is being added.
  /// Responses of 1xx are dropped, and so are bytes that are left when the connection closes. If it fails,
  /// the channel is closed.
  ///
  /// - Parameter headByteLimit: the most bytes of a response's head; more is an error of the decoder.
  package static func add(
    before handler: some ChannelHandler, _ context: ChannelHandlerContext, headByteLimit: Int
  ) {
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = headByteLimit
    limits.maxHeaderListSize = headByteLimit
    let decoder = HTTPResponseDecoder(
      leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .drop,
      limitConfiguration: limits)
    do {
      try context.pipeline.syncOperations.addHandlers(
        [HTTPRequestEncoder(), ByteToMessageHandler(decoder)], position: .before(handler))
    } catch {
      context.close(promise: nil)
    }
  }
}
