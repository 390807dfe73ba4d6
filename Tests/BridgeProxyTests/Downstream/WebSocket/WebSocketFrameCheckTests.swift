import NIOCore
import NIOEmbedded
import NIOWebSocket
import Testing

@testable import Downstream

/// Frames that a client mustn't send (RFC 6455 §5.1, §5.2, §5.5.1 and §7.4).
struct WebSocketFrameCheckTests {
  private static func fault(_ bytes: [UInt8]) -> WebSocketFrameError? {
    WebSocketFrameCheck.fault(ofClose: ByteBuffer(bytes: bytes))
  }

  @Test(arguments: [
    (1000...1003, true), (1007...1014, true), (3000...4999, true), (0...999, false),
    (1004...1006, false), (1015...2999, false), (5000...65535, false),
  ])
  func `codes that a Close frame mustn't have are errors`(range: ClosedRange<Int>, isRight: Bool) {
    for code in range {
      let bytes = [UInt8(code >> 8), UInt8(code & 0xFF)]
      #expect(Self.fault(bytes) == (isRight ? nil : .closeCode))
    }
  }

  @Test func `a code has two bytes, and the reason after it is UTF-8`() {
    #expect(Self.fault([]) == nil)
    #expect(Self.fault([3]) == .closeCode)
    #expect(Self.fault([3, 0xE8] + Array("auf Wiedersehen, ë".utf8)) == nil)
    #expect(Self.fault([3, 0xE8, 0xFF]) == .closeReason)
    #expect(Self.fault([3, 0xE8, 0xC3]) == .closeReason)
    #expect(Self.fault([3, 0xE8, 0xED, 0xA0, 0x80]) == .closeReason)
    #expect(WebSocketFrameError.closeReason.closeCode == 1007)
    #expect(WebSocketFrameError.closeCode.closeCode == 1002)
  }

  private static let key = WebSocketMaskingKey([1, 2, 3, 4])

  private static func frame(
    _ opcode: WebSocketOpcode, _ bytes: [UInt8] = [], isMasked: Bool = true, reserved: Int? = nil
  ) -> WebSocketFrame {
    var data = ByteBuffer(bytes: bytes)
    if let key = Self.key, isMasked { data.webSocketMask(key) }
    return WebSocketFrame(
      fin: true, rsv1: reserved == 1, rsv2: reserved == 2, rsv3: reserved == 3, opcode: opcode,
      maskKey: isMasked ? Self.key : nil, data: data)
  }

  @Test(arguments: [
    frame(.text, [1]), frame(.binary), frame(.ping, [1]), frame(.pong), frame(.continuation),
    frame(.connectionClose), frame(.connectionClose, [3, 0xE8]),
  ])
  func `a valid frame is passed on`(frame: WebSocketFrame) throws {
    let channel = EmbeddedChannel(handler: WebSocketFrameCheck())
    try channel.writeInbound(frame)
    #expect(try channel.readInbound(as: WebSocketFrame.self) == frame)
    _ = try channel.finish()
  }

  @Test(arguments: [
    (frame(.text, isMasked: false), WebSocketFrameError.notMasked),
    (frame(.connectionClose, isMasked: false), .notMasked),
    (frame(.text, reserved: 1), .reservedBits), (frame(.ping, reserved: 2), .reservedBits),
    (frame(.connectionClose, reserved: 3), .reservedBits),
    // The code is read without its mask.
    (frame(.connectionClose, [3, 0xED]), .closeCode),
    (frame(.connectionClose, [3, 0xE8, 0xFF]), .closeReason),
  ])
  func `the first invalid frame is an error, and nothing follows it`(
    frame: WebSocketFrame, error: WebSocketFrameError
  ) throws {
    let channel = EmbeddedChannel(handler: WebSocketFrameCheck())
    #expect(throws: error) { try channel.writeInbound(frame) }
    try channel.writeInbound(Self.frame(.text))
    try channel.writeInbound(frame)
    #expect(try channel.readInbound(as: WebSocketFrame.self) == nil)
    _ = try channel.finish()
  }
}
