import Synchronization
import Testing

@testable import BridgeConfiguration
@testable import BridgeProxy
@testable import Discovery

/// The sources that poll over HTTP, as their consumers see them: with responses from a table, and a clock
/// that advances whenever a source sleeps.
@Suite struct EndpointSourceTests {
  /// Consecutive responses, and a record of what happened.
  final class Script: Sendable {
    private let responses: Mutex<[HTTPFetch.Outcome]>
    let requests = Mutex<[HTTPFetch.Request]>([])
    let waits = Mutex<[Duration]>([])

    init(_ responses: [HTTPFetch.Outcome]) {
      self.responses = Mutex(responses)
    }

    /// After the last response it waits until its task is cancelled.
    var fetch: HTTPFetch {
      HTTPFetch { request in
        let next = self.responses.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        guard let next else {
          await Proxy.never()
          return .failure(HTTPFetchError("cancelled"))
        }
        self.requests.withLock { $0.append(request) }
        return next
      }
    }

    var clock: DiscoveryClock {
      DiscoveryClock(now: { .zero }, wallMilliseconds: { 0 }) { duration in
        self.waits.withLock { $0.append(duration) }
      }
    }
  }

  private static func list(_ hosts: String...) -> HTTPFetch.Outcome {
    let items = hosts.map { #"{"ip":"\#($0)","port":1}"# }.joined(separator: ",")
    return .success(
      HTTPFetch.Response(
        status: 200, body: Array(#"{"endpoints":{"items":[\#(items)]},"hosts":[\#(items)]}"#.utf8)))
  }

  private static let failing = HTTPFetch.Outcome.failure(HTTPFetchError("down"))
  private static func endpoints(_ hosts: String..., weight: Int) -> EndpointUpdate {
    .endpoints(hosts.map { .init(.init(host: $0, port: 1), weight: weight) })
  }

  private static func take(_ count: Int, of source: some EndpointSource) async -> [EndpointUpdate] {
    var updates: [EndpointUpdate] = []
    for await update in source.updates() {
      updates.append(update)
      if updates.count == count { break }
    }
    return updates
  }

  @Test func `a source emits only changes, and continues after failures`() async {
    let script = Script([
      Self.failing, Self.failing, Self.list("a"), Self.list("a"), Self.list("a", "b"),
      Self.failing, Self.list("a", "b"), Self.list(),
    ])
    let source = EASDirectSource(
      Configuration.EASDirect(service: "s", bases: ["http://d"]), fetch: script.fetch,
      clock: script.clock)
    let updates = await Self.take(6, of: source)
    #expect(
      updates == [
        .failure("down"), Self.endpoints("a", weight: 100), Self.endpoints("a", "b", weight: 100),
        .failure("down"), Self.endpoints("a", "b", weight: 100), .endpoints([]),
      ])
    let waits = script.waits.withLock { $0 }
    // Soon again as long as there's no list, at its own pace from then on.
    #expect(waits[0] < .seconds(1) && waits[1] < .seconds(1))
    #expect(waits[2..<7].allSatisfy { $0 == .seconds(5) })
  }

  @Test func `a source ends with its consumer`() async {
    let (ended, continuation) = AsyncStream.makeStream(of: Void.self)
    let fetch = HTTPFetch { _ in
      await Proxy.never()
      continuation.finish()
      return Self.failing
    }
    do {
      var updates = EASDirectSource(
        Configuration.EASDirect(service: "s", bases: ["http://d"]), fetch: fetch
      ).updates().makeAsyncIterator()
      let task = Task { await updates.next() }
      task.cancel()
      #expect(await task.value == nil)
    }
    for await _ in ended {}
  }

  @Test func `a registry is polled again when its response expires`() async {
    let aged = { (milliseconds: Int) in
      HTTPFetch.Outcome.success(
        HTTPFetch.Response(
          status: 200, body: Array(#"{"hosts":[],"cacheMillis":\#(milliseconds)}"#.utf8)))
    }
    let script = Script([
      Self.list("a"), aged(3000), Self.failing, aged(1), aged(0), Self.list("b"),
    ])
    let source = NacosHTTPSource(
      Self.registry { $0.access = .httpV1 }, fetch: script.fetch, clock: script.clock)
    #expect(
      await Self.take(5, of: source) == [
        Self.endpoints("a", weight: 1), .endpoints([]), .failure("down"), .endpoints([]),
        Self.endpoints("b", weight: 1),
      ])
    let waits = script.waits.withLock { $0.prefix(5) }
    #expect(waits == [.seconds(10), .seconds(3), .seconds(3), .seconds(1), .seconds(1)])
  }

  @Test func `a configured poll interval is used`() async {
    let script = Script([Self.list("a"), Self.list("b")])
    let settings = Self.registry {
      $0.access = .httpV1
      $0.pollInterval = .seconds(42)
    }
    let source = NacosHTTPSource(settings, fetch: script.fetch, clock: script.clock)
    _ = await Self.take(2, of: source)
    #expect(script.waits.withLock { $0.first } == .seconds(42))
  }

  private static func registry(
    _ change: (inout Configuration.Nacos) -> Void
  ) -> Configuration.Nacos {
    var settings = Configuration.Nacos(
      servers: [Configuration.Endpoint(host: "n", port: 8848)], service: "s")
    change(&settings)
    return settings
  }
}
