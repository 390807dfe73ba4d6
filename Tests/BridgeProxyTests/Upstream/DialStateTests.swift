import NIOCore
import Testing

@testable import Addresses
@testable import Upstream

@Suite struct DialStateTests {
  private let start = NIODeadline.uptimeNanoseconds(0)
  private let host = "bench.internal"

  private func at(_ milliseconds: Int64) -> NIODeadline { self.start + .milliseconds(milliseconds) }

  private func addresses(_ texts: String...) -> [SocketAddress] {
    texts.compactMap { try? SocketAddress(ipAddress: $0, port: 1) }
  }

  private func starts(_ state: inout DialState, at milliseconds: Int64) -> [String] {
    var found: [String] = []
    while let attempt = state.nextAttempt(now: self.at(milliseconds)) {
      found.append("\(attempt.number) \(attempt.address.ipAddress ?? "")")
    }
    return found
  }

  private func looked(
    first: AddressFamily = .ipv6, ipv6: [SocketAddress], ipv4: [SocketAddress]
  ) -> DialState {
    var state = DialState(lookingUp: AddressFamily.allCases, first: first)
    state.found(ipv6, .ipv6, now: self.start)
    state.found(ipv4, .ipv4, now: self.start)
    return state
  }

  @Test func `address families alternate at intervals`() {
    var state = self.looked(
      ipv6: self.addresses("::1", "::2", "::3"), ipv4: self.addresses("10.0.0.1"))
    #expect(self.starts(&state, at: 0) == ["1 ::1"])
    #expect(state.wakeAt == self.at(250))
    #expect(self.starts(&state, at: 249) == [])
    #expect(self.starts(&state, at: 250) == ["2 10.0.0.1"])
    #expect(self.starts(&state, at: 500) == ["3 ::2"])
    #expect(self.starts(&state, at: 750) == ["4 ::3"])
    #expect(state.wakeAt == nil)
    #expect(state.failure(of: self.host) == nil)
  }

  @Test func `asking before the lookup's answer uses no turn`() {
    var state = DialState(lookingUp: AddressFamily.allCases, first: .ipv6)
    #expect(self.starts(&state, at: 0) == [])
    state.found(self.addresses("::1"), .ipv6, now: self.start)
    state.found(self.addresses("10.0.0.1"), .ipv4, now: self.start)
    #expect(self.starts(&state, at: 0) == ["1 ::1"])
  }

  @Test func `the family of the last connection comes first`() {
    var state = self.looked(
      first: .ipv4, ipv6: self.addresses("::1"), ipv4: self.addresses("10.0.0.1"))
    #expect(self.starts(&state, at: 0) == ["1 10.0.0.1"])
    #expect(self.starts(&state, at: 250) == ["2 ::1"])
  }

  @Test func `a failure starts the next attempt at once`() {
    var state = self.looked(ipv6: self.addresses("::1"), ipv4: self.addresses("10.0.0.1"))
    #expect(self.starts(&state, at: 0) == ["1 ::1"])
    state.failed(1, "refused", .connecting)
    #expect(self.starts(&state, at: 1) == ["2 10.0.0.1"])
    // It's no news any more.
    state.failed(1, "again", .connecting)
    #expect(state.failure(of: self.host) == nil)
    state.failed(2, "no HTTP/2", .greeting)
    // What got furthest says most.
    #expect(state.failure(of: self.host) == "no HTTP/2 (tried ::1 and 10.0.0.1)")
  }

  @Test func `one family is enough`() {
    var state = DialState(lookingUp: AddressFamily.allCases, first: .ipv6)
    state.lookupFailed(LookupError(reason: "No address"), .ipv6)
    state.found(self.addresses("10.0.0.1"), .ipv4, now: self.start)
    #expect(self.starts(&state, at: 0) == ["1 10.0.0.1"])
    state.failed(1, "refused", .connecting)
    #expect(state.failure(of: self.host) == "refused")
  }

  @Test func `a family without an answer is waited for briefly`() {
    var state = DialState(lookingUp: AddressFamily.allCases, first: .ipv6)
    state.found(self.addresses("10.0.0.1"), .ipv4, now: self.start)
    #expect(self.starts(&state, at: 0) == [])
    #expect(state.wakeAt == self.at(50))
    #expect(self.starts(&state, at: 50) == ["1 10.0.0.1"])
    // It comes at last, and has its turn.
    state.found(self.addresses("::1"), .ipv6, now: self.at(100))
    #expect(self.starts(&state, at: 299) == [])
    #expect(self.starts(&state, at: 300) == ["2 ::1"])
  }

  @Test func `the preferred family waits for no other`() {
    var state = DialState(lookingUp: AddressFamily.allCases, first: .ipv6)
    state.found(self.addresses("::1"), .ipv6, now: self.start)
    #expect(self.starts(&state, at: 0) == ["1 ::1"])
    // All that's known has failed, but there's more to come.
    state.failed(1, "refused", .connecting)
    #expect(state.failure(of: self.host) == nil && !state.isLookingUp)
    state.found(self.addresses("10.0.0.1"), .ipv4, now: self.at(10))
    #expect(self.starts(&state, at: 10) == ["2 10.0.0.1"])
  }

  @Test(arguments: [
    (LookupError(reason: "unknown"), LookupError(reason: "no data"), "can't look up n: unknown"),
    (
      LookupError(reason: "unknown"), LookupError(lateBy: "1s", setting: "s"),
      "can't look up n in time: no answer within 1s (s)"
    ),
  ])
  func `a name that can't be resolved is an error with its reason`(
    _ ipv4: LookupError, _ ipv6: LookupError, _ reason: String
  ) {
    var state = DialState(lookingUp: AddressFamily.allCases, first: .ipv6)
    #expect(state.isLookingUp)
    state.lookupFailed(ipv4, .ipv4)
    #expect(state.failure(of: "n") == nil)
    state.lookupFailed(ipv6, .ipv6)
    #expect(state.failure(of: "n") == reason)
  }

  @Test func `the number of addresses tried is limited`() {
    let many = (0..<200).compactMap { try? SocketAddress(ipAddress: "10.0.0.\($0)", port: 1) }
    var state = self.looked(ipv6: self.addresses("::1"), ipv4: many)
    var count = 0
    while let attempt = state.nextAttempt(now: self.start) {
      state.failed(attempt.number, "refused", .connecting)
      count += 1
    }
    #expect(count == DialState.addressLimit / 2 + 1)
    #expect(state.failure(of: self.host) == "refused (tried 33 addresses)")
  }
}
