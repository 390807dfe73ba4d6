package import NIOCore
internal import Time

/// State of when to request an endpoint's schema again.
///
/// Requests are made at startup; when a connection is established after there was none, because it may
/// lead to another process; shortly after the last connection was lost, with a backoff until one
/// succeeds; and every `refresh`, if set. All endpoints of a service count.
package struct ReflectionSchedule {
  package enum Event: Sendable, Equatable {
    case started
    /// A loop has its first connection to the endpoint.
    case connected
    /// A loop has lost its last connection.
    case disconnected
    /// The time of the last `wait` has passed.
    case timePassed
    /// The request succeeded.
    case responded
    /// The request failed; `isReachable`: whether the endpoint was connected.
    case failed(isReachable: Bool)
  }

  package enum Action: Sendable, Equatable {
    case none
    /// Request now, and report the outcome.
    case request
    /// Send `timePassed` after this time; replaces an earlier wait.
    case wait(TimeAmount)
  }

  private enum State: Equatable {
    /// The schema is known; a periodic refresh may be scheduled.
    case known
    /// `again`: an event occurred that the response may not reflect.
    case requesting(again: Bool)
    /// A request is scheduled.
    case waiting
  }

  private var state = State.known
  private var failures = 0
  private var lastResponse: NIODeadline?
  /// Consecutive requests caused by connections soon after a response.
  private var hurriedCount = 0
  private let refresh: TimeAmount?

  /// Minimum time between a response and the next request; coalesces a burst of new connections, one per
  /// loop, into one request.
  static let rest = TimeAmount.seconds(1)

  /// Number of requests soon after a response before the waits grow; otherwise an endpoint that closes
  /// every connection after its response would be queried without pause.
  private static let hurriedLimit = 4
  /// A request later than this after a response isn't soon.
  private static let calmTime = TimeAmount.seconds(60)

  /// - Parameter refresh: the longest time between two requests; nil: unlimited.
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
      // It's reachable again; the backoff was for an unreachable endpoint.
      return .wait(Self.rest)
    case (.connected, .waiting), (.disconnected, .waiting):
      return .none
    case (.connected, .requesting):
      // Most likely the request's own connection.
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
      assertionFailure("a response without a request")
      return .none
    }
  }

  /// The wait before a request caused by connections.
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
