import NIOCore
import Testing

@testable import Upstream

@Suite struct WindowEstimatorTests {
  private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

  private func time(_ milliseconds: Int64) -> NIODeadline {
    self.start + .milliseconds(milliseconds)
  }

  @Test func `small replies are not measured`() {
    var estimator = WindowEstimator(window: 1000, most: 8000)
    #expect(estimator.receive(499, now: { self.start }) == false)
    #expect(estimator.receive(1, now: { self.start }) == true)
    // One PING at a time.
    #expect(estimator.receive(1000, now: { self.start }) == false)
  }

  @Test func `a window that was full is doubled up to the limit`() {
    var estimator = WindowEstimator(window: 1000, most: 3000)
    var now: Int64 = 0
    var windows: [Int] = []
    for bytes in [1000, 1800, 2900] {
      _ = estimator.receive(estimator.window / 2, now: { self.time(now) })
      _ = estimator.receive(bytes, now: { self.time(now) })
      now += 50
      if let window = estimator.receivePong(now: self.time(now)) { windows.append(window) }
    }
    #expect(windows == [2000, 3000])
    // At the limit nothing is measured any more.
    #expect(estimator.receive(100_000, now: { self.start }) == false)
  }

  @Test func `a window that was not full stays`() {
    var estimator = WindowEstimator(window: 1000, most: 8000)
    _ = estimator.receive(500, now: { self.start })
    _ = estimator.receive(600, now: { self.start })
    #expect(estimator.receivePong(now: self.time(50)) == nil)
    #expect(estimator.window == 1000)
  }

  @Test func `a full window at lower bandwidth means delay, not too small a window`() {
    var estimator = WindowEstimator(window: 1000, most: 80_000)
    _ = estimator.receive(500, now: { self.start })
    _ = estimator.receive(1000, now: { self.start })
    #expect(estimator.receivePong(now: self.time(10)) == 2000)
    // Queues have made the round trip longer: twice the bytes in four times the time.
    _ = estimator.receive(1000, now: { self.time(20) })
    _ = estimator.receive(2000, now: { self.time(20) })
    #expect(estimator.receivePong(now: self.time(60)) == nil)
  }

  @Test func `an unexpected PING acknowledgement has no effect`() {
    var estimator = WindowEstimator(window: 1000, most: 8000)
    #expect(estimator.receivePong(now: self.start) == nil)
  }
}
