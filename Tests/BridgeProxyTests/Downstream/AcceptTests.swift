import Testing

@testable import Downstream

/// What a client says that it takes.
struct AcceptTests {
  @Test(arguments: [
    ("application/json", true), ("*/*", true), ("APPLICATION/JSON", true),
    ("application/json; charset=utf-8", true), ("application/json;q=0.1", true),
    ("application/vnd.api+json", true), ("application/*+json", true), ("application/*", true),
    ("text/json", true), ("*", true),
    // What browsers, Java and others send.
    ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", true),
    ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", true),
    ("application/json, text/plain, */*", true), ("text/plain, application/json;q=0.5", true),
    // What can't be read counts for nothing.
    ("", true), ("json", true), (",", true), (";q=0", true), ("text/plain, json", false),
    // Without JSON.
    ("text/html", false), ("application/xml", false), ("application/jsonp", false),
    ("application/x-ndjson", false), ("text/event-stream", false), ("text/*", false),
    ("image/*, text/plain;q=0.5", false), ("application/grpc", false),
    // Refused by name, whatever else is taken.
    ("application/json;q=0", false), ("application/json;q=0, */*", false),
    ("*/*, application/json; q=0.0", false), ("application/*;q=0, */*", false),
    ("*/*;q=0", false), ("*/*;q=0, application/json", true),
    ("application/json;q=0, application/json;q=0.3", true),
  ])
  func `an Accept that includes JSON is recognized`(_ value: String, _ isTaken: Bool) {
    #expect(AcceptedType.includesJSON(value) == isTaken)
  }

  @Test func `a unary request that doesn't accept JSON is a 406, without a call`() throws {
    let client = try TestClient()
    client.request("POST /v1/echo", ["Accept: text/html", "Accept: text/xml"], body: "{}")
    let response = try client.response()
    #expect(response.status == 406)
    #expect(response.fields["content-type"] == "application/json")
    #expect(response.body.contains(#""reason":"NOT_ACCEPTABLE""#))
    #expect(
      response.body.contains("Accept is text/html, text/xml, but test.Notes/Echo returns only"))
    #expect(response.body.contains("send Accept: application/json"))
    #expect(client.upstream.calls.isEmpty)
    #expect(client.isOpen)
    for fields in [["Accept: text/html", "Accept: */*"], ["Accept:"], []] {
      client.request("POST /v1/echo", fields, body: "{}")
      client.upstream.calls.last?.reply([])
      client.upstream.calls.last?.end()
      #expect(try client.response().status == 200)
    }
  }

  @Test func `a streamed response has formats of its own`() throws {
    let client = try TestClient()
    client.request("GET /v1/watch/a", ["Accept: text/event-stream"])
    #expect(client.upstream.calls.count == 1)
  }
}
