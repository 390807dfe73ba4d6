internal import DequeModule
internal import NIOCore

/// Which lookups run, which wait, and who waits for them. Pure.
///
/// The system's resolver blocks a thread for as long as a name server is silent, and can't be told to
/// stop. So the number of threads is bounded; a question that is asked already isn't asked again; and
/// questions that took too long the last time have only a part of the threads, so that names without a
/// server don't keep the others from being looked up. An answer that comes when nobody waits for it any
/// more is kept for whoever asks next.
struct LookupState {
  struct Limits {
    /// Lookups at a time, each on a thread.
    var running = 64
    /// Of these, those whose question was late the last time.
    var slow = 32
    /// Lookups that wait for a thread.
    var waiting = 1024
    /// Late answers that are kept, and questions that are known to be slow.
    var remembered = 1024
    /// How long a late answer is kept.
    var lateTime = TimeAmount.seconds(30)
  }

  enum Admission: Equatable {
    /// The outcome follows by `finished`.
    case wait
    /// It came after the last asker had left.
    case answer(LookupAnswer)
    /// Too many wait.
    case refuse
  }

  private struct Entry {
    var waiters: [Int] = []
    var isRunning = false
  }

  private let limits: Limits
  private var entries: [LookupQuestion: Entry] = [:]
  /// ReflectionExchange that wait for a thread, and some that nobody asks any more.
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

  /// A question to put to the resolver now.
  mutating func nextStart() -> LookupQuestion? {
    // Admission by nobody any more, or again since and under way.
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

  /// The resolver has answered.
  ///
  /// - Returns: who waits for it.
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

  /// Someone waits no more.
  mutating func giveUp(_ waiter: Int, of question: LookupQuestion) {
    guard var entry = self.entries[question], let index = entry.waiters.firstIndex(of: waiter)
    else {
      return
    }
    entry.waiters.remove(at: index)
    guard entry.isRunning else {
      // Nobody asks it any more: it's passed over in the queue.
      self.entries[question] = entry.waiters.isEmpty ? nil : entry
      return
    }
    self.entries[question] = entry
    guard entry.waiters.isEmpty, self.slow.count < self.limits.remembered else { return }
    if self.slow.insert(question).inserted { self.slowRunningCount += 1 }
  }
}
