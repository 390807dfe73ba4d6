import NIOCore
import NIOEmbedded
import Testing

@testable import Downstream

/// The bytes of an incomplete message.
@Suite struct WebSocketIntakeTests {
  private let intake = WebSocketIntake()
  private let channel: EmbeddedChannel

  init() {
    self.channel = EmbeddedChannel(handler: self.intake)
  }

  @Test func `bytes are counted and passed on`() throws {
    try self.channel.writeInbound(ByteBuffer(string: "abc"))
    try self.channel.writeInbound(ByteBuffer(string: "de"))
    #expect(self.intake.byteCount == 5)
    #expect(try self.channel.readInbound(as: ByteBuffer.self) == ByteBuffer(string: "abc"))
    #expect(try self.channel.readInbound(as: ByteBuffer.self) == ByteBuffer(string: "de"))
  }

  @Test func `a complete message resets the count`() throws {
    try self.channel.writeInbound(ByteBuffer(string: "abc"))
    self.intake.messageTaken()
    #expect(self.intake.byteCount == 0)
    try self.channel.writeInbound(ByteBuffer(string: "d"))
    #expect(self.intake.byteCount == 1)
  }

  @Test func `a control frame between fragments takes its own bytes off`() throws {
    try self.channel.writeInbound(ByteBuffer(repeating: 0, count: 100))
    self.intake.controlFrameTaken(payloadByteCount: 4)
    #expect(self.intake.byteCount == 90)
    self.intake.controlFrameTaken(payloadByteCount: 125)
    #expect(self.intake.byteCount == 0, "never negative")
  }
}
