import NIOCore
import Testing

@testable import Upstream

@Suite struct CallLimitTests {
  @Test(arguments: [
    (CallLimit(.seconds(30), .service), "within 30s (services.bench.timeout)"),
    (CallLimit(.milliseconds(1500), .stream), "within 1500ms (services.bench.stream.timeout)"),
    (CallLimit(.microseconds(250), .client), "within 250us (the request's own timeout)"),
    (CallLimit(.seconds(-1), .client), "within 0us (the request's own timeout)"),
  ])
  func `a message names the timeout and its setting`(_ limit: CallLimit, _ words: String) {
    #expect(limit.words(for: "services.bench") == words)
  }

  @Test(arguments: [
    (nil, false, CallLimit(.seconds(5), .service)), (nil, true, CallLimit(.seconds(5), .stream)),
    (TimeAmount.seconds(4), false, CallLimit(.seconds(4), .client)),
    (TimeAmount.seconds(5), true, CallLimit(.seconds(5), .stream)),
    (TimeAmount.seconds(9), false, CallLimit(.seconds(5), .service)),
  ])
  func `the shorter limit applies`(_ client: TimeAmount?, _ isStreaming: Bool, _ limit: CallLimit) {
    #expect(CallLimit(.seconds(5), isStreaming: isStreaming, client: client) == limit)
  }
}
