import NIOCore
import RepeatableRandom
import Testing

@testable import BridgeProxy

@Suite struct ReflectionScheduleTests {
  /// Gives the events one after the other; the waits as text, with their spread left out.
  private static func actions(
    _ events: [ReflectionSchedule.Event], refresh: TimeAmount? = nil
  ) -> [String] {
    var schedule = ReflectionSchedule(refresh: refresh)
    var generator = SeededGenerator(seed: 1)
    return events.map { event in
      switch schedule.receive(event, now: .uptimeNanoseconds(0), using: &generator) {
      case .none: "-"
      case .request: "ask"
      case .wait(.seconds(1)): "rest"
      case .wait(let time) where time == refresh: "refresh"
      case .wait(let time): time < .milliseconds(700) ? "short" : "long"
      }
    }
  }

  @Test(
    arguments: [
      ("at the start", [.started, .responded], ["ask", "-"]),
      (
        "when a connection is made after there was none",
        [.started, .responded, .connected, .timePassed, .responded],
        ["ask", "-", "rest", "ask", "-"]
      ),
      (
        "once for a burst of connections",
        [.started, .responded, .connected, .connected, .disconnected, .timePassed],
        ["ask", "-", "rest", "-", "-", "ask"]
      ),
      ("not for its own connection", [.started, .connected, .responded], ["ask", "-", "-"]),
      (
        "a moment after a loss",
        [.started, .responded, .disconnected, .timePassed, .failed(isReachable: false)],
        ["ask", "-", "short", "ask", "short"]
      ),
      (
        "again after a loss while it was asked",
        [.started, .disconnected, .responded, .timePassed, .responded],
        ["ask", "-", "rest", "ask", "-"]
      ),
      (
        "with a backoff while it's away, and soon when it's back",
        [
          .started, .failed(isReachable: false), .timePassed, .failed(isReachable: false),
          .connected, .timePassed, .responded,
        ],
        ["ask", "short", "ask", "short", "rest", "ask", "-"]
      ),
      (
        "less often when it answers badly",
        [.started, .failed(isReachable: true), .timePassed, .failed(isReachable: true)],
        ["ask", "long", "ask", "long"]
      ),
    ] as [(String, [ReflectionSchedule.Event], [String])])
  func `each event causes the right action`(
    _ name: String, _ events: [ReflectionSchedule.Event], _ expected: [String]
  ) {
    #expect(Self.actions(events) == expected, "\(name)")
  }

  @Test func `the schema is requested at every refresh interval`() {
    #expect(
      Self.actions([.started, .responded, .timePassed, .responded], refresh: .seconds(30))
        == ["ask", "refresh", "ask", "refresh"])
  }

  @Test func `delays grow while the endpoint is away, up to a bound`() {
    var schedule = ReflectionSchedule(refresh: nil)
    var generator = SeededGenerator(seed: 1)
    let now = NIODeadline.uptimeNanoseconds(0)
    for isReachable in [false, true] {
      _ = schedule.receive(.started, now: now, using: &generator)
      var last = TimeAmount.zero
      for _ in 0..<50 {
        if case .wait(let time) = schedule.receive(
          .failed(isReachable: isReachable), now: now, using: &generator)
        {
          last = time
        }
        #expect(schedule.receive(.timePassed, now: now, using: &generator) == .request)
      }
      let most: TimeAmount = isReachable ? .seconds(30) : .seconds(2)
      #expect(
        last.nanoseconds * 10 >= most.nanoseconds * 8
          && last.nanoseconds * 10 <= most.nanoseconds * 12)
      _ = schedule.receive(.responded, now: now, using: &generator)
    }
  }

  @Test(arguments: [ReflectionSchedule.Event.connected, .disconnected])
  func `an endpoint that disconnects after each response is asked less often`(
    _ event: ReflectionSchedule.Event
  ) throws {
    var schedule = ReflectionSchedule(refresh: nil)
    var generator = SeededGenerator(seed: 1)
    var now = NIODeadline.uptimeNanoseconds(0)
    var waits: [TimeAmount] = []
    func round() throws {
      _ = schedule.receive(.responded, now: now, using: &generator)
      guard case .wait(let time) = schedule.receive(event, now: now, using: &generator) else {
        return
      }
      waits.append(time)
      now = now + time
      try #require(schedule.receive(.timePassed, now: now, using: &generator) == .request)
    }
    _ = schedule.receive(.started, now: now, using: &generator)
    for _ in 0..<20 { try round() }
    #expect(waits.count == 20)
    #expect(waits.prefix(4).allSatisfy { $0 <= .seconds(1) })
    #expect(waits.suffix(5).allSatisfy { $0 >= .seconds(24) && $0 <= .seconds(36) })
    _ = schedule.receive(.responded, now: now, using: &generator)
    now = now + .seconds(60)
    guard case .wait(let time) = schedule.receive(event, now: now, using: &generator) else {
      Issue.record("nothing is asked any more")
      return
    }
    #expect(time <= .seconds(1))
  }
}
