import RepeatableRandom
import Testing

@testable import Downstream

@Suite struct BufferBudgetTests {
  @Test func `within the limit no exchange is evicted`() {
    #expect(BufferBudget(limit: 10).excess(of: []) == [])
    #expect(BufferBudget(limit: 10).excess(of: [4, 0, 6]) == [])
  }

  @Test func `the exchanges with the most buffered bytes are evicted first`() {
    #expect(BufferBudget(limit: 10).excess(of: [4, 1, 6]) == [2])
    #expect(BufferBudget(limit: 10).excess(of: [4, 9, 6, 0, 8]) == [1, 4])
    #expect(BufferBudget(limit: 10).excess(of: [11]) == [0])
  }

  @Test func `no more exchanges are evicted than necessary`() throws {
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<200 {
      let held = (0..<Int.random(in: 0...20, using: &generator)).map { _ in
        Int.random(in: 0...9, using: &generator)
      }
      let budget = BufferBudget(limit: 30)
      let places = budget.excess(of: held)
      let left = held.reduce(0, +) - places.reduce(0) { $0 + held[$1] }
      #expect(left <= 30)
      if let last = places.last { #expect(left + held[last] > 30) }
      #expect(Set(places).count == places.count)
    }
  }
}
