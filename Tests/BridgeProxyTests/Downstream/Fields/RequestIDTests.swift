import RepeatableRandom
import Testing

@testable import AccessLogging
@testable import BridgeConfiguration
@testable import Downstream
@testable import GRPCWire
@testable import HTTP2
@testable import Upstream

/// What a request is known by, from the client to the endpoint, the response and the log.
struct RequestIDTests {
  @Test func `a new request ID is a random UUID of version 4`() {
    var generator = SeededGenerator(seed: 7)
    var ids = RequestIDs(seededBy: &generator)
    var seen: Set<String> = []
    for _ in 0..<1000 {
      var bytes: [UInt8] = []
      ids.append(to: &bytes)
      #expect(bytes.count == RequestIDs.byteCount)
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(
        text.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/)
          != nil)
      #expect(seen.insert(text).inserted)
    }
  }

  @Test func `a client's request ID is forwarded, returned and logged`() throws {
    let client = try TestClient()
    for id in ["abc-123", String(repeating: "x", count: 128), "!~"] {
      client.request("GET /v1/notes/a", ["X-Request-ID: \(id)"])
      let call = try #require(client.upstream.calls.last)
      #expect(call.request.metadata.first("x-request-id") == id)
      call.reply([])
      call.end()
      #expect(try client.response().fields["x-request-id"] == id)
      #expect(client.log.entries.last?.requestID == id)
    }
  }

  @Test(arguments: ["", "a b", "caf\u{E9}", String(repeating: "x", count: 129)])
  func `a request ID that isn't visible ASCII, or is too long, is replaced`(_ id: String) throws {
    let client = try TestClient()
    client.request("GET /v1/notes/a", ["X-Request-Id: \(id)"])
    let call = try #require(client.upstream.calls.last)
    let new = try #require(call.request.metadata.first("x-request-id"))
    #expect(new.utf8.count == RequestIDs.byteCount)
    call.end(GRPCStatus(.notFound))
    #expect(try client.response().fields["x-request-id"] == new)
    #expect(client.log.entries.last?.requestID == new)
  }

  @Test func `each request has an ID, including errors and streams`() throws {
    let client = try TestClient()
    client.request("GET /nowhere")
    let first = try client.response().fields["x-request-id"]
    client.request("GET /v1/watch/a")
    client.upstream.calls.last?.end()
    let second = try client.response().fields["x-request-id"]
    #expect(first?.utf8.count == RequestIDs.byteCount)
    #expect(second?.utf8.count == RequestIDs.byteCount)
    #expect(first != second)
    client.sendRaw("nonsense\r\n\r\n")
    let response = try client.response()
    #expect(response.status == 400)
    #expect(response.fields["x-request-id"] == nil)
  }

  @Test func `a configured request ID replaces the client's`() throws {
    let client = try TestClient { $0.metadata = [("x-request-id", "fixed")] }
    client.request("GET /v1/notes/a", ["X-Request-Id: mine"])
    let metadata = try #require(client.upstream.calls.last).request.metadata
    #expect(metadata.fields.count == 1)
    #expect(metadata.first("x-request-id") == "fixed")
  }
}
