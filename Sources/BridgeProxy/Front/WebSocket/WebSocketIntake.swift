internal import NIOCore

/// Counts what of a WebSocket has come in and isn't a whole message yet. NIO's decoder and aggregator hold
/// it, and don't say how much.
final class WebSocketIntake: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  /// Bytes behind the last message.
  private(set) var byteCount = 0

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.byteCount += self.unwrapInboundIn(data).readableBytes
    context.fireChannelRead(data)
  }

  /// A message is whole. What of the same read is behind it isn't counted.
  func messageTaken() {
    self.byteCount = 0
  }

  /// A frame between those of a message is gone.
  func controlFrameTaken(payloadByteCount: Int) {
    self.byteCount = max(0, self.byteCount - payloadByteCount - Self.controlHeaderByteCount)
  }

  /// Two bytes and the mask (RFC 6455 §5.2).
  private static let controlHeaderByteCount = 6
}
