import NIOCore
import Testing

@testable import Downstream
@testable import Upstream

/// One call that is passed through, between its two streams.
@Suite struct PassThroughStateTests {
  private func calling() -> PassThroughState {
    var state = PassThroughState()
    _ = state.start()
    return state
  }

  // MARK: The request

  @Test func `a request that has arrived in full is sent in full`() {
    var state = PassThroughState()
    #expect(state.dataReceived(ByteBuffer(string: "a")) == .none)
    #expect(state.dataReceived(ByteBuffer(string: "b")) == .none)
    #expect(state.endReceived() == false)
    #expect(state.start() == .init(body: ByteBuffer(string: "ab"), isComplete: true))
    #expect(state.start() == nil)
  }

  @Test func `later data is sent as it arrives`() {
    var state = PassThroughState()
    #expect(state.start() == .init(body: nil, isComplete: false))
    #expect(state.dataReceived(ByteBuffer(string: "a")) == .send)
    #expect(state.endReceived() == true)
  }

  @Test func `the window is returned when the endpoint accepts data`() {
    var state = self.calling()
    #expect(state.given(byteCount: 10, unsent: WriteBufferWaterMark.high) == 10)
    #expect(state.given(byteCount: 20, unsent: WriteBufferWaterMark.high + 1) == 0)
    #expect(state.given(byteCount: 30, unsent: WriteBufferWaterMark.high + 31) == 0)
    #expect(state.roomMade() == 50)
    #expect(state.roomMade() == 0)
    #expect(state.given(byteCount: 5, unsent: 0) == 5)
  }

  @Test func `request data isn't kept after the response`() {
    var state = self.calling()
    #expect(state.callEnded() == .trailersOnly)
    #expect(state.dataReceived(ByteBuffer(string: "a")) == .drop)
    #expect(state.endReceived() == false)
  }

  // MARK: The reply

  @Test func `one head is passed on, then the trailers`() {
    var state = self.calling()
    #expect(state.headReceived() == true)
    #expect(state.headReceived() == false)
    #expect(state.callEnded() == .trailers)
    #expect(state.callEnded() == .ignore)
  }

  @Test func `an end without a head is trailers-only`() {
    var state = self.calling()
    #expect(state.callEnded() == .trailersOnly)
    #expect(state.headReceived() == false)
  }

  @Test func `a refusal needs no call`() {
    var state = PassThroughState()
    #expect(state.callEnded() == .trailersOnly)
    #expect(state.start() == nil)
  }

  @Test func `a client that reads slowly pauses the call`() {
    var state = self.calling()
    let mark = PassThroughState.replyMark
    #expect(state.replyQueued(unsent: mark) == false)
    #expect(state.replyQueued(unsent: mark + 1) == true)
    #expect(state.replyQueued(unsent: mark + 2) == false)
    #expect(state.replySent(unsent: mark / 2 + 1) == false)
    #expect(state.isReplyPaused)
    #expect(state.replySent(unsent: mark / 2) == true)
    #expect(state.replySent(unsent: 0) == false)
  }

  // MARK: The end

  @Test func `an early response ends the request`() {
    var state = self.calling()
    #expect(state.responseSent() == false)
    _ = state.callEnded()
    #expect(state.awaitsEnd)
    #expect(state.responseSent() == true)
    #expect(!state.awaitsEnd)
    #expect(state.responseSent() == false)
  }

  @Test func `a response to a complete request resets nothing`() {
    var state = self.calling()
    _ = state.endReceived()
    _ = state.callEnded()
    #expect(!state.awaitsEnd)
    #expect(state.responseSent() == false)
  }

  @Test func `the end of the request may follow the response`() {
    var state = self.calling()
    _ = state.callEnded()
    _ = state.endReceived()
    #expect(!state.awaitsEnd)
  }

  @Test func `a stream that closes early cancels the call`() {
    var opening = PassThroughState()
    #expect(opening.closed() == .cancel)
    #expect(opening.start() == nil)
    #expect(opening.callEnded() == .ignore)
    var calling = self.calling()
    #expect(calling.closed() == .cancel)
    #expect(calling.closed() == .none)
    #expect(calling.callEnded() == .ignore)
  }

  @Test func `a stream that closes after its response cancels nothing`() {
    var state = self.calling()
    _ = state.callEnded()
    #expect(state.closed() == .none)
  }

  // MARK: The preface

  @Test(arguments: [
    ("", ConnectionPreface.Finding.undecided), ("P", .undecided), ("PRI * HTTP/2.0", .undecided),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r", .undecided), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .http2),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0", .http2), ("PRI * HTTP/1.1", .http1),
    ("POST /", .http1), ("GET /", .http1), ("\r\nGET /", .http1), ("pri", .http1),
    ("PRI * HTTP/2.0\r\n\r\nXX", .http1),
  ])
  func `the first bytes determine the protocol`(
    _ text: String, _ finding: ConnectionPreface.Finding
  ) {
    #expect(ConnectionPreface.classify(ByteBuffer(string: text).readableBytesView) == finding)
  }

  // MARK: The connection

  @Test func `an idle connection is ended`() {
    var state = HTTP2ServerConnectionState()
    #expect(state.wait == .request)
    #expect(state.deadlinePassed() == .goAway)
    #expect(state.wait == .close)
    #expect(state.deadlinePassed() == .close)
  }

  @Test func `a connection with calls is not idle`() {
    var state = HTTP2ServerConnectionState()
    state.streamOpened()
    state.callStarted()
    #expect(state.wait == .nothing)
    #expect(state.deadlinePassed() == .none)
    state.callEnded()
    #expect(state.wait == .request)
    state.streamClosed()
    #expect(state.wait == .request)
  }

  @Test func `a connection whose client accepts no response is closed`() {
    var state = HTTP2ServerConnectionState()
    state.streamOpened()
    state.callStarted()
    state.callEnded()
    #expect(state.deadlinePassed() == .close)
  }

  @Test func `a drain ends an idle connection at once`() {
    var state = HTTP2ServerConnectionState()
    #expect(state.drain() == .goAway)
    #expect(state.drain() == .none)
  }

  @Test func `a drain announces itself on a busy connection`() {
    var state = HTTP2ServerConnectionState()
    state.streamOpened()
    state.callStarted()
    #expect(state.drain() == .announce)
    #expect(state.wait == .notice)
    #expect(state.drain() == .none)
    // A stream that was on its way.
    state.streamOpened()
    state.callStarted()
    #expect(state.deadlinePassed() == .goAway)
    #expect(state.wait == .nothing)
    #expect(state.deadlinePassed() == .none)
    for _ in 0..<2 {
      state.callEnded()
      state.streamClosed()
    }
    #expect(state.wait == .close)
  }
}
