import NIOCore
import Testing

@testable import BridgeConfiguration
@testable import Upstream

@Suite struct OutlierDetectorTests {
  private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

  private func make(
    _ members: Int, _ change: (inout Configuration.Outliers) -> Void = { _ in }
  ) -> OutlierDetector {
    var options = Configuration.Outliers()
    change(&options)
    var detector = OutlierDetector(options)
    detector.setMembers((1...members).map { MemberID($0) })
    return detector
  }

  private func fail(
    _ detector: inout OutlierDetector, _ id: MemberID, times: Int, at now: NIODeadline
  )
    -> [Bool]
  {
    (0..<times).map { _ in detector.ended(id, isFailure: true, now: now) }
  }

  @Test func `five consecutive failures eject a member for thirty seconds`() {
    var detector = self.make(3)
    #expect(self.fail(&detector, 2, times: 4, at: self.start) == [false, false, false, false])
    // A good end begins the count anew.
    #expect(detector.ended(2, isFailure: false, now: self.start) == false)
    #expect(
      self.fail(&detector, 2, times: 5, at: self.start) == [false, false, false, false, true])
    #expect(detector.isEjected(2) && !detector.isEjected(1))
    #expect(detector.nextDue() == self.start + .seconds(30))
    #expect(detector.sweep(now: self.start + .seconds(29)) == false)
    #expect(detector.sweep(now: self.start + .seconds(30)) == true)
    #expect(!detector.isEjected(2))
  }

  @Test func `each ejection is longer, up to a limit`() {
    var detector = self.make(3) { $0.longestEjection = .seconds(70) }
    var now = self.start
    for seconds: Int64 in [30, 60, 70, 70] {
      #expect(self.fail(&detector, 1, times: 5, at: now).last == true)
      #expect(detector.sweep(now: now + .seconds(seconds) - .nanoseconds(1)) == false)
      now = now + .seconds(seconds)
      #expect(detector.sweep(now: now) == true)
    }
  }

  @Test func `success shortens the next ejection`() {
    var detector = self.make(3) { $0.interval = .seconds(10) }
    _ = detector.sweep(now: self.start)
    _ = self.fail(&detector, 1, times: 5, at: self.start)
    var now = self.start + .seconds(30)
    _ = detector.sweep(now: now)
    for _ in 0..<3 {
      now = now + .seconds(10)
      _ = detector.sweep(now: now)
    }
    _ = self.fail(&detector, 1, times: 5, at: now)
    // Thirty seconds again, not sixty.
    _ = detector.sweep(now: now + .seconds(30))
    #expect(!detector.isEjected(1))
  }

  @Test func `only a share of the members is ejected, but always up to one`() {
    var detector = self.make(4)
    for id in 1...4 { _ = self.fail(&detector, MemberID(id), times: 5, at: self.start) }
    #expect((1...4).map { detector.isEjected(MemberID($0)) } == [true, true, false, false])
    var two = self.make(2) { $0.mostEjected = 0 }
    _ = self.fail(&two, 1, times: 5, at: self.start)
    #expect(two.isEjected(1))
    var one = self.make(1)
    _ = self.fail(&one, 1, times: 50, at: self.start)
    #expect(!one.isEjected(1))
  }

  @Test func `zero disables the count of failures`() {
    var detector = self.make(3) { $0.consecutiveFailures = 0 }
    #expect(!self.fail(&detector, 1, times: 100, at: self.start).contains(true))
  }

  @Test func `a success rate far below the others ejects a member`() {
    var detector = self.make(6) { $0.consecutiveFailures = 0 }
    _ = detector.sweep(now: self.start)
    for id in 1...6 {
      for call in 0..<200 {
        // The sixth fails half of its calls.
        _ = detector.ended(MemberID(id), isFailure: id == 6 && call % 2 == 0, now: self.start)
      }
    }
    #expect(detector.sweep(now: self.start + .seconds(10)) == true)
    #expect(
      (1...6).map { detector.isEjected(MemberID($0)) } == [false, false, false, false, false, true])
  }

  @Test(arguments: [(4, 200), (6, 90)])
  func `too few members or calls allow no conclusion`(members: Int, calls: Int) {
    var detector = self.make(members) { $0.consecutiveFailures = 0 }
    _ = detector.sweep(now: self.start)
    for id in 1...members {
      for call in 0..<calls {
        _ = detector.ended(MemberID(id), isFailure: id == 1 && call % 2 == 0, now: self.start)
      }
    }
    _ = detector.sweep(now: self.start + .seconds(10))
    #expect(!detector.isEjected(1))
  }

  @Test func `a removed member is forgotten`() {
    var detector = self.make(3)
    _ = self.fail(&detector, 1, times: 5, at: self.start)
    detector.setMembers([2, 3])
    #expect(!detector.isEjected(1) && detector.ejectedCount == 0)
    #expect(detector.ended(1, isFailure: true, now: self.start) == false)
  }
}
