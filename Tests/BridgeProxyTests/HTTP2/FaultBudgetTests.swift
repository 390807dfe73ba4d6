import NIOCore
import Testing

@testable import HTTP2

@Suite struct FaultBudgetTests {
  private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

  private func spend(_ budget: inout FaultBudget, _ count: Int, at now: NIODeadline) -> Int {
    (0..<count).filter { _ in budget.spend(now: now) }.count
  }

  @Test func `a burst of faults is tolerated, and no more`() {
    var budget = FaultBudget()
    #expect(self.spend(&budget, 2 * FaultBudget.burst, at: self.start) == FaultBudget.burst)
  }

  @Test(arguments: [(0, 0), (1, 33), (10, 330), (100, FaultBudget.burst)] as [(Int64, Int)])
  func `faults are forgotten at a steady rate`(seconds: Int64, count: Int) {
    var budget = FaultBudget()
    _ = self.spend(&budget, FaultBudget.burst, at: self.start)
    let later = self.start + .seconds(seconds)
    #expect(self.spend(&budget, 2 * FaultBudget.burst, at: later) == count)
  }
}
