import Testing

@testable import BridgeConfiguration
@testable import Downstream
@testable import GRPCWire

/// Clients that don't take what they're sent.
struct WriteWatchTests {
  @Test("a client that takes something in time goes on, one that doesn't is stalled")
  func states() {
    var watch = WriteWatch()
    #expect(watch.deadline == .max)
    watch.begin(taken: 10, until: 5)
    // It's begun already.
    watch.begin(taken: 11, until: 9)
    #expect(watch.deadline == 5)
    #expect(watch.isStalled(taken: 11, next: 12) == false)
    #expect(watch.deadline == 12)
    #expect(watch.isStalled(taken: 11, next: 20) == true)
    #expect(watch.deadline == .max)
    watch.begin(taken: 0, until: 5)
    watch.end()
    #expect(watch.deadline == .max)
  }

  private static func client() throws -> TestClient {
    var limits = Configuration.Limits()
    limits.responseWriteTimeout = .seconds(1)
    let client = try TestClient(limits: limits)
    client.request("GET /v1/notes/a")
    return client
  }

  @Test("one that never reads its answer is closed")
  func unread() throws {
    let client = try Self.client()
    client.setWritable(false)
    client.upstream.calls[0].end(GRPCStatus(.notFound))
    // What it takes in the beginning counts.
    for _ in 0..<5 { client.loop.tick() }
    #expect(!client.isOpen)
  }

  @Test("one that reads at last goes on")
  func read() throws {
    let client = try Self.client()
    client.setWritable(false)
    client.upstream.calls[0].end(GRPCStatus(.notFound))
    client.loop.tick()
    client.setWritable(true)
    for _ in 0..<20 { client.loop.tick() }
    #expect(client.isOpen)
    #expect(try client.answer().status == 404)
  }
}
