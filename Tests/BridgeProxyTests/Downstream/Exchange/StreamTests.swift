import Testing

@testable import AccessLogging
@testable import Downstream
@testable import GRPCWire

/// Server streams as NDJSON, over both protocols where it isn't about the framing of one.
struct StreamTests {
  @Test func `each message is a line in its own chunk`() throws {
    let client = try TestClient()
    client.request("GET /v1/watch/a")
    let call = client.upstream.calls[0]
    call.head([("x-reply", "1")])
    #expect(try client.received() == "")
    call.reply(TestSchema.note(text: "1"))
    client.run()
    let head = try client.received()
    #expect(head.hasPrefix("HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n"))
    #expect(head.contains("\r\ntransfer-encoding: chunked\r\n"))
    #expect(head.contains("\r\nx-reply: 1\r\n"))
    #expect(head.hasSuffix("\r\n\r\nd\r\n{\"text\":\"1\"}\n\r\n"))
    call.reply(TestSchema.note(text: "2"))
    #expect(try client.received() == "", "flushed at the end of the turn")
    call.reply(TestSchema.note(text: "3"))
    client.run()
    #expect(
      try client.received() == "1a\r\n{\"text\":\"2\"}\n{\"text\":\"3\"}\n\r\n")
    call.end()
    #expect(try client.received() == "0\r\n\r\n")
    #expect(client.isOpen)
    client.request("GET /v1/notes/a")
    #expect(client.upstream.calls.count == 2)
    #expect(client.log.entries.map(\.httpStatus) == [200])
  }

  @Test(arguments: ClientProtocol.allCases)
  func `a stream that completes in one turn is written at once`(_ kind: ClientProtocol) throws {
    let client = try ProtocolClient(kind)
    client.upstream.automatic = { call in
      call.reply(TestSchema.note(text: "1"))
      call.reply(TestSchema.note(text: "2"))
      call.end(trailers: [("x-cost", "7")])
    }
    try client.request("POST /v1/watch", body: "{}")
    let response = try client.response()
    #expect(response.body == "{\"text\":\"1\"}\n{\"text\":\"2\"}\n")
    #expect(response.isWhole)
  }

  @Test(arguments: ClientProtocol.allCases)
  func `an empty stream is an empty response`(_ kind: ClientProtocol) throws {
    let client = try ProtocolClient(kind)
    try client.request("GET /v1/watch/a")
    client.upstream.calls[0].end(trailers: [("x-cost", "7")])
    let response = try client.response()
    #expect(response.status == 200)
    #expect(response.body == "")
    #expect(response.isWhole)
    #expect(response.fields["grpc-trailer-x-cost"] == "7")
    #expect(client.isOpen)
  }

  @Test(arguments: ClientProtocol.allCases)
  func `an error before the first message has its HTTP status`(_ kind: ClientProtocol) throws {
    let client = try ProtocolClient(kind)
    try client.request("GET /v1/watch/a")
    client.upstream.calls[0].head([])
    client.upstream.calls[0].end(GRPCStatus(.permissionDenied, "no"))
    let response = try client.response()
    #expect(response.status == 403)
    #expect(response.fields["content-type"] == "application/json")
    #expect(response.body == #"{"code":7,"message":"no"}"#)
  }

  @Test(arguments: ClientProtocol.allCases)
  func `an error after messages is the last line`(_ kind: ClientProtocol) throws {
    let client = try ProtocolClient(kind)
    try client.request("GET /v1/watch/a")
    client.upstream.calls[0].reply(TestSchema.note(text: "1"))
    client.upstream.calls[0].end(GRPCStatus(.aborted, "no"))
    let response = try client.response()
    #expect(response.status == 200)
    #expect(
      response.body == "{\"text\":\"1\"}\n{\"error\":{\"code\":10,\"message\":\"no\"}}\n")
    #expect(response.isWhole)
    #expect(client.log.entries.map(\.grpcCode) == [.aborted])
    #expect(client.isOpen)
  }

  @Test(arguments: ClientProtocol.allCases)
  func `an invalid message is an error line, or a 500 if it's the first`(
    _ kind: ClientProtocol
  ) throws {
    let client = try ProtocolClient(kind)
    try client.request("GET /v1/watch/a")
    client.upstream.calls[0].reply(TestSchema.note(text: "1"))
    client.upstream.calls[0].reply([0x12, 0x7F])
    #expect(client.upstream.calls[0].isCancelled)
    var response = try client.response()
    #expect(response.body.hasPrefix("{\"text\":\"1\"}\n{\"error\":{\"code\":13,"))
    #expect(response.body.hasSuffix("}}\n"))
    try client.request("GET /v1/watch/a")
    client.upstream.calls[1].reply([0x12, 0x7F])
    #expect(client.upstream.calls[1].isCancelled)
    response = try client.response()
    #expect(response.status == 500)
    #expect(client.isOpen)
  }

  @Test func `for HTTP/1.0 the body ends with the connection`() throws {
    let client = try TestClient()
    client.sendRaw("GET /v1/watch/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    client.upstream.calls[0].reply(TestSchema.note(text: "1"))
    client.upstream.calls[0].end()
    let response = try client.response()
    #expect(response.fields["transfer-encoding"] == nil)
    #expect(response.fields["connection"] == "close")
    #expect(response.body == "{\"text\":\"1\"}\n")
    #expect(!client.isOpen)
  }

  @Test(arguments: ClientProtocol.allCases)
  func `HEAD of a stream gets its head, and the call is cancelled`(_ kind: ClientProtocol) throws {
    let client = try ProtocolClient(kind)
    try client.request("HEAD /v1/watch/a")
    client.upstream.calls[0].reply(TestSchema.note(text: "1"))
    #expect(client.upstream.calls[0].isCancelled)
    let response = try client.response()
    #expect(response.status == 200 && response.body == "")
    #expect(response.fields["content-type"] == "application/x-ndjson")
    #expect(client.isOpen)
  }

  @Test func `a client that reads slowly slows down its endpoint`() throws {
    let client = try TestClient()
    client.request("GET /v1/watch/a")
    let call = client.upstream.calls[0]
    call.reply(TestSchema.note(text: "1"))
    client.setWritable(false)
    #expect(call.flow == ["pause"])
    client.setWritable(true)
    #expect(call.flow == ["pause", "resume"])
  }

  @Test func `requests that arrive during a streamed response wait for its end`() throws {
    let client = try TestClient()
    client.request("GET /v1/watch/a")
    let call = client.upstream.calls[0]
    call.reply(TestSchema.note(text: "1"))
    client.request("GET /v1/notes/a")
    #expect(client.upstream.calls.count == 1)
    call.end()
    #expect(client.upstream.calls.count == 2)
  }

  @Test func `a disconnect cancels the stream, a half-close doesn't`() throws {
    let client = try TestClient()
    client.request("GET /v1/watch/a")
    let call = client.upstream.calls[0]
    call.reply(TestSchema.note(text: "1"))
    client.closeInput()
    // Each message starts the time anew.
    for _ in 0..<4 {
      for _ in 0..<15 { client.loop.tick() }
      call.reply(TestSchema.note(text: "2"))
      client.run()
    }
    #expect(client.isOpen)
    #expect(!call.isCancelled)
    for _ in 0..<30 { client.loop.tick() }
    #expect(call.isCancelled)
  }

  @Test(arguments: ClientProtocol.allCases)
  func `trailers follow a stream for clients that accept them`(_ kind: ClientProtocol) throws {
    let client = try ProtocolClient(kind)
    // RFC 9110 §10.1.4 wants TE named by Connection, which HTTP/2 doesn't have.
    let fields = ["TE: trailers"] + (kind == .http1 ? ["Connection: TE"] : [])
    for (fields, isOK) in [(fields, true), ([], true), (fields, false)] {
      try client.request("GET /v1/watch/a", fields)
      let call = try #require(client.upstream.calls.last)
      call.reply(TestSchema.note(text: "1"))
      #expect(try client.partialResponse()?.body == "{\"text\":\"1\"}\n")
      call.end(GRPCStatus(isOK ? .ok : .aborted, "no"), trailers: [("x-cost", "7")])
      let response = try client.response()
      #expect(response.trailers == (fields.isEmpty ? [:] : ["grpc-trailer-x-cost": "7"]))
      #expect(response.body.contains("error") == !isOK)
    }
    #expect(client.isOpen)
  }

  @Test(arguments: ClientProtocol.allCases)
  func `a drain lets a stream finish`(_ kind: ClientProtocol) throws {
    let client = try ProtocolClient(kind)
    try client.request("GET /v1/watch/a")
    let call = client.upstream.calls[0]
    call.reply(TestSchema.note(text: "1"))
    var isDone = false
    client.client.loop.drain { isDone = true }
    for _ in 0..<3 { client.client.loop.tick() }
    #expect(!isDone && client.isOpen)
    call.reply(TestSchema.note(text: "2"))
    call.end()
    #expect(try client.response().isWhole)
    #expect(!client.isOpen)
    #expect(isDone)
  }

  @Test func `a long stream is written before the end of the turn`() throws {
    let client = try TestClient()
    client.request("GET /v1/watch/a")
    let text = String(repeating: "x", count: 20_000)
    client.upstream.calls[0].reply(TestSchema.note(text: text))
    #expect(try client.received() == "")
    client.upstream.calls[0].reply(TestSchema.note(text: text))
    #expect(try client.received().utf8.count > 40_000)
    client.run()
    #expect(try client.received() == "")
  }
}
