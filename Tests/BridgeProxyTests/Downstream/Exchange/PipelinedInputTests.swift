import GRPCWire
import NIOCore
import Testing

@testable import Downstream

@Suite struct PipelinedInputTests {
  private let error = RequestError(.invalidArgument, .malformedRequest, "it can't be parsed")

  private func isRead(_ action: PipelinedInput.Action) -> Bool {
    if case .read = action { true } else { false }
  }

  private func isNone(_ action: PipelinedInput.Action) -> Bool {
    if case .none = action { true } else { false }
  }

  private func message(_ action: PipelinedInput.Action) -> String? {
    if case .fail(let error) = action { error.message } else { nil }
  }

  @Test func `parts are taken in their order`() {
    var input = PipelinedInput()
    #expect(input.isIdle && input.isEmpty && input.popFirst() == nil)
    #expect(input.append(.body(ByteBuffer(string: "abc"))) == true)
    #expect(input.append(.end) == true)
    #expect(!input.isIdle && !input.isEmpty && input.byteCount == 3)
    guard case .body(let bytes) = input.popFirst(), case .end = input.popFirst() else {
      Issue.record("the body and the end were expected")
      return
    }
    #expect(bytes.readableBytes == 3 && input.isEmpty && input.byteCount == 0)
  }

  @Test func `more parts than the limit are too many`() {
    var input = PipelinedInput()
    for _ in 0..<PipelinedInput.limit { #expect(input.append(.end) == true) }
    #expect(input.append(.end) == false)
    input.removeAll()
    #expect(input.isEmpty && input.popFirst() == nil)
  }

  @Test func `a read is suspended until the parts are taken`() {
    var input = PipelinedInput()
    #expect(input.mayRead() == true)
    #expect(self.isNone(input.takeAction()))
    _ = input.append(.end)
    #expect(input.mayRead() == false)
    #expect(self.isNone(input.takeAction()))
    _ = input.popFirst()
    #expect(input.isEmpty && !input.isIdle)
    #expect(self.isRead(input.takeAction()))
    #expect(self.isNone(input.takeAction()) && input.isIdle)
  }

  @Test func `a close follows the parts before it, once`() {
    var input = PipelinedInput()
    _ = input.append(.end)
    input.close()
    #expect(input.takeClose() == false)
    _ = input.popFirst()
    #expect(input.takeClose() == true)
    #expect(input.takeClose() == false)
  }

  @Test func `the first error follows the parts before it, once`() {
    var input = PipelinedInput()
    _ = input.append(.end)
    input.fail(self.error)
    input.fail(RequestError(.invalidArgument, .malformedRequest, "another one"))
    #expect(input.hasFailed && self.isNone(input.takeAction()))
    _ = input.popFirst()
    #expect(self.message(input.takeAction()) == "it can't be parsed")
    #expect(!input.hasFailed && self.isNone(input.takeAction()))
  }

  @Test func `an error takes precedence over a close`() {
    var input = PipelinedInput()
    input.close()
    input.fail(self.error)
    #expect(input.takeClose() == false)
    input.close()
    #expect(input.takeClose() == false && input.hasFailed)
    #expect(self.message(input.takeAction()) == "it can't be parsed")
  }
}
