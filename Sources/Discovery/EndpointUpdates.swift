internal import NIOCore
internal import Time

/// The producing side of a source's stream; drops repeated updates.
struct EndpointUpdates {
  private let continuation: AsyncStream<EndpointUpdate>.Continuation
  private var last: EndpointUpdate?

  /// Updates buffered for a slow consumer; the oldest are dropped.
  private static let waitingLimit = 64

  /// A stream and the task that fills it; the task is cancelled when the consumer stops.
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

  /// Publishes an update unless it equals the previous one.
  mutating func yield(_ update: EndpointUpdate) {
    guard update != self.last else { return }
    self.last = update
    self.continuation.yield(update)
  }
}

/// The wait between polls of a source: as configured, and shorter while it has no list.
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

/// The clock of the sources. [seam: tests advance it]
package struct DiscoveryClock: Sendable {
  /// Monotonic time since an arbitrary moment.
  package let now: @Sendable () -> Duration
  /// Milliseconds since 1970, for signatures.
  package let wallMilliseconds: @Sendable () -> Int
  /// Returns after the duration, or immediately when the task is cancelled.
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
