internal import DequeModule
internal import NIOCore

/// State of running and queued lookups and their waiters. Pure.
///
/// The system's resolver blocks a thread until the name server responds, and can't be interrupted. So the
/// number of threads is bounded; a query already in progress isn't started again; and queries that timed
/// out before get only part of the threads, so that names without a working server don't block the
/// others. An answer that arrives after all waiters have left is kept for the next one.
struct LookupState {
  struct Limits {
    /// Maximum concurrent lookups, one thread each.
    var running = 64
    /// Of these, maximum lookups of queries that timed out before.
    var slow = 32
    /// Maximum lookups queued for a thread.
    var waiting = 1024
    /// Maximum late answers and maximum known slow queries.
    var remembered = 1024
    /// Time for which a late answer is kept.
    var lateTime = TimeAmount.seconds(30)
  }

  enum Admission: Equatable {
    /// The outcome follows in `finished`.
    case wait
    /// An answer that arrived after its last waiter had left.
    case answer(LookupAnswer)
    /// Too many lookups are queued.
    case refuse
  }

  private struct Entry {
    var waiters: [Int] = []
    var isRunning = false
  }

  private let limits: Limits
  private var entries: [LookupQuestion: Entry] = [:]
  /// Queries waiting for a thread, including some without waiters.
  private var queue: Deque<LookupQuestion> = []
  private var slow: Set<LookupQuestion> = []
  private var late: [LookupQuestion: (answer: LookupAnswer, end: NIODeadline)] = [:]
  private(set) var runningCount = 0
  private var slowRunningCount = 0

  init(limits: Limits = Limits()) {
    self.limits = limits
  }

  mutating func resolve(_ question: LookupQuestion, waiter: Int, now: NIODeadline) -> Admission {
    if let late = self.late.removeValue(forKey: question), late.end > now {
      return .answer(late.answer)
    }
    if self.entries[question] == nil {
      guard self.queue.count < self.limits.waiting else { return .refuse }
      self.queue.append(question)
    }
    self.entries[question, default: Entry()].waiters.append(waiter)
    return .wait
  }

  /// The next query to send to the resolver.
  mutating func nextStart() -> LookupQuestion? {
    // Abandoned, or queued again since and in progress.
    self.queue.removeAll { self.entries[$0]?.isRunning ?? true }
    guard self.runningCount < self.limits.running else { return nil }
    let maySlow = self.slowRunningCount < self.limits.slow
    guard let index = self.queue.firstIndex(where: { maySlow || !self.slow.contains($0) }) else {
      return nil
    }
    let question = self.queue.remove(at: index)
    self.entries[question]?.isRunning = true
    self.runningCount += 1
    if self.slow.contains(question) { self.slowRunningCount += 1 }
    return question
  }

  /// Handles the resolver's outcome.
  ///
  /// - Returns: the waiters.
  mutating func finished(
    _ question: LookupQuestion, _ outcome: LookupOutcome, now: NIODeadline
  ) -> [Int] {
    guard let entry = self.entries.removeValue(forKey: question) else { return [] }
    self.runningCount -= 1
    let wasSlow = self.slow.contains(question)
    if wasSlow { self.slowRunningCount -= 1 }
    if !entry.waiters.isEmpty {
      self.slow.remove(question)
    } else if case .success(let answer) = outcome {
      self.keep(answer, to: question, now: now)
    }
    return entry.waiters
  }

  private mutating func keep(_ answer: LookupAnswer, to question: LookupQuestion, now: NIODeadline)
  {
    if self.late.count >= self.limits.remembered {
      self.late = self.late.filter { $0.value.end > now }
    }
    guard self.late.count < self.limits.remembered else { return }
    self.late[question] = (answer, now + self.limits.lateTime)
  }

  /// Removes a waiter.
  mutating func giveUp(_ waiter: Int, of question: LookupQuestion) {
    guard var entry = self.entries[question], let index = entry.waiters.firstIndex(of: waiter)
    else {
      return
    }
    entry.waiters.remove(at: index)
    guard entry.isRunning else {
      // Without waiters: skipped in the queue.
      self.entries[question] = entry.waiters.isEmpty ? nil : entry
      return
    }
    self.entries[question] = entry
    guard entry.waiters.isEmpty, self.slow.count < self.limits.remembered else { return }
    if self.slow.insert(question).inserted { self.slowRunningCount += 1 }
  }
}
