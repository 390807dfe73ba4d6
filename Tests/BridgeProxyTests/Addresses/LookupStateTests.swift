import NIOCore
import Testing

@testable import Addresses

@Suite struct LookupStateTests {
  private let start = NIODeadline.uptimeNanoseconds(0)
  private let answer = LookupAnswer.addresses([])

  private func question(_ name: String) -> LookupQuestion { LookupQuestion(name, .ipv4) }

  private func starts(_ state: inout LookupState) -> [String] {
    var names: [String] = []
    while let question = state.nextStart() { names.append(question.name) }
    return names
  }

  @Test func `concurrent lookups of one name share one query`() {
    var state = LookupState()
    for waiter in 1...3 {
      #expect(state.resolve(self.question("a"), waiter: waiter, now: self.start) == .wait)
    }
    // Another family is another question.
    #expect(state.resolve(LookupQuestion("a", .ipv6), waiter: 4, now: self.start) == .wait)
    #expect(self.starts(&state) == ["a", "a"])
    #expect(state.resolve(self.question("a"), waiter: 5, now: self.start) == .wait)
    #expect(self.starts(&state) == [])
    state.giveUp(2, of: self.question("a"))
    #expect(
      state.finished(self.question("a"), .success(self.answer), now: self.start) == [1, 3, 5])
    #expect(state.runningCount == 1)
  }

  @Test func `lookups beyond the limit wait in order`() {
    var state = LookupState(limits: .init(running: 2, slow: 1, waiting: 2))
    for (waiter, name) in ["a", "b"].enumerated() {
      #expect(state.resolve(self.question(name), waiter: waiter, now: self.start) == .wait)
    }
    #expect(self.starts(&state) == ["a", "b"])
    for (waiter, name) in ["c", "d"].enumerated() {
      #expect(state.resolve(self.question(name), waiter: 10 + waiter, now: self.start) == .wait)
    }
    #expect(state.resolve(self.question("e"), waiter: 20, now: self.start) == .refuse)
    #expect(self.starts(&state) == [])
    // One that nobody waits for any more is passed over, and asked again it's at the end.
    state.giveUp(10, of: self.question("c"))
    _ = state.finished(self.question("a"), .success(self.answer), now: self.start)
    #expect(self.starts(&state) == ["d"])
    #expect(state.resolve(self.question("c"), waiter: 21, now: self.start) == .wait)
    _ = state.finished(self.question("b"), .success(self.answer), now: self.start)
    #expect(self.starts(&state) == ["c"])
    #expect(state.runningCount == 2)
  }

  @Test func `lookups that get no answer don't block others`() {
    var state = LookupState(limits: .init(running: 4, slow: 2, waiting: 100))
    let silent = ["s1", "s2", "s3", "s4"]
    for (waiter, name) in silent.enumerated() {
      _ = state.resolve(self.question(name), waiter: waiter, now: self.start)
    }
    // Nobody can know beforehand.
    #expect(self.starts(&state) == silent)
    for (waiter, name) in silent.enumerated() { state.giveUp(waiter, of: self.question(name)) }
    for name in silent {
      let failure = LookupError(reason: "no server")
      #expect(state.finished(self.question(name), .failure(failure), now: self.start) == [])
    }
    for (waiter, name) in (silent + ["good"]).enumerated() {
      _ = state.resolve(self.question(name), waiter: 10 + waiter, now: self.start)
    }
    #expect(self.starts(&state) == ["s1", "s2", "good"])
    // One that is answered in time is as good as any other.
    let answered = state.finished(self.question("s1"), .success(self.answer), now: self.start)
    #expect(answered == [10])
    #expect(self.starts(&state) == ["s3"])
    _ = state.resolve(self.question("s1"), waiter: 30, now: self.start)
    #expect(self.starts(&state) == ["s1"])
    #expect(state.runningCount == 4)
  }

  @Test func `a late answer is kept for the next lookup`() {
    var state = LookupState()
    for (name, wait) in [("a", TimeAmount.seconds(29)), ("b", .seconds(31))] {
      _ = state.resolve(self.question(name), waiter: 1, now: self.start)
      #expect(self.starts(&state) == [name])
      state.giveUp(1, of: self.question(name))
      _ = state.finished(self.question(name), .success(self.answer), now: self.start)
      let asked = state.resolve(self.question(name), waiter: 2, now: self.start + wait)
      #expect(asked == (name == "a" ? .answer(self.answer) : .wait))
    }
    // Once.
    #expect(state.resolve(self.question("a"), waiter: 3, now: self.start) == .wait)
  }

  @Test func `a failed lookup is not cached`() {
    var state = LookupState()
    _ = state.resolve(self.question("a"), waiter: 1, now: self.start)
    #expect(self.starts(&state) == ["a"])
    state.giveUp(1, of: self.question("a"))
    _ = state.finished(
      self.question("a"), .failure(LookupError(reason: "no")), now: self.start)
    #expect(state.resolve(self.question("a"), waiter: 2, now: self.start) == .wait)
  }
}
