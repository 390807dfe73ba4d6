import Testing

@testable import Downstream

/// The transitions of a connection, one a test.
struct ExchangeStateTests {
  private static func request(
    _ framing: RequestHeaders.Framing = .none, keepsAlive: Bool = true, expects: Bool = false
  ) -> ExchangeState.Request {
    ExchangeState.Request(framing: framing, keepsAlive: keepsAlive, expectsContinue: expects)
  }

  private static func receiving(
    _ request: ExchangeState.Request, isServerStreaming: Bool = false, limit: Int = 100
  ) -> ExchangeState {
    var state = ExchangeState()
    #expect(state.headReceived(request) == true)
    _ = state.accepted(isServerStreaming: isServerStreaming, limit: limit)
    return state
  }

  private static func calling(
    isServerStreaming: Bool = false, keepsAlive: Bool = true
  ) -> ExchangeState {
    var state = Self.receiving(
      Self.request(keepsAlive: keepsAlive), isServerStreaming: isServerStreaming)
    #expect(state.endReceived() == .startCall)
    return state
  }

  private static func streaming(keepsAlive: Bool = true) -> ExchangeState {
    var state = Self.calling(isServerStreaming: true, keepsAlive: keepsAlive)
    #expect(state.messageReceived() == .begin)
    return state
  }

  @Test func `a unary exchange completes`() {
    var state = ExchangeState()
    #expect(state.wait == .request)
    #expect(state.headReceived(Self.request(.length(10))) == true)
    #expect(state.accepted(isServerStreaming: false, limit: 10) == false)
    #expect(state.wait == .rest)
    #expect(state.bodyReceived(byteCount: 10) == .collect)
    #expect(state.endReceived() == .startCall)
    #expect(state.wait == .nothing)
    #expect(!state.acceptsParts)
    #expect(state.messageReceived() == .hold)
    #expect(state.callEnded(isOK: true) == .respondMessage)
    #expect(!state.closesAfterResponse)
    #expect(state.responded() == .next)
    #expect(state.wait == .request)
    #expect(state.acceptsParts)
    #expect(!state.isBusy)
  }

  @Test func `a streamed exchange completes`() {
    var state = Self.calling(isServerStreaming: true)
    #expect(!state.isStreaming)
    #expect(state.messageReceived() == .begin)
    #expect(state.isStreaming)
    #expect(state.messageReceived() == .write)
    #expect(state.callEnded(isOK: true) == .endStream)
    #expect(state.responded() == .next)
  }

  @Test func `each abnormal end of a call has its outcome`() {
    var state = Self.calling()
    #expect(state.callEnded(isOK: true) == .respondMissing)
    state = Self.calling()
    #expect(state.callEnded(isOK: false) == .respondStatus)
    state = Self.calling()
    #expect(state.messageReceived() == .hold)
    #expect(state.messageReceived() == .refuse)
    state = Self.calling()
    #expect(state.messageReceived() == .hold)
    #expect(state.callEnded(isOK: false) == .respondStatus)
    state = Self.calling(isServerStreaming: true)
    #expect(state.callEnded(isOK: true) == .respondEmptyStream)
    state = Self.calling(isServerStreaming: true)
    #expect(state.callEnded(isOK: false) == .respondStatus)
    state = Self.streaming()
    #expect(state.callEnded(isOK: false) == .endStreamWithStatus)
    state.closed()
    #expect(state.callEnded(isOK: true) == .ignore)
    #expect(state.messageReceived() == .ignore)
  }

  @Test func `100 Continue is due once, and only for a body`() {
    var state = ExchangeState()
    #expect(state.headReceived(Self.request(.length(5), expects: true)) == true)
    #expect(state.accepted(isServerStreaming: false, limit: 10) == true)
    #expect(state.accepted(isServerStreaming: false, limit: 10) == false)
    state = ExchangeState()
    #expect(state.headReceived(Self.request(.none, expects: true)) == true)
    #expect(state.accepted(isServerStreaming: false, limit: 10) == false)
  }

  @Test func `a body past the limit is refused at the first excess byte`() {
    var state = Self.receiving(Self.request(.chunked), limit: 10)
    #expect(state.bodyReceived(byteCount: 10) == .collect)
    #expect(state.bodyReceived(byteCount: 1) == .refuse)
    #expect(state.responded() == .linger)
    #expect(state.bodyReceived(byteCount: ExchangeState.discardLimit) == .discard)
    #expect(state.bodyReceived(byteCount: 1) == .close)
  }

