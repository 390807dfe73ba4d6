import NIOCore
import Testing

@testable import GRPCWire
@testable import HTTP2

@Suite struct CallStateTests {
  private func message(_ text: String) -> ByteBuffer {
    GRPCMessage.framed(ByteBuffer(string: text))
  }

  private func receive(
    _ state: inout CallState, _ block: HeaderBlock, ends: Bool = false
  ) -> HeaderBlock? {
    state.receiveHeaders(block, 0..<block.fields.count, endsStream: ends)
  }

  /// A state that has had a good head.
  private func replying(byteLimit: Int = 100) -> CallState {
    var state = CallState(byteLimit: byteLimit)
    _ = self.receive(&state, .ok)
    return state
  }

  private func end(
    _ code: GRPCStatus.Code, _ message: String = "", _ origin: GRPCStatus.Origin = .endpoint,
    trailers: HeaderBlock = HeaderBlock(), isOpen: Bool = false
  ) -> CallState.Step {
    .end(GRPCStatus(code, message, origin: origin), trailers: trailers, isOpen: isOpen)
  }

  @Test func `a successful reply has head, messages and trailers`() {
    var state = CallState(byteLimit: 100)
    #expect(!state.hasResponded && state.next() == .wait)
    let head = self.receive(
      &state, [":status": "200", "content-type": "application/grpc", "x-a": "1"])
    #expect(head?.lines == ["x-a: 1"])
    #expect(state.hasResponded && state.next() == .wait)
    state.receiveData(self.message("one"))
    #expect(state.next() == .message(ByteBuffer(string: "one")))
    #expect(state.next() == .wait)
    #expect(self.receive(&state, ["grpc-status": "0", "x-b": "2"], ends: true) == nil)
    #expect(state.next() == self.end(.ok, trailers: ["x-b": "2"]))
    #expect(state.next() == .wait)
  }

  @Test func `interim heads are skipped`() {
    var state = CallState(byteLimit: 100)
    #expect(self.receive(&state, [":status": "103", "link": "x"]) == nil)
    #expect(!state.hasResponded)
    #expect(self.receive(&state, .ok) != nil)
  }

  @Test func `a trailers-only reply has a status and its metadata`() {
    var state = CallState(byteLimit: 100)
    let block: HeaderBlock = [
      ":status": "200", "content-type": "application/grpc", "grpc-status": "5", "x-a": "1",
    ]
    #expect(self.receive(&state, block, ends: true) == nil)
    #expect(state.next() == self.end(.notFound, trailers: ["x-a": "1"]))
  }

  @Test func `the gRPC status counts, whatever the HTTP status`() {
    var state = CallState(byteLimit: 100)
    _ = self.receive(&state, [":status": "503", "grpc-status": "8"], ends: true)
    #expect(state.next() == self.end(.resourceExhausted))
    state = CallState(byteLimit: 100)
    #expect(self.receive(&state, [":status": "500", "content-type": "text/plain"]) == nil)
    _ = self.receive(&state, ["grpc-status": "9"], ends: true)
    #expect(state.next() == self.end(.failedPrecondition))
  }

  @Test func `messages before the end come first`() {
    var state = self.replying()
    state.receiveData(self.message("one"))
    state.receiveData(self.message("two"))
    _ = self.receive(&state, .good, ends: true)
    #expect(state.next() == .message(ByteBuffer(string: "one")))
    #expect(state.next() == .message(ByteBuffer(string: "two")))
    #expect(state.next() == self.end(.ok))
  }

