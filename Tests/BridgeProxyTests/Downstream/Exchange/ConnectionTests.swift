import Testing

@testable import AccessLogging
@testable import Addresses
@testable import BridgeConfiguration
@testable import Downstream
@testable import GRPCWire
@testable import Upstream

/// What a connection does between and around requests: RFC 9112, and clients as they are.
struct ConnectionTests {
  private static let note = #"{"text":"x"}"#

  // MARK: Pipelining and persistence

  @Test func `pipelined requests get responses in order, one call at a time`() throws {
    let client = try TestClient()
    client.sendRaw(
      "POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n{\"text\":\"1\"}"
        + "GET /v1/nothing HTTP/1.1\r\nHost: a\r\n\r\n"
        + "GET /v1/notes/3 HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(client.upstream.calls.count == 1)
    client.upstream.calls[0].reply(TestSchema.note(text: "1"))
    client.upstream.calls[0].end()
    #expect(client.upstream.calls.count == 2)
    #expect(try client.responses().map(\.status) == [200, 404])
    client.upstream.calls[1].reply(TestSchema.note(text: "3"))
    client.upstream.calls[1].end()
    #expect(try client.response().body == #"{"text":"3"}"#)
    #expect(client.isOpen)
  }

  @Test func `a thousand pipelined requests in one read all get responses`() throws {
    let client = try TestClient()
    client.upstream.echoes()
    let request = "GET /v1/notes/a HTTP/1.1\r\nHost: a\r\n\r\n"
    client.sendRaw(String(repeating: request, count: 1000))
    #expect(try client.responses().count == 1000)
    client.sendRaw(
      String(repeating: "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", count: 1000))
    #expect(try client.responses().map(\.status) == Array(repeating: 404, count: 1000))
  }

  @Test func `a flood of pipelined requests ends the connection`() throws {
    let client = try TestClient()
    client.sendRaw(
      String(repeating: "GET /v1/notes/a HTTP/1.1\r\nHost: a\r\n\r\n", count: 10_000))
    #expect(!client.isOpen)
    #expect(client.upstream.calls.map(\.isCancelled) == [true])
  }

  @Test(arguments: [
    ("1.1", "", true, nil),
    ("1.1", "Connection: close\r\n", false, "close"),
    ("1.1", "connection: Keep-Alive, CLOSE\r\n", false, "close"),
    ("1.1", "Connection: Upgrade\r\nUpgrade: h2c\r\n", true, nil),
    ("1.0", "", false, "close"),
    ("1.0", "Connection: keep-alive\r\n", true, "keep-alive"),
    ("1.0", "Connection: close\r\n", false, "close"),
  ])
  func `a connection persists as its version and Connection field say`(
    _ version: String, _ field: String, _ isOpen: Bool, _ connection: String?
  ) throws {
    let client = try TestClient()
    client.upstream.echoes()
    client.sendRaw("GET /v1/notes/a HTTP/\(version)\r\nHost: a\r\n\(field)\r\n")
    let response = try client.response()
    #expect(response.status == 200)
    #expect(response.fields["connection"] == connection)
    #expect(client.isOpen == isOpen)
  }

  @Test func `an offer to upgrade is ignored, including its body`() throws {
    let client = try TestClient()
    client.upstream.echoes()
    client.request(
      "POST /v1/echo",
      ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQ"],
      body: Self.note)
    let response = try client.response()
    #expect(response.body == Self.note)
    #expect(response.fields["connection"] == nil)
    #expect(client.isOpen)
  }

  // MARK: Clients that close

  @Test func `a half-closed client still gets its response`() throws {
    let client = try TestClient()
    client.request("GET /v1/notes/a")
    client.closeInput()
    #expect(client.isOpen)
    client.upstream.calls[0].reply(TestSchema.note(text: "x"))
    client.upstream.calls[0].end()
    let response = try client.response()
    #expect(response.body == Self.note)
    #expect(response.fields["connection"] == "close")
    #expect(!client.isOpen)
  }

  @Test func `a half-closed client gets all responses to pipelined requests`() throws {
    let client = try TestClient()
    client.upstream.echoes()
    let request = "GET /v1/notes/a HTTP/1.1\r\nHost: a\r\n\r\n"
    client.sendAndClose(request + request + "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try client.responses().map(\.status) == [200, 200, 404])
    #expect(!client.isOpen)
  }

  @Test func `a half-closed client that reads nothing is closed, and its call cancelled`() throws {
    let client = try TestClient()
    client.request("GET /v1/notes/a")
    client.closeInput()
    for _ in 0..<30 { client.loop.tick() }
    #expect(!client.isOpen)
    #expect(client.upstream.calls[0].isCancelled)
    #expect(client.log.entries.map(\.httpStatus) == [499])
  }

  @Test(arguments: ["GET /v1/notes/a", "GET /v1/watch/a"])
  func `a half-closed client with pipelined requests is closed, too`(_ line: String) throws {
    let client = try TestClient()
    let request = "\(line) HTTP/1.1\r\nHost: localhost\r\n\r\n"
    client.sendAndClose(request + request)
    #expect(client.upstream.calls.map(\.hasYielded) == [true])
    for _ in 0..<30 { client.loop.tick() }
    #expect(!client.isOpen)
    #expect(client.upstream.calls.map(\.isCancelled) == [true])
  }

  @Test func `each pipelined request has a deadline, and yields, from its own start`() throws {
    let client = try TestClient()
    let request = "GET /v1/notes/a HTTP/1.1\r\nHost: localhost\r\n\r\n"
    client.sendAndClose(request + request + request)
    for index in 0..<3 {
      for _ in 0..<15 { client.loop.tick() }
      let call = client.upstream.calls[index]
      #expect(index == 0 ? call.hasYielded : call.request.options.isSheddable)
      call.reply(TestSchema.note(name: "a"))
      call.end()
      client.run()
    }
    #expect(try client.responses().map(\.status) == [200, 200, 200])
    #expect(!client.isOpen)
  }

  @Test func `a connected client keeps its place`() throws {
    let client = try TestClient()
    client.request("GET /v1/notes/a")
    let call = client.upstream.calls[0]
    #expect(!call.hasYielded && !call.request.options.isSheddable)
  }

  @Test func `a client that disconnects has its call cancelled`() throws {
    let client = try TestClient()
    client.request("GET /v1/notes/a")
    try client.disconnect()
    #expect(client.upstream.calls.map(\.isCancelled) == [true])
    #expect(client.log.entries.map(\.httpStatus) == [499])
    #expect(client.log.entries.map(\.grpcCode) == [.cancelled])
    #expect(client.loop.connectionCount == 0)
  }

  @Test func `a client that half-closes within a request gets a 400, without a call`() throws {
    let client = try TestClient()
    client.sendRaw("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n{\"te")
    client.closeInput()
    #expect(try client.response().status == 400)
    #expect(client.upstream.calls.isEmpty)
    #expect(!client.isOpen)
  }

  @Test func `an idle connection that the client closes is closed silently`() throws {
    let client = try TestClient()
    client.closeInput()
    #expect(try client.received() == "")
    #expect(!client.isOpen)
  }

  // MARK: Expect

  @Test func `100 Continue is sent once the route is known`() throws {
    let client = try TestClient()
    client.upstream.echoes()
    client.request("POST /v1/echo", ["Expect: 100-Continue", "Content-Length: 12"])
    #expect(try client.received() == "HTTP/1.1 100 Continue\r\n\r\n")
    client.sendRaw(Self.note)
    #expect(try client.response().body == Self.note)
    #expect(client.isOpen)
  }

  @Test(arguments: [
    ("POST /nothing", ["Expect: 100-continue", "Content-Length: 12"], 404),
    ("POST /v1/echo", ["Expect: 100-continue", "Content-Length: 9999999"], 413),
    (
      "POST /v1/echo",
      ["Expect: 100-continue", "Content-Length: 12", "Content-Type: text/plain"], 415
    ),
    ("POST /v1/echo", ["Expect: 200-ok", "Content-Length: 12"], 417),
  ])
  func `a request that will be refused gets no 100 Continue`(
    _ line: String, _ fields: [String], _ status: Int
  ) throws {
    let client = try TestClient()
    client.request(line, fields)
    let response = try client.response()
    #expect(response.status == status)
    if status != 417 { #expect(response.fields["connection"] == "close") }
    #expect(client.upstream.calls.isEmpty)
  }

  @Test func `HTTP/1.0 and requests without a body get no 100 Continue`() throws {
    let old = try TestClient()
    old.sendRaw("POST /v1/echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 12\r\n\r\n")
    #expect(try old.received() == "")
    let client = try TestClient()
    client.upstream.echoes()
    client.request("GET /v1/notes/a", ["Expect: 100-continue"])
    #expect(try client.response().status == 200)
  }

  // MARK: Responses before the request is complete

  @Test func `a refused request's body is skipped, and the connection persists`() throws {
    let client = try TestClient()
    client.upstream.echoes()
    client.sendRaw("POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n{\"te")
    let response = try client.response()
    #expect(response.status == 404)
    #expect(response.fields["connection"] == nil)
    client.sendRaw("xt\":\"1\"}GET /v1/notes/a HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try client.response().status == 200)
    #expect(client.isOpen)
  }

  @Test(arguments: ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
  func `a refused request with a long or unbounded body ends the connection`(
    _ framing: String
  ) throws {
    let client = try TestClient()
    client.request("POST /nothing", [framing])
    let response = try client.response()
    #expect(response.status == 404)
    #expect(response.fields["connection"] == "close")
    // The client may still be sending; it's heard out for a while, so that it can read the response.
    let part = framing.hasPrefix("T") ? "5\r\nabcde\r\n" : "abcde"
    client.sendRaw(part)
    #expect(client.upstream.calls.isEmpty)
    for _ in 0..<10 { client.loop.tick() }
    #expect(!client.isOpen)
    #expect(try client.received() == "")
  }

  @Test func `a body is refused where it exceeds the limit`() throws {
    var limits = Configuration.Limits()
    limits.requestBodyBytes = 100
    let client = try TestClient(limits: limits)
    client.request("POST /v1/echo", ["Content-Length: 101"])
    var response = try client.response()
    #expect(response.status == 413)
    #expect(response.body.contains("more than 100 bytes"))

    let other = try TestClient(limits: limits)
    other.request("POST /v1/echo", ["Transfer-Encoding: chunked"])
    other.sendRaw("50\r\n" + String(repeating: "a", count: 80) + "\r\n")
    #expect(try other.received() == "")
    other.sendRaw("50\r\n" + String(repeating: "a", count: 80) + "\r\n")
    response = try other.response()
    #expect(response.status == 413)
    #expect(response.fields["connection"] == "close")
    #expect(other.upstream.calls.isEmpty)
    // What the client goes on sending has an end as well.
    other.sendRaw("80000\r\n" + String(repeating: "a", count: 300_000))
    #expect(!other.isOpen)
  }

  @Test func `a body of exactly the limit is accepted`() throws {
    var limits = Configuration.Limits()
    limits.requestBodyBytes = 12
    let client = try TestClient(limits: limits)
    client.upstream.echoes()
    client.request("POST /v1/echo", body: Self.note)
    #expect(try client.response().status == 200)
  }

  // MARK: Deadlines

  @Test func `an idle connection is closed after its timeout, a busy one isn't`() throws {
    var limits = Configuration.Limits()
    limits.idleTimeout = .seconds(2)
    let client = try TestClient(limits: limits)
    client.request("GET /v1/notes/a")
    for _ in 0..<100 { client.loop.tick() }
    #expect(client.isOpen)
    client.upstream.calls[0].reply([])
    client.upstream.calls[0].end()
    for _ in 0..<4 { client.loop.tick() }
    #expect(client.isOpen)
    client.loop.tick()
    #expect(!client.isOpen)
    #expect(try client.responses().map(\.status) == [200])
  }

  @Test(arguments: [
    ["GET /v1/no"],
    ["POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n{"],
  ])
  func `a slow request gets a 408`(_ parts: [String]) throws {
    var limits = Configuration.Limits()
    limits.requestReadTimeout = .seconds(2)
    let client = try TestClient(limits: limits)
    for part in parts { client.sendRaw(part) }
    for _ in 0..<4 { client.loop.tick() }
    #expect(try client.received() == "")
    client.loop.tick()
    let response = try client.response()
    #expect(response.status == 408)
    #expect(response.fields["connection"] == "close")
    for _ in 0..<10 { client.loop.tick() }
    #expect(!client.isOpen)
  }

  @Test func `a trickle of bytes doesn't extend a request's deadline`() throws {
    var limits = Configuration.Limits()
    limits.requestReadTimeout = .seconds(2)
    let client = try TestClient(limits: limits)
    for letter in "GET /v1" {
      client.sendRaw(String(letter))
      client.loop.tick()
    }
    #expect(try client.response().status == 408)
  }

  // MARK: Drain and limits

  @Test func `a drain closes an idle connection at once, a busy one after its response`() throws {
    let idle = try TestClient()
    var isDone = false
    idle.loop.drain { isDone = true }
    #expect(isDone)
    #expect(!idle.isOpen)

    let busy = try TestClient()
    busy.request("GET /v1/notes/a")
    isDone = false
    busy.loop.drain { isDone = true }
    #expect(!isDone)
    busy.upstream.calls[0].reply([])
    busy.upstream.calls[0].end()
    let response = try busy.response()
    #expect(response.status == 200)
    #expect(response.fields["connection"] == "close")
    #expect(!busy.isOpen)
    #expect(isDone)
  }

  @Test func `what isn't finished at the end of a drain is cut off`() throws {
    let client = try TestClient()
    client.request("GET /v1/notes/a")
    var isDone = false
    client.loop.drain { isDone = true }
    client.loop.closeAll()
    client.run()
    #expect(isDone)
    #expect(client.upstream.calls[0].isCancelled)
  }

  @Test func `connections beyond the limit are refused`() throws {
    var limits = Configuration.Limits()
    limits.clientConnections = 0
    #expect(throws: ListenError.self) { try TestClient(limits: limits) }
  }

  @Test func `no further request is processed while the client doesn't read`() throws {
    let client = try TestClient()
    client.upstream.echoes()
    client.setWritable(false)
    client.request("GET /v1/notes/a")
    #expect(client.upstream.calls.isEmpty)
    client.setWritable(true)
    client.run()
    #expect(client.upstream.calls.count == 1)
    #expect(try client.response().status == 200)
  }
}
