internal import NIOCore

/// Counts the received bytes of an incomplete WebSocket message. NIO's decoder and aggregator buffer them
/// and don't expose how many.
final class WebSocketIntake: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  /// Bytes received since the last complete message.
  private(set) var byteCount = 0

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.byteCount += self.unwrapInboundIn(data).readableBytes
    context.fireChannelRead(data)
  }

  /// A message is complete. Bytes after it in the same read aren't counted.
  func messageTaken() {
    self.byteCount = 0
  }

  /// A control frame was handled, which may come between the fragments of a message (RFC 6455 §5.4).
  func controlFrameTaken(payloadByteCount: Int) {
    self.byteCount = max(0, self.byteCount - payloadByteCount - Self.controlHeaderByteCount)
  }

  /// Two bytes and the mask (RFC 6455 §5.2).
  private static let controlHeaderByteCount = 6
}
