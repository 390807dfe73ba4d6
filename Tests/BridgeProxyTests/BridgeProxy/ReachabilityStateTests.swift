import NIOCore
import NIOEmbedded
import Testing

@testable import BridgeConfiguration
@testable import BridgeProxy
@testable import Upstream

@Suite struct ReachabilityStateTests {
  private let loops = [EmbeddedEventLoop(), EmbeddedEventLoop()]

  private func note(
    _ state: inout ReachabilityState, _ reachability: Reachability, loop: Int = 0, port: Int = 1,
    at seconds: Int64 = 0
  ) -> String? {
    state.note(
      reachability,
      of: .init(group: .init(service: 0, group: 0), endpoint: .init(host: "a", port: port)),
      name: "bench", on: ObjectIdentifier(self.loops[loop]),
      now: .uptimeNanoseconds(0) + .seconds(seconds))
  }

  @Test func `a lost endpoint is logged once, and so is its return`() {
    var state = ReachabilityState()
    for loop in [0, 1] { #expect(self.note(&state, .reached, loop: loop) == nil) }
    // The other loop's connection may be well.
    #expect(self.note(&state, .lost("gone"), loop: 0, at: 1) == nil)
    #expect(
      self.note(&state, .lost("it closed"), loop: 1, at: 2)
        == "service bench: a:1 is unreachable: it closed")
    for loop in [0, 1, 0] { #expect(self.note(&state, .lost("refused"), loop: loop, at: 3) == nil) }
    #expect(
      self.note(&state, .reached, loop: 1, at: 14)
        == "service bench: a:1 is reachable again after 12s")
    #expect(self.note(&state, .reached, loop: 0, at: 14) == nil)
  }

  @Test func `an endpoint that was never reachable is logged`() {
    var state = ReachabilityState()
    #expect(self.note(&state, .lost("refused")) == "service bench: a:1 is unreachable: refused")
    #expect(self.note(&state, .reached, at: 0) == "service bench: a:1 is reachable again after 0ms")
  }

  @Test func `an orderly close is not a loss`() {
    var state = ReachabilityState()
    for loop in [0, 1] { #expect(self.note(&state, .reached, loop: loop) == nil) }
    for loop in [0, 1] { #expect(self.note(&state, .idle, loop: loop) == nil) }
    #expect(self.note(&state, .reached) == nil)
  }

  @Test func `a flapping endpoint is logged at intervals`() {
    var state = ReachabilityState()
    var lines: [String] = []
    for second: Int64 in 0..<21 {
      lines += [self.note(&state, .lost("closed"), at: second)].compactMap { $0 }
      lines += [self.note(&state, .reached, at: second)].compactMap { $0 }
    }
    #expect(
      lines == [
        "service bench: a:1 is unreachable: closed",
        "service bench: a:1 is reachable again after 0ms",
        "service bench: a:1 is unreachable (10 times since the last report): closed",
        "service bench: a:1 is reachable again after 0ms",
        "service bench: a:1 is unreachable (10 times since the last report): closed",
        "service bench: a:1 is reachable again after 0ms",
      ])
    // It stays away, which is reported in the end.
    #expect(self.note(&state, .lost("closed"), at: 21) == nil)
    #expect(
      self.note(&state, .lost("refused"), at: 31) == "service bench: a:1 is unreachable: refused")
  }

  @Test func `simultaneous losses are counted in one line`() {
    var state = ReachabilityState()
    let count = (1...100).count { self.note(&state, .lost("no route"), port: $0) != nil }
    #expect(count == ReachabilityState.lineLimit)
    #expect(
      self.note(&state, .lost("no route"), port: 101, at: 10)
        == "service bench: a:101 is unreachable: no route (80 similar lines suppressed)")
  }

  @Test func `a logged reason is printable and short`() {
    var state = ReachabilityState()
    let line = self.note(&state, .lost("a\n\u{1B}[2J\u{9B}b" + String(repeating: "x", count: 1000)))
    #expect(line?.hasPrefix("service bench: a:1 is unreachable: a??[2J?bxx") == true)
    #expect(line?.utf8.count ?? 0 < 600)
  }

  @Test func `a removed endpoint is forgotten`() {
    var state = ReachabilityState()
    for loop in [0, 1] { #expect(self.note(&state, .reached, loop: loop) == nil) }
    for loop in [0, 1] { #expect(self.note(&state, .left, loop: loop) == nil) }
    // It's another one that is lost at once.
    #expect(self.note(&state, .lost("refused")) != nil)
  }
}