  @Test func `an early response decides about the rest of the request`() {
    var state = Self.receiving(Self.request(.none))
    #expect(state.responded() == .discard)
    #expect(state.endReceived() == .next)

    state = Self.receiving(Self.request(.length(10)))
    #expect(state.bodyReceived(byteCount: 4) == .collect)
    #expect(state.responded() == .discard)
    #expect(state.wait == .rest)
    #expect(state.bodyReceived(byteCount: 6) == .discard)
    #expect(state.endReceived() == .next)
    #expect(state.acceptsParts)

    state = Self.receiving(Self.request(.length(ExchangeState.discardLimit + 1)))
    #expect(state.responded() == .linger)
    state = Self.receiving(Self.request(.chunked))
    #expect(state.responded() == .linger)
    state = Self.receiving(Self.request(.length(10), keepsAlive: false))
    #expect(state.responded() == .linger)
    state = Self.receiving(Self.request(.none, keepsAlive: false))
    #expect(state.responded() == .close)
    state = Self.receiving(Self.request(.length(10)))
    #expect(state.responded(closes: true) == .linger)

    state = ExchangeState()
    #expect(state.headReceived(Self.request(.length(10), expects: true)) == true)
    #expect(state.responded() == .linger, "the body may come or not")
  }

  private static func upgrading(keepsAlive: Bool = true) -> ExchangeState {
    var state = ExchangeState()
    #expect(state.headReceived(Self.request(keepsAlive: keepsAlive)) == true)
    state.acceptedUpgrade()
    return state
  }

  @Test func `a request for another protocol switches at its end`() {
    var state = Self.upgrading()
    #expect(state.isUpgrade && state.isBusy && state.acceptsParts && state.wait == .rest)
    #expect(state.endReceived() == .switchProtocol)
    #expect(state.isUpgrade && !state.acceptsParts && state.wait == .nothing)
    state.upgraded()
    #expect(state.isUpgrade && !state.isBusy && state.wait == .nothing)
    state.closed()
    #expect(state.isUpgrade)
    #expect(state.endReceived() == .none)
    #expect(state.headReceived(Self.request()) == false)
    #expect(state.responded() == .none)
  }

  @Test func `a refused upgrade gets an ordinary response`() {
    var state = Self.upgrading()
    #expect(state.responded() == .discard)
    #expect(state.endReceived() == .next && !state.isUpgrade)
    state = Self.upgrading()
    #expect(state.endReceived() == .switchProtocol)
    #expect(!state.closesAfterResponse)
    #expect(state.responded() == .next && !state.isUpgrade)
    state = Self.upgrading(keepsAlive: false)
    #expect(state.endReceived() == .switchProtocol)
    #expect(state.closesAfterResponse)
    #expect(state.responded() == .close)
  }

  @Test func `an upgrade ends with its client's connection`() {
    var state = Self.upgrading()
    #expect(state.deadlinePassed() == .refuse)
    #expect(state.inputClosed() == .close)
    state = Self.upgrading()
    #expect(state.endReceived() == .switchProtocol)
    #expect(state.deadlinePassed() == .none)
    #expect(state.inputClosed() == .none && state.wait == .halfClosed)
    #expect(state.deadlinePassed() == .close)
  }

  @Test func `after the last response nothing more is accepted`() {
    var state = Self.calling(keepsAlive: false)
    #expect(state.closesAfterResponse)
    #expect(state.responded() == .close)
    #expect(state.headReceived(Self.request()) == false)
    #expect(state.responded() == .none)
    #expect(state.endReceived() == .none)
    #expect(state.bodyReceived(byteCount: 1) == .discard)

    state = ExchangeState()
    #expect(state.responded() == .linger, "to what was no request")
    #expect(state.wait == .close)
    #expect(state.headReceived(Self.request()) == false)
    #expect(state.responded() == .none)
  }

  @Test func `a half-closed client keeps only its current call`() {
    var state = ExchangeState()
    #expect(state.inputClosed() == .close)
    state = Self.receiving(Self.request(.length(10)))
    #expect(state.inputClosed() == .close)
    state = Self.calling()
    #expect(state.inputClosed() == .none)
    #expect(state.wait == .halfClosed)
    #expect(state.closesAfterResponse)
    #expect(state.messageReceived() == .hold)
    #expect(state.responded() == .close)
    state = Self.streaming()
    #expect(state.inputClosed() == .none)
    #expect(state.wait == .halfClosed)
    #expect(state.deadlinePassed() == .close)
  }

  @Test func `a drain closes an idle exchange and lets others finish`() {
    var state = ExchangeState()
    #expect(state.drain() == .close)
    state = ExchangeState()
    state.partialHeadReceived()
    #expect(state.drain() == .none)
    #expect(state.headReceived(Self.request()) == true)
    #expect(state.endReceived() == .startCall)
    #expect(state.responded() == .close)
    state = Self.streaming()
    #expect(state.drain() == .none)
    #expect(state.responded() == .close)
  }

  @Test func `a deadline acts by the state that set it`() {
    var state = ExchangeState()
    #expect(state.deadlinePassed() == .close)
    state = ExchangeState()
    state.partialHeadReceived()
    #expect(state.wait == .rest)
    #expect(state.deadlinePassed() == .refuse)
    #expect(state.responded() == .linger)
    #expect(state.deadlinePassed() == .close)
    state = Self.receiving(Self.request(.length(10)))
    #expect(state.deadlinePassed() == .refuse)
    #expect(state.responded(closes: true) == .linger)
    state = Self.receiving(Self.request(.length(10)))
    #expect(state.responded() == .discard)
    #expect(state.deadlinePassed() == .close)
    state = Self.calling()
    #expect(state.deadlinePassed() == .none)
  }
}
