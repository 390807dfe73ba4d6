internal import NIOCore
internal import NIOWebSocket

/// Rejects invalid frames that NIO's decoder accepts: unmasked client frames (RFC 6455 §5.1), reserved
/// bits without a negotiated extension (§5.2), and Close frames with an invalid code or reason (§5.5.1).
final class WebSocketFrameCheck: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias InboundOut = WebSocketFrame

  private var hasFailed = false

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !self.hasFailed else { return }
    let frame = self.unwrapInboundIn(data)
    guard frame.maskKey != nil else { return self.fail(.notMasked, context) }
    guard frame.reservedBits.isEmpty else { return self.fail(.reservedBits, context) }
    if frame.opcode == .connectionClose, let error = Self.fault(ofClose: frame.unmaskedData) {
      return self.fail(error, context)
    }
    context.fireChannelRead(data)
  }

  private func fail(_ error: WebSocketFrameError, _ context: ChannelHandlerContext) {
    self.hasFailed = true
    context.fireErrorCaught(error)
  }

  /// The error in a Close frame's payload; nil if it's valid.
  static func fault(ofClose content: ByteBuffer) -> WebSocketFrameError? {
    var content = content
    guard content.readableBytes > 0 else { return nil }
    guard let code = content.readInteger(as: UInt16.self), Self.canBeSent(code) else {
      return .closeCode
    }
    return String(validating: content.readableBytesView, as: UTF8.self) == nil
      ? .closeReason : nil
  }

  /// Whether a Close frame may carry the code: those of RFC 6455 §7.4.1 and of IANA's registry that
  /// aren't reserved for use within an endpoint, and 3000 to 4999.
  private static func canBeSent(_ code: UInt16) -> Bool {
    switch code {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }
}

/// An error detected by `WebSocketFrameCheck`.
enum WebSocketFrameError: Error, Equatable, CustomStringConvertible {
  case notMasked
  case reservedBits
  case closeCode
  case closeReason

  var description: String {
    switch self {
    case .notMasked: "a client's frames must be masked"
    case .reservedBits: "a reserved bit is set, but no extension was negotiated"
    case .closeCode: "a Close frame has an invalid code"
    case .closeReason: "the reason of a Close frame isn't UTF-8"
    }
  }

  /// The code that the bridge closes with (RFC 6455 §7.4.1).
  var closeCode: UInt16 { self == .closeReason ? 1007 : 1002 }
}
