import NIOCore
import RepeatableRandom
import Testing

@testable import Time

@Suite struct BackoffTests {
  @Test(arguments: [
    (0, 100), (1, 100), (2, 160), (3, 256), (4, 410), (7, 1678), (8, 2000), (1000, 2000),
    (Int.max, 2000),
  ])
  func `the delay grows up to its limit, with jitter`(failures: Int, milliseconds: Double) {
    var generator = SeededGenerator(seed: 42)
    let waits = (0..<200).map { _ in
      Double(
        Backoff.standard.delay(afterFailures: failures, using: &generator).nanoseconds) / 1e6
    }
    #expect(waits.allSatisfy { $0 > milliseconds * 0.799 && $0 < milliseconds * 1.201 })
    #expect(Set(waits).count > 100)
  }
}
