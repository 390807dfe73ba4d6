package import NIOCore
internal import Time

/// When an endpoint is asked for its schema again.
///
/// It's asked at the start; when a connection has come up after there was none, because it may be
/// another process now; a moment after the last connection was lost, and with a backoff until it
/// answers; and every `refresh`, if that is set. Of several endpoints of a service each counts.
package struct ReflectionSchedule {
  package enum Event: Sendable, Equatable {
    case started
    /// A loop has a connection to the endpoint, and had none.
    case connected
    /// A loop has none any more.
    case disconnected
    /// The time of the last `wait` has passed.
    case timePassed
    /// The endpoint has answered.
    case responded
    /// It hasn't; whether it was there at all.
    case failed(isReachable: Bool)
  }

  package enum Action: Sendable, Equatable {
    case none
    /// Request now, and say what came of it.
    case request
    /// Say `timePassed` after this; a wait before it is forgotten.
    case wait(TimeAmount)
  }

  private enum State: Equatable {
    /// Its answer is known, and waited for may be the time of the next question.
    case known
    /// `again`: something has happened meanwhile that the answer may not know of.
    case requesting(again: Bool)
    /// A question is due.
    case waiting
  }

  private var state = State.known
  private var failures = 0
  private var lastResponse: NIODeadline?
  /// ReflectionExchange in a row that connections gave rise to soon after an answer.
  private var hurriedCount = 0
  private let refresh: TimeAmount?

  /// Between an answer and the next question; so a burst of new connections, one a loop, is one
  /// question.
  static let rest = TimeAmount.seconds(1)

  /// So many questions are asked soon after an answer before the waits grow; an endpoint that closes
  /// every connection when it has answered would be asked without a pause otherwise.
  private static let hurriedLimit = 4
  /// From then on after an answer, nothing is soon.
  private static let calmTime = TimeAmount.seconds(60)

  /// - Parameter refresh: the longest time between two questions; nil: none.
  package init(refresh: TimeAmount?) {
    self.refresh = refresh
  }

  package mutating func receive(
    _ event: Event, now: NIODeadline, using generator: inout some RandomNumberGenerator
  ) -> Action {
    switch (event, self.state) {
    case (.started, _), (.timePassed, .known), (.timePassed, .waiting):
      self.state = .requesting(again: false)
      return .request
    case (.timePassed, .requesting):
      return .none
    case (.connected, .known):
      self.state = .waiting
      return .wait(max(Self.rest, self.pause(now, using: &generator)))
    case (.disconnected, .known):
      self.state = .waiting
      return .wait(self.pause(now, using: &generator))
    case (.connected, .waiting) where self.failures > 0:
      // It's back; the backoff was for when it's away.
      return .wait(Self.rest)
    case (.connected, .waiting), (.disconnected, .waiting):
      return .none
    case (.connected, .requesting):
      // Most likely its own.
      return .none
    case (.disconnected, .requesting):
      self.state = .requesting(again: true)
      return .none
    case (.responded, .requesting(let again)):
      self.failures = 0
      self.lastResponse = now
      self.state = again ? .waiting : .known
      if again { return .wait(max(Self.rest, self.pause(now, using: &generator))) }
      return self.refresh.map { .wait($0) } ?? .none
    case (.failed(let isReachable), .requesting):
      self.failures += 1
      self.state = .waiting
      let backoff = isReachable ? Backoff.slow : Backoff.standard
      return .wait(backoff.delay(afterFailures: self.failures, using: &generator))
    case (.responded, _), (.failed, _):
      assertionFailure("an answer to no question")
      return .none
    }
  }

  /// The time until a question that connections give rise to.
  private mutating func pause(
    _ now: NIODeadline, using generator: inout some RandomNumberGenerator
  ) -> TimeAmount {
    if let last = self.lastResponse, now - last < Self.calmTime {
      self.hurriedCount += 1
    } else {
      self.hurriedCount = 0
    }
    let growing = self.hurriedCount - Self.hurriedLimit
    return growing > 0
      ? Backoff.slow.delay(afterFailures: growing, using: &generator)
      : Backoff.standard.delay(afterFailures: 1, using: &generator)
  }
}
