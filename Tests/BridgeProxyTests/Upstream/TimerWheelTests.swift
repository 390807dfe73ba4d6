import NIOCore
import Testing

@testable import Upstream

@Suite struct TimerWheelTests {
  private let start = NIODeadline.uptimeNanoseconds(123_456_789)

  private func fired(_ wheel: inout TimerWheel, at amount: TimeAmount) -> [Int] {
    var due: [Int] = []
    wheel.advance(to: self.start + amount, into: &due)
    return due.sorted()
  }

  @Test(
    arguments: [1, 9_999_999, 10_000_000, 10_000_001, 30_000_000_000, 10_240_000_000] as [Int64])
  func `an entry fires once and never early`(nanoseconds: Int64) {
    var wheel = TimerWheel(now: self.start)
    wheel.schedule(3, at: self.start + .nanoseconds(nanoseconds))
    var now: Int64 = 0
    var firedAt: [Int64] = []
    while now < nanoseconds + 25_000_000 {
      if !self.fired(&wheel, at: .nanoseconds(now)).isEmpty { firedAt.append(now) }
      now += 3_333_333
    }
    #expect(firedAt.count == 1)
    #expect(firedAt.allSatisfy { $0 >= nanoseconds && $0 < nanoseconds + 14_000_000 })
    #expect(wheel.isEmpty)
  }

  @Test func `a cancelled entry doesn't fire`() {
    var wheel = TimerWheel(now: self.start)
    // The same slot: head, middle and tail of a list.
    for entry in 0..<5 { wheel.schedule(entry, at: self.start + .milliseconds(95)) }
    for entry in [4, 2, 0, 2, 77] { wheel.cancel(entry) }
    #expect(wheel.count == 2)
    #expect(self.fired(&wheel, at: .milliseconds(100)) == [1, 3])
  }

  @Test func `rescheduling moves the entry`() {
    var wheel = TimerWheel(now: self.start)
    wheel.schedule(0, at: self.start + .milliseconds(20))
    wheel.schedule(0, at: self.start + .milliseconds(50))
    #expect(wheel.count == 1)
    #expect(self.fired(&wheel, at: .milliseconds(40)) == [])
    #expect(self.fired(&wheel, at: .milliseconds(50)) == [0])
  }

  @Test func `entries of a later turn are skipped`() {
    var wheel = TimerWheel(now: self.start)
    wheel.schedule(0, at: self.start + .milliseconds(100))
    wheel.schedule(1, at: self.start + .milliseconds(100 + 10_240))
    #expect(self.fired(&wheel, at: .milliseconds(100)) == [0])
    #expect(self.fired(&wheel, at: .milliseconds(10_330)) == [])
    #expect(self.fired(&wheel, at: .milliseconds(10_340)) == [1])
  }

  @Test func `a long sleep fires every entry that is due`() {
    var wheel = TimerWheel(now: self.start)
    for entry in 0..<3000 {
      wheel.schedule(entry, at: self.start + .milliseconds(Int64(entry) * 17))
    }
    let first = self.fired(&wheel, at: .milliseconds(17 * 1999 + 10))
    let second = self.fired(&wheel, at: .seconds(3600))
    #expect(first.first == 0 && first.last == 1999 && first.count == 2000)
    #expect(second.first == 2000 && second.last == 2999 && second.count == 1000)
  }

  @Test func `past deadlines fire with the next tick`() {
    var wheel = TimerWheel(now: self.start)
    #expect(self.fired(&wheel, at: .seconds(60)) == [])
    wheel.schedule(0, at: self.start)
    wheel.schedule(1, at: .distantFuture)
    #expect(self.fired(&wheel, at: .seconds(60)) == [])
    #expect(self.fired(&wheel, at: .seconds(60) + .milliseconds(10)) == [0])
    #expect(wheel.count == 1)
  }
}
