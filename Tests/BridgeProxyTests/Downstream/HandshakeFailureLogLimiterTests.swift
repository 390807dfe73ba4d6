import Testing

@testable import Downstream

@Suite struct HandshakeFailureLogLimiterTests {
  @Test func `the first failure is logged, and then one line a minute`() {
    var notes = HandshakeFailureLogLimiter()
    #expect(
      notes.failed("it doesn't speak TLS", client: "a:1", tick: 5)
        == "can't establish TLS with client a:1: it doesn't speak TLS")
    #expect(notes.failed("x", client: "a:2", tick: 5) == nil)
    #expect(notes.failed("x", client: "a:3", tick: 124) == nil)
    #expect(
      notes.failed("y", client: "a:4", tick: 125)
        == "can't establish TLS with client a:4: y (and 2 others since the last report)")
    #expect(
      notes.failed("z", client: "a:5", tick: 900) == "can't establish TLS with client a:5: z")
  }
}
