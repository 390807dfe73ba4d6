internal import NIOCore
internal import Time

/// The producing side of a source's stream: says only what's new.
struct EndpointUpdates {
  private let continuation: AsyncStream<EndpointUpdate>.Continuation
  private var last: EndpointUpdate?

  /// How many updates wait for a consumer that's late; the oldest give way to newer ones.
  private static let waitingLimit = 64

  /// A stream and the task that fills it, which is cancelled when nobody takes from the stream any more.
  static func stream(
    _ body: @escaping @Sendable (inout EndpointUpdates) async -> Void
  ) -> AsyncStream<EndpointUpdate> {
    AsyncStream(bufferingPolicy: .bufferingNewest(Self.waitingLimit)) { continuation in
      let task = Task {
        var updates = EndpointUpdates(continuation)
        await body(&updates)
        continuation.finish()
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }

  init(_ continuation: AsyncStream<EndpointUpdate>.Continuation) {
    self.continuation = continuation
  }

  /// Passes on an update, unless it says what the one before said.
  mutating func yield(_ update: EndpointUpdate) {
    guard update != self.last else { return }
    self.last = update
    self.continuation.yield(update)
  }
}

/// How long a source that asks again and again waits: as configured, and less as long as it has no list.
struct DiscoveryPace {
  private var hasList = false
  private var failures = 0
  private var generator = SystemRandomNumberGenerator()

  init() {}

  mutating func note(_ update: EndpointUpdate) {
    switch update {
    case .endpoints:
      self.hasList = true
      self.failures = 0
    case .failure:
      self.failures += 1
    }
  }

  mutating func wait(_ interval: Duration) -> Duration {
    guard !self.hasList, self.failures > 0 else { return interval }
    let delay = Backoff.standard.delay(afterFailures: self.failures, using: &self.generator)
    return min(interval, .nanoseconds(delay.nanoseconds))
  }
}

/// The time as sources see it. [seam: tests make it pass]
package struct DiscoveryClock: Sendable {
  /// Since some moment, never going back.
  package let now: @Sendable () -> Duration
  /// Milliseconds since 1970, for signatures.
  package let wallMilliseconds: @Sendable () -> Int
  /// Returns after the duration, or at once when the task is cancelled.
  package let sleep: @Sendable (Duration) async -> Void

  package init(
    now: @escaping @Sendable () -> Duration, wallMilliseconds: @escaping @Sendable () -> Int,
    sleep: @escaping @Sendable (Duration) async -> Void
  ) {
    self.now = now
    self.wallMilliseconds = wallMilliseconds
    self.sleep = sleep
  }

  package static let system = DiscoveryClock(
    now: { .nanoseconds(Int64(NIODeadline.now().uptimeNanoseconds)) },
    wallMilliseconds: {
      let time = WallTime.now()
      return time.seconds * 1000 + time.milliseconds
    },
    sleep: { try? await Task.sleep(for: $0) })
}
