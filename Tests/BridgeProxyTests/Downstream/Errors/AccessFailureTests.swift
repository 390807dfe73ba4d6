import Testing

@testable import AccessLogging
@testable import GRPCWire

/// What the access log has of requests that failed.
struct AccessFailureTests {
  @Test func `an error is logged with its reason and message`() throws {
    let client = try TestClient()
    client.request("GET /v1/nothing?token=secret")
    client.request("POST /v1/echo", ["Content-Type: text/html"], body: "{}")
    client.request("POST /v1/echo", body: #"{"nmae":"a"}"#)
    let entries = client.log.entries
    #expect(
      entries.map(\.failure?.reason) == [
        "ROUTE_NOT_FOUND", "UNSUPPORTED_CONTENT_TYPE", "INVALID_MESSAGE",
      ])
    for (entry, words) in zip(entries, ["no route for GET /v1/nothing", "text/html", "nmae"]) {
      #expect(entry.failure?.message.contains(words) == true)
      #expect(!entry.requestID.isEmpty)
    }
    #expect(!entries.contains { $0.failure?.message.contains("secret") == true })
  }

  @Test
  func `an endpoint's error is logged with its message and the reason of its details`() throws {
    var details = WireWriter()
    details.varint(1, 5)
    details.message(3) { any in
      any.string(1, "type.googleapis.com/google.rpc.ErrorInfo")
      any.message(2) { $0.string(1, "SOLD_OUT") }
    }
    let client = try TestClient()
    for (status, reason) in [
      (GRPCStatus(.notFound, "no such note"), ""),
      (GRPCStatus(.notFound, "no such note", details: details.bytes), "SOLD_OUT"),
      (GRPCStatus(.unavailable, "no such note", origin: .notConnected), "ENDPOINT_NOT_REACHABLE"),
    ] {
      for path in ["/v1/notes/a", "/v1/watch/a"] {
        client.request("GET \(path)")
        let call = try #require(client.upstream.calls.last)
        if path == "/v1/watch/a" { call.reply(TestSchema.note(name: "a")) }
        call.end(status)
        let failure = try #require(client.log.entries.last?.failure)
        #expect(failure == .init(reason: reason, message: "no such note"))
      }
    }
    client.request("GET /v1/notes/a")
    let call = try #require(client.upstream.calls.last)
    call.reply(TestSchema.note(name: "a"))
    call.end()
    #expect(client.log.entries.last?.failure == nil)
  }

  @Test(
    arguments: [
      ("GET  /v1/a HTTP/1.1\r\n\r\n", "GET", "", 400),
      ("GET /v1/a?token=s3cret b HTTP/1.1\r\n\r\n", "GET", "/v1/a", 400),
      ("GET /v1/a RTSP/1.0\r\n\r\n", "GET", "/v1/a", 400),
      ("FROB /v1/a HTTP/1.1\r\nHost: a\r\n\r\n", "FROB", "/v1/a", 501),
      ("\u{16}\u{3}\u{1}\u{2}\r\n", "", "", 400),
      ("GET / HTTP/1.1\r\nAuthorization: Bearer s3cret\nHost: a\r\n\r\n", nil, nil, 400),
    ] as [(String, String?, String?, Int)])
  func `a malformed request is logged without secrets`(
    text: String, method: String?, path: String?, status: Int
  ) throws {
    let client = try TestClient()
    client.sendRaw(text)
    let entry = try #require(client.log.entries.first)
    #expect(client.log.entries.count == 1)
    #expect(entry.httpStatus == status)
    if let method { #expect(entry.method == method) }
    if let path { #expect(entry.path == path) }
    #expect(!entry.path.contains("s3cret") && !entry.method.contains("s3cret"))
    #expect(entry.failure?.message.isEmpty == false)
    #expect(entry.failure?.message.contains("s3cret") == false)
  }

  @Test func `a client that closes after its responses isn't logged again`() throws {
    let client = try TestClient()
    client.request("GET /v1/nothing")
    client.closeInput()
    #expect(client.log.entries.count == 1)
  }
}