  @Test func `a reply that isn't gRPC has its text in the message`() {
    var state = CallState(byteLimit: 100)
    #expect(self.receive(&state, [":status": "502", "content-type": "text/html"]) == nil)
    state.receiveData(ByteBuffer(string: "<h1>Bad\n"))
    state.receiveData(ByteBuffer(string: "  gateway</h1>"))
    #expect(state.hasResponded && state.next() == .wait)
    state.receiveEnd()
    #expect(
      state.next()
        == self.end(
          .unavailable,
          "the endpoint responded with HTTP status 502 and content-type \"text/html\""
            + " and no grpc-status: <h1>Bad gateway</h1>", .transport))
  }

  @Test func `the text of a foreign reply is limited and must be text`() {
    var state = CallState(byteLimit: 100)
    _ = self.receive(&state, [":status": "404"])
    // A character of two bytes is cut in half by the limit.
    state.receiveData(ByteBuffer(string: String(repeating: "x", count: 1023) + "ü"))
    state.receiveData(ByteBuffer(repeating: 0x78, count: 10_000))
    state.receiveEnd()
    guard case .end(let status, _, false) = state.next() else {
      Issue.record("no end")
      return
    }
    #expect(status.code == .unimplemented && status.message.hasSuffix("xxx"))
    #expect(status.message.utf8.count < 1200)

    state = CallState(byteLimit: 100)
    _ = self.receive(&state, [":status": "404"])
    state.receiveData(ByteBuffer(bytes: [0xff, 0xfe, 0, 1]))
    state.receiveEnd()
    #expect(
      state.next()
        == self.end(
          .unimplemented, "the endpoint responded with HTTP status 404 and no grpc-status",
          .transport))
  }

  @Test func `an endless foreign reply is given up`() {
    var state = CallState(byteLimit: 100)
    _ = self.receive(&state, [":status": "502"])
    state.receiveData(ByteBuffer(repeating: 0x78, count: 64 << 10))
    #expect(state.next() == .wait)
    state.receiveData(ByteBuffer(repeating: 0x78, count: 1))
    guard case .end(let status, _, true) = state.next() else {
      Issue.record("no end, or none that resets the stream")
      return
    }
    #expect(status.code == .unavailable && status.message.hasSuffix("xxx"))
  }

  @Test(arguments: ["0", "5"])
  func `trailers of a foreign reply count unless they report success`(status: String) {
    var state = CallState(byteLimit: 100)
    _ = self.receive(&state, [":status": "200", "content-type": "text/html"])
    state.receiveData(ByteBuffer(string: "<html>"))
    _ = self.receive(&state, ["grpc-status": status, "x-a": "1"], ends: true)
    let message =
      "the endpoint responded with HTTP status 200 and content-type \"text/html\""
      + ", which contradicts its grpc-status 0: <html>"
    #expect(
      state.next()
        == (status == "5"
          ? self.end(.notFound, trailers: ["x-a": "1"])
          : self.end(.unknown, message, .transport)))
  }

  @Test func `an end without a status is UNKNOWN`() {
    let message = "the endpoint responded with HTTP status 200 and no grpc-status"
    var state = self.replying()
    state.receiveEnd()
    #expect(state.next() == self.end(.unknown, message, .transport))
    state = self.replying()
    _ = self.receive(&state, ["x-a": "1"], ends: true)
    #expect(state.next() == self.end(.unknown, message, .transport, trailers: ["x-a": "1"]))
  }

  @Test func `a truncated message is INTERNAL unless the endpoint reports another error`() {
    var state = self.replying()
    state.receiveData(ByteBuffer(bytes: [0, 0, 0, 0, 9, 1]))
    _ = self.receive(&state, .good, ends: true)
    #expect(
      state.next()
        == self.end(.internal, "the reply ended in the middle of a message", .transport))
    state = self.replying()
    state.receiveData(ByteBuffer(bytes: [0, 0]))
    _ = self.receive(&state, ["grpc-status": "13", "grpc-message": "own"], ends: true)
    #expect(state.next() == self.end(.internal, "own"))
  }

  @Test func `a message over the limit ends the call with the stream open`() {
    var state = self.replying(byteLimit: 3)
    state.receiveData(self.message("abc"))
    state.receiveData(self.message("abcd"))
    #expect(state.next() == .message(ByteBuffer(string: "abc")))
    guard case .end(let status, _, isOpen: true) = state.next() else {
      Issue.record("no end")
      return
    }
    #expect(status.code == .resourceExhausted)
    // Nothing more, whatever comes.
    state.receiveData(self.message("x"))
    _ = self.receive(&state, .good, ends: true)
    state.receiveEnd()
    state.fail(GRPCStatus(.internal), isOpen: true)
    #expect(state.next() == .wait)
  }

  @Test func `a failure comes after what was received`() {
    var state = self.replying()
    state.receiveData(self.message("one"))
    state.fail(GRPCStatus(.unavailable, "gone", origin: .transport), isOpen: false)
    #expect(state.next() == .message(ByteBuffer(string: "one")))
    #expect(state.next() == self.end(.unavailable, "gone", .transport))
  }

  @Test func `a failed foreign reply keeps its HTTP status`() {
    var state = CallState(byteLimit: 100)
    _ = self.receive(&state, [":status": "401"])
    state.fail(GRPCStatus(.internal), isOpen: false)
    guard case .end(let status, _, _) = state.next() else {
      Issue.record("no end")
      return
    }
    #expect(status.code == .unauthenticated)
  }

  @Test func `the first end counts`() {
    var state = self.replying()
    _ = self.receive(&state, .good, ends: true)
    state.fail(GRPCStatus(.unavailable), isOpen: false)
    #expect(state.next() == self.end(.ok))
  }
}
