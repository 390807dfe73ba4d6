import NIOCore
import RepeatableRandom
import Testing

@testable import BridgeConfiguration
@testable import GRPCWire
@testable import HTTP2
@testable import Upstream

/// One test per transition of a call over its attempts.
@Suite struct ClusterCallStateTests {
  private let unavailable = GRPCStatus(.unavailable, "gone", origin: .transport)
  private let first = ByteBuffer(string: "first")

  private func make(holdsReply: Bool = false) -> ClusterCallState {
    ClusterCallState(first: self.first, holdsReply: holdsReply)
  }

  private func fail(
    _ state: inout ClusterCallState, _ status: GRPCStatus? = nil, timeLeft: TimeAmount? = nil,
    policy: Configuration.Retry? = Configuration.Retry(), hasOther: Bool = true
  ) -> ClusterCallState.FailureAction {
    var generator = SeededGenerator(seed: 3)
    var throttle: RetryThrottle?
    return state.failed(
      status ?? self.unavailable, isTimeout: false, timeLeft: timeLeft, policy: policy,
      throttle: &throttle, using: &generator
    ) { _ in hasOther }
  }

  private func head(_ name: String) -> HeaderBlock {
    var block = HeaderBlock()
    block.append(name, "1")
    return block
  }

  @Test func `a queued call begins with its messages`() throws {
    var state = self.make()
    state.send(ByteBuffer(string: "second"))
    let begun = state.begin(on: 1)
    let beginning = try #require(begun)
    #expect(beginning.first == self.first && beginning.previousAttempts == 0)
    #expect(beginning.rest == [ByteBuffer(string: "second")])
    #expect(!state.isCommitted)
  }

  @Test func `a call that ended in the queue doesn't begin`() {
    var state = self.make()
    #expect(state.cancel() == .dequeue)
    let begun = state.begin(on: 1)
    #expect(state.hasEnded && begun == nil)
    #expect(state.replay.byteCount == 0)
  }

  @Test func `a failed attempt waits and is queued again`() throws {
    var state = self.make()
    _ = state.begin(on: 4)
    guard case .again(let time) = self.fail(&state) else {
      Issue.record("no further attempt")
      return
    }
    #expect(time > .zero && state.tried == [4])
    #expect(state.resume() == true)
    #expect(state.resume() == false)
    let begun = state.begin(on: 2)
    let next = try #require(begun)
    #expect(next.previousAttempts == 1 && next.first == self.first)
  }

  @Test func `an attempt that was never sent is queued again at once`() {
    var state = self.make()
    _ = state.begin(on: 4)
    let unsent = GRPCStatus(.unavailable, "no", origin: .notConnected)
    #expect(self.fail(&state, unsent, policy: nil) == .again(after: .zero))
    // Already queued: there's no wait to end.
    #expect(state.resume() == false)
    let begun = state.begin(on: 5)
    #expect(begun != nil && state.failedAttempts == 0)
  }

  @Test func `a retry that would begin after the deadline ends the call`() {
    var state = self.make()
    _ = state.begin(on: 1)
    #expect(self.fail(&state, timeLeft: .milliseconds(1)) == .end(.nothing))
    #expect(state.hasEnded)
  }

  @Test func `a call cancelled while it waits for a retry leaves the queue`() {
    var state = self.make()
    _ = state.begin(on: 1)
    _ = self.fail(&state)
    #expect(state.cancel() == .dequeue)
    #expect(state.resume() == false)
    #expect(state.cancel() == .none)
  }

  @Test func `cancelling an attempt names its member`() {
    var state = self.make()
    _ = state.begin(on: 7)
    #expect(state.cancel() == .cancelAttempt(on: 7))
  }

  @Test func `the first part of a response commits the call`() {
    var state = self.make()
    _ = state.begin(on: 1)
    #expect(state.receiveHead(self.head("a")) == .pass)
    #expect(state.isCommitted && state.replay.byteCount == 0)
    #expect(state.receiveMessage(self.first) == .pass)
    #expect(self.fail(&state) == .end(.nothing))
  }

  @Test func `a held response is passed on at the end`() {
    var state = self.make(holdsReply: true)
    _ = state.begin(on: 1)
    #expect(state.receiveHead(self.head("a")) == .hold)
    #expect(state.receiveMessage(self.first) == .hold)
    #expect(!state.isCommitted)
    #expect(state.succeeded() == .message(self.head("a"), self.first))
    #expect(state.hasEnded)
  }

  @Test func `a held response is dropped when the attempt is retried`() {
    var state = self.make(holdsReply: true)
    _ = state.begin(on: 1)
    _ = state.receiveHead(self.head("a"))
    guard case .again = self.fail(&state) else {
      Issue.record("no further attempt")
      return
    }
    #expect(state.resume() == true)
    _ = state.begin(on: 2)
    #expect(state.receiveHead(self.head("b")) == .hold)
    #expect(state.succeeded() == .head(self.head("b")))
  }

  @Test func `a held head precedes the failure that ends the call`() {
    var state = self.make(holdsReply: true)
    _ = state.begin(on: 1)
    _ = state.receiveHead(self.head("a"))
    #expect(
      self.fail(&state, GRPCStatus(.notFound, "x", origin: .endpoint))
        == .end(.head(self.head("a"))))
  }

  @Test func `a second message releases the held response`() {
    var state = self.make(holdsReply: true)
    _ = state.begin(on: 1)
    _ = state.receiveHead(self.head("a"))
    _ = state.receiveMessage(self.first)
    let second = ByteBuffer(string: "second")
    #expect(state.receiveMessage(second) == .passAfter(.message(self.head("a"), self.first)))
    #expect(state.isCommitted)
    #expect(state.receiveMessage(second) == .pass)
  }

  @Test func `a request too long to keep commits the call`() {
    var state = self.make()
    _ = state.begin(on: 1)
    state.send(ByteBuffer(repeating: 1, count: 200 << 10))
    #expect(!state.isCommitted)
    state.send(ByteBuffer(repeating: 1, count: 200 << 10))
    #expect(state.isCommitted && state.replay.byteCount == 0)
    #expect(self.fail(&state) == .end(.nothing))
  }

  @Test func `a first attempt too long to keep commits the call`() {
    var state = self.make()
    state.send(ByteBuffer(repeating: 1, count: 300 << 10))
    let begun = state.begin(on: 1)
    #expect(begun?.rest.count == 1)
    #expect(state.isCommitted && state.replay.byteCount == 0)
  }
}
