internal import NIOCore
internal import NIOWebSocket

/// Refuses what NIO's decoder lets pass: frames of a client that aren't masked (RFC 6455 §5.1) and bits
/// that no extension was agreed on for (§5.2).
final class WebSocketFrameCheck: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias InboundOut = WebSocketFrame

  private var hasFailed = false

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !self.hasFailed else { return }
    let frame = self.unwrapInboundIn(data)
    guard frame.maskKey != nil else { return self.fail(.notMasked, context) }
    guard frame.reservedBits.isEmpty else { return self.fail(.reservedBits, context) }
    context.fireChannelRead(data)
  }

  private func fail(_ fault: WebSocketFrameFault, _ context: ChannelHandlerContext) {
    self.hasFailed = true
    context.fireErrorCaught(fault)
  }
}

/// What `WebSocketFrameCheck` refuses.
enum WebSocketFrameFault: Error, CustomStringConvertible {
  case notMasked
  case reservedBits

  var description: String {
    switch self {
    case .notMasked: "a client's frames are masked"
    case .reservedBits: "a reserved bit is set, and no extension was agreed on"
    }
  }
}
