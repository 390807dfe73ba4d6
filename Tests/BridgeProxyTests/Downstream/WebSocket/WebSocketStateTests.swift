import Testing

@testable import Downstream
@testable import GRPCWire

/// The transitions of a WebSocket, one a test.
struct WebSocketStateTests {
  private static func open(
    takes: Bool = true, gives: Bool = true, takesMessages: Bool = true
  ) -> WebSocketState {
    WebSocketState(isClientStreaming: takes, isServerStreaming: gives, takesMessages: takesMessages)
  }

  @Test func `messages go both ways until the client's empty message`() {
    var state = Self.open()
    #expect(state.messageReceived(isEmpty: false) == .send)
    #expect(state.replyReceived() == .write)
    #expect(state.messageReceived(isEmpty: false) == .send)
    #expect(state.messageReceived(isEmpty: true) == .end)
    #expect(state.messageReceived(isEmpty: false) == .refuse)
    #expect(state.replyReceived() == .write)
    #expect(state.callEnded(isOK: true) == .close)
    #expect(state.closing() == true)
    #expect(state.closing() == false, "once")
    #expect(state.isClosing)
    #expect(state.messageReceived(isEmpty: false) == .ignore)
    #expect(state.replyReceived() == .ignore)
    #expect(state.closeReceived() == .close)
    #expect(state.closeReceived() == .ignore)
  }

  @Test func `a unary method takes the first message, even an empty one`() {
    for isEmpty in [false, true] {
      var state = Self.open(takes: false)
      #expect(state.messageReceived(isEmpty: isEmpty) == .sendOnly)
      #expect(state.messageReceived(isEmpty: isEmpty) == .refuse)
    }
    var state = Self.open(takes: false, takesMessages: false)
    #expect(state.messageReceived(isEmpty: false) == .refuse)
  }

  @Test func `a single response is held until the call succeeds`() {
    var state = Self.open(gives: false)
    #expect(state.callEnded(isOK: true) == .closeMissing)
    #expect(state.replyReceived() == .hold)
    #expect(state.callEnded(isOK: false) == .closeWithStatus)
    #expect(state.callEnded(isOK: true) == .writeReply)
    #expect(state.replyReceived() == .refuse)
  }

  @Test func `the client's close is acknowledged, and ends everything`() {
    var state = Self.open()
    #expect(state.closeReceived() == .respond)
    #expect(!state.isOpen)
    #expect(state.callEnded(isOK: true) == .ignore)
    #expect(state.closing() == false)
    #expect(state.pingDue() == .ignore)
  }

  @Test func `a ping that goes unanswered is the last one`() {
    var state = Self.open()
    #expect(state.pingDue() == .ping)
    state.lifeSignReceived()
    #expect(state.pingDue() == .ping)
    _ = state.messageReceived(isEmpty: false)
    #expect(state.pingDue() == .ping)
    #expect(state.pingDue() == .giveUp)
  }

  @Test func `the close code is the call's, and the reason fits a control frame`() {
    #expect(WebSocketClose(.ok, "fine") == WebSocketClose(1000, ""))
    #expect(WebSocketClose(.permissionDenied, "no").code == 4007)
    #expect(WebSocketClose(.unauthenticated, "no").reason == "no")
    let long = WebSocketClose(.internal, String(repeating: "ü", count: 100))
    #expect(long.reason == String(repeating: "ü", count: 60) + "…")
    #expect(long.reason.utf8.count == 123)
    #expect(WebSocketClose(1002, String(repeating: "x", count: 123)).reason.utf8.count == 123)
  }
}
