import NIOCore
import RepeatableRandom
import Testing

@testable import BridgeConfiguration
@testable import GRPCWire
@testable import Upstream

@Suite struct RetryStateTests {
  private let unavailable = GRPCStatus(.unavailable, "gone", origin: .transport)

  private func decide(
    _ state: inout RetryState, _ status: GRPCStatus, isTimeout: Bool = false,
    hasOther: Bool = true, policy: Configuration.Retry? = Configuration.Retry(),
    throttle: inout RetryThrottle?
  ) -> RetryState.Decision {
    var generator = SeededGenerator(seed: 3)
    return state.failed(
      status, isTimeout: isTimeout, hasOther: hasOther, policy: policy, throttle: &throttle,
      using: &generator)
  }

  private func isWait(_ decision: RetryState.Decision, near milliseconds: Double) -> Bool {
    guard case .again(let time) = decision else { return false }
    let ratio = Double(time.nanoseconds) / (milliseconds * 1_000_000)
    return (0.79...1.21).contains(ratio)
  }

  @Test func `attempts end at the limit, with growing delays`() {
    var state = RetryState()
    var throttle: RetryThrottle?
    var policy = Configuration.Retry()
    policy.attempts = 5
    policy.longestBackoff = .milliseconds(80)
    for milliseconds in [25.0, 50, 80, 80] {
      let decision = self.decide(
        &state, self.unavailable, policy: policy, throttle: &throttle)
      #expect(self.isWait(decision, near: milliseconds))
    }
    #expect(self.decide(&state, self.unavailable, policy: policy, throttle: &throttle) == .end)
    #expect(state.attempts == 5)
  }

  @Test func `only the codes of the policy are retried`() {
    for code in GRPCStatus.Code.allCases where code != .ok {
      var state = RetryState()
      var throttle: RetryThrottle?
      let decision = self.decide(&state, GRPCStatus(code, "x"), throttle: &throttle)
      #expect((decision != .end) == (code == .unavailable))
    }
  }

  @Test func `without a policy nothing that was sent is retried`() {
    var state = RetryState()
    var throttle: RetryThrottle?
    #expect(self.decide(&state, self.unavailable, policy: nil, throttle: &throttle) == .end)
  }

  @Test(arguments: [GRPCStatus.Origin.notConnected, .shed])
  func `an attempt that was never sent moves to another endpoint at once`(origin: GRPCStatus.Origin)
  {
    var state = RetryState()
    var throttle: RetryThrottle?
    let status = GRPCStatus(.unavailable, "no", origin: origin)
    for _ in 0..<10 {
      #expect(
        self.decide(&state, status, policy: nil, throttle: &throttle) == .again(after: .zero))
    }
    // Not without end.
    #expect(self.decide(&state, status, policy: nil, throttle: &throttle) == .end)
    #expect(state.attempts == 0)
    var other = RetryState()
    #expect(
      self.decide(&other, status, hasOther: false, policy: nil, throttle: &throttle) == .end)
  }

  @Test func `an attempt that timed out is retried, whatever the codes`() {
    var state = RetryState()
    var throttle: RetryThrottle?
    let status = GRPCStatus(.deadlineExceeded, "slow", origin: .deadline)
    #expect(self.decide(&state, status, isTimeout: true, throttle: &throttle) != .end)
    #expect(self.decide(&state, status, throttle: &throttle) == .end)
  }

  @Test func `the endpoint's pushback counts`() {
    var throttle: RetryThrottle?
    var status = self.unavailable
    status.retryPushback = .wait(.milliseconds(700))
    var state = RetryState()
    #expect(self.decide(&state, status, throttle: &throttle) == .again(after: .milliseconds(700)))
    status.retryPushback = .never
    #expect(self.decide(&state, status, throttle: &throttle) == .end)
  }

  @Test(arguments: [
    (nil, RetryPushback.never), (-1, .never), (0, .wait(.zero)), (5, .wait(.milliseconds(5))),
  ])
  func `pushback is parsed as gRPC defines`(number: Int?, pushback: RetryPushback) {
    #expect(RetryPushback(number) == pushback)
  }

  @Test func `a half-empty bucket stops retries until calls succeed`() {
    var budget = Configuration.Retry.Budget()
    budget.tokens = 4
    budget.ratio = 0.5
    var throttle: RetryThrottle? = RetryThrottle(budget)
    var first = RetryState()
    #expect(self.decide(&first, self.unavailable, throttle: &throttle) != .end)
    // Two tokens are spent: two are left, which is half.
    #expect(self.decide(&first, self.unavailable, throttle: &throttle) == .end)
    throttle?.succeeded()
    throttle?.succeeded()
    throttle?.succeeded()
    var second = RetryState()
    #expect(self.decide(&second, self.unavailable, throttle: &throttle) != .end)
    // What never left takes no token.
    let unsent = GRPCStatus(.unavailable, "no", origin: .notConnected)
    for _ in 0..<5 {
      var state = RetryState()
      #expect(self.decide(&state, unsent, throttle: &throttle) != .end)
    }
    #expect(throttle?.allows == true)
  }
}
