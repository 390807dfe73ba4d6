import Testing

@testable import BridgeConfiguration
@testable import Downstream
@testable import GRPCWire

/// Clients that don't take what they're sent.
struct WriteWatchTests {
  @Test func `a client that accepts bytes in time isn't stalled, another one is`() {
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

  @Test func `a client that never reads its response is closed`() throws {
    let client = try Self.client()
    client.setWritable(false)
    client.upstream.calls[0].end(GRPCStatus(.notFound))
    // What it takes in the beginning counts.
    for _ in 0..<5 { client.loop.tick() }
    #expect(!client.isOpen)
  }

  @Test func `a client that resumes reading continues`() throws {
    let client = try Self.client()
    client.setWritable(false)
    client.upstream.calls[0].end(GRPCStatus(.notFound))
    client.loop.tick()
    client.setWritable(true)
    for _ in 0..<20 { client.loop.tick() }
    #expect(client.isOpen)
    #expect(try client.response().status == 404)
  }
}
