internal import CPlatform
internal import NIOCore
internal import Synchronization
internal import Time

/// Calls the system's resolver off the event loops: each lookup occupies a thread until it returns.
///
/// A thin shell around `LookupState`.
package final class Lookups: Sendable {
  /// Identifies one waiter for one query.
  package struct Ticket: Sendable {
    fileprivate let number: Int
    fileprivate let question: LookupQuestion
  }

  private typealias Waiter = @Sendable (LookupOutcome) -> Void

  private struct Guarded {
    var state: LookupState
    var waiters: [Int: Waiter] = [:]
    var nextNumber = 0
  }

  /// The instance shared by the process.
  package static let system = Lookups(SystemResolver.answer)

  private let guarded: Mutex<Guarded>
  private let query: @Sendable (LookupQuestion) -> LookupOutcome

  /// - Parameter resolve: answers a query; it may block.
  init(
    limits: LookupState.Limits = LookupState.Limits(),
    _ resolve: @escaping @Sendable (LookupQuestion) -> LookupOutcome
  ) {
    self.guarded = Mutex(Guarded(state: LookupState(limits: limits)))
    self.query = resolve
  }

  package func makeTicket(_ question: LookupQuestion) -> Ticket {
    self.guarded.withLock { guarded in
      guarded.nextNumber += 1
      return Ticket(number: guarded.nextNumber, question: question)
    }
  }

  /// Starts a ticket's query, or joins one in progress.
  ///
  /// - Parameter done: called once, on any thread, possibly before this function returns.
  package func resolve(_ ticket: Ticket, _ done: @escaping @Sendable (LookupOutcome) -> Void) {
    let (admission, starts) = self.guarded.withLock { guarded in
      let admission = guarded.state.resolve(ticket.question, waiter: ticket.number, now: .now())
      if admission == .wait { guarded.waiters[ticket.number] = done }
      return (admission, Self.starts(&guarded.state))
    }
    switch admission {
    case .wait: break
    case .answer(let answer): done(.success(answer))
    case .refuse: done(.failure(LookupError(reason: "too many lookups in progress")))
    }
    for question in starts { self.start(question) }
  }

  /// Stops waiting. No effect once the outcome is known.
  ///
  /// - Parameter error: the waiter's outcome.
  package func giveUp(_ ticket: Ticket, _ error: LookupError) {
    let (waiter, starts) = self.guarded.withLock { guarded -> (Waiter?, [LookupQuestion]) in
      guard let waiter = guarded.waiters.removeValue(forKey: ticket.number) else {
        return (nil, [])
      }
      guarded.state.giveUp(ticket.number, of: ticket.question)
      return (waiter, Self.starts(&guarded.state))
    }
    waiter?(.failure(error))
    for question in starts { self.start(question) }
  }

  private static func starts(_ state: inout LookupState) -> [LookupQuestion] {
    var starts: [LookupQuestion] = []
    while let question = state.nextStart() { starts.append(question) }
    return starts
  }

  private func start(_ question: LookupQuestion) {
    let isRunning = DetachedThread.run {
      var next: LookupQuestion? = question
      while let question = next { next = self.finish(question, self.query(question)) }
    }
    guard !isRunning else { return }
    let failure = LookupError(reason: "the system can't create a thread for it")
    if let next = self.finish(question, .failure(failure)) { self.start(next) }
  }

  /// Notifies the waiters.
  ///
  /// - Returns: the next query for the same thread.
  private func finish(_ question: LookupQuestion, _ outcome: LookupOutcome) -> LookupQuestion? {
    let (waiters, next) = self.guarded.withLock { guarded in
      let numbers = guarded.state.finished(question, outcome, now: .now())
      let waiters = numbers.compactMap { guarded.waiters.removeValue(forKey: $0) }
      return (waiters, guarded.state.nextStart())
    }
    for waiter in waiters { waiter(outcome) }
    return next
  }
}

extension Lookups {
  /// Sends a query and waits for the outcome, at most for the given time.
  ///
  /// - Parameter setting: the setting that controls the timeout, for the message.
  package func resolve(
    _ question: LookupQuestion, within time: Duration, setting: String? = nil
  ) async -> LookupOutcome {
    let ticket = self.makeTicket(question)
    let cancelled = LookupError(reason: "the lookup was cancelled")
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        self.resolve(ticket) { continuation.resume(returning: $0) }
        if Task.isCancelled { self.giveUp(ticket, cancelled) }
        Task {
          try? await Task.sleep(for: time)
          let late = LookupError(lateBy: DurationText.of(time), setting: setting)
          self.giveUp(ticket, late)
        }
      }
    } onCancel: {
      self.giveUp(ticket, cancelled)
    }
  }
}

/// A detached thread for work that may block for long.
enum DetachedThread {
  private final class Body: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
      self.run = run
    }
  }

  /// Enough for modules loaded by nsswitch.conf; only touched pages use memory.
  private static let stackByteCount = 1 << 20

  /// - Returns: false if the system can't create a thread; `body` isn't run then.
  static func run(_ body: @escaping @Sendable () -> Void) -> Bool {
    let context = unsafe Unmanaged.passRetained(Body(body))
    let isRunning = unsafe CPlatform_run_detached(Self.stackByteCount, context.toOpaque()) {
      guard let context = unsafe $0 else { return }
      unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
    }
    if isRunning == 0 { unsafe context.release() }
    return isRunning != 0
  }
}
