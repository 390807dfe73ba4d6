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

  @Test("messages and replies go both ways until the client's empty message")
  func chat() {
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

  @Test("a method that takes one message takes the first, even an empty one")
  func single() {
    for isEmpty in [false, true] {
      var state = Self.open(takes: false)
      #expect(state.messageReceived(isEmpty: isEmpty) == .sendOnly)
      #expect(state.messageReceived(isEmpty: isEmpty) == .refuse)
    }
    var state = Self.open(takes: false, takesMessages: false)
    #expect(state.messageReceived(isEmpty: false) == .refuse)
  }

  @Test("one reply is held until the call has ended well")
  func unaryReply() {
    var state = Self.open(gives: false)
    #expect(state.callEnded(isOK: true) == .closeMissing)
    #expect(state.replyReceived() == .hold)
    #expect(state.callEnded(isOK: false) == .closeWithStatus)
    #expect(state.callEnded(isOK: true) == .writeReply)
    #expect(state.replyReceived() == .refuse)
  }

  @Test("the client's close is answered, and ends everything")
  func close() {
    var state = Self.open()
    #expect(state.closeReceived() == .respond)
    #expect(!state.isOpen)
    #expect(state.callEnded(isOK: true) == .ignore)
    #expect(state.closing() == false)
    #expect(state.pingDue() == .ignore)
  }

  @Test("a ping that nothing follows is the last one")
  func pings() {
    var state = Self.open()
    #expect(state.pingDue() == .ping)
    state.lifeSignReceived()
    #expect(state.pingDue() == .ping)
    _ = state.messageReceived(isEmpty: false)
    #expect(state.pingDue() == .ping)
    #expect(state.pingDue() == .giveUp)
  }

  @Test("the code of a close is that of the call, and its reason fits a control frame")
  func closeCodes() {
    #expect(WebSocketClose(.ok, "fine") == WebSocketClose(1000, ""))
    #expect(WebSocketClose(.permissionDenied, "no").code == 4007)
    #expect(WebSocketClose(.unauthenticated, "no").reason == "no")
    let long = WebSocketClose(.internal, String(repeating: "ü", count: 100))
    #expect(long.reason == String(repeating: "ü", count: 60) + "…")
    #expect(long.reason.utf8.count == 123)
    #expect(WebSocketClose(1002, String(repeating: "x", count: 123)).reason.utf8.count == 123)
  }
}
