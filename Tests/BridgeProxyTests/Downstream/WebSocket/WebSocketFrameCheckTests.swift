import NIOCore
import Testing

@testable import Downstream

/// What Close frames may say (RFC 6455 §5.5.1 and §7.4).
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
}
