import NIOCore
import Testing

@testable import BridgeConfiguration
@testable import Downstream
@testable import GRPCWire
@testable import Upstream

/// Requests that are streams of messages.
struct StreamedRequestBodyTests {
  /// A note in its gRPC frame.
  private static func frame(name: String = "", text: String = "") -> [UInt8] {
    let message = TestSchema.note(name: name, text: text)
    return [0, 0, 0, 0, UInt8(message.count)] + message
  }

  /// A chunk of a body (RFC 9112 §7.1).
  private static func chunk(_ text: String) -> String {
    "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n"
  }

  /// Begins a request in chunks.
  private static func begin(
    _ client: TestClient, _ target: String = "/v1/push", _ fields: [String] = []
  ) throws -> CannedUpstream.Call {
    client.request("POST \(target)", ["Transfer-Encoding: chunked"] + fields)
    return try #require(client.upstream.calls.last)
  }

  @Test func `the call begins with the head, and each complete message is sent`() throws {
    let client = try TestClient()
    let call = try Self.begin(client)
    #expect(call.request.message == nil)
    #expect(!call.request.isComplete)
    client.sendRaw(Self.chunk("[{\"text\":\"1\"}"))
    #expect(call.sent == [Self.frame(text: "1")])
    client.sendRaw(Self.chunk(",{\"text\":"))
    #expect(call.sent.count == 1)
    client.sendRaw(Self.chunk("\"2\"},{\"text\":\"3\"}"))
    #expect(call.sent.dropFirst() == [Self.frame(text: "2"), Self.frame(text: "3")])
    #expect(!call.isComplete)
    client.sendRaw(Self.chunk("]") + "0\r\n\r\n")
    #expect(call.isComplete)
    call.reply(TestSchema.note(text: "sum"))
    call.end()
    #expect(try client.response().body == #"{"text":"sum"}"#)
    #expect(client.isOpen)
    client.request("GET /v1/notes/a")
    #expect(client.upstream.calls.count == 2)
  }

  @Test(arguments: [
    (#"[{"text":"1"},{"text":"2"}]"#, "application/json"),
    ("{\"text\":\"1\"}\n{\"text\":\"2\"}\n", "application/json"),
    ("{\"text\":\"1\"}\n{\"text\":\"2\"}\n", "application/x-ndjson"),
    ("{\"text\":\"1\"}\r\n\r\n{\"text\":\"2\"}", "application/jsonl; charset=utf-8"),
    (#"{"text":"1"}{"text":"2"}"#, "application/json"),
  ])
  func `messages are an array, lines, or concatenated values`(_ body: String, _ type: String) throws
  {
    let client = try TestClient()
    client.request("POST /v1/push", ["Content-Type: \(type)"], body: body)
    let call = try #require(client.upstream.calls.first)
    #expect(call.sent == [Self.frame(text: "1"), Self.frame(text: "2")])
    #expect(call.isComplete)
  }

  @Test(arguments: ["[]", "", " \n"])
  func `an empty body has no messages`(_ body: String) throws {
    let client = try TestClient()
    client.request("POST /v1/push", body: body)
    let call = try #require(client.upstream.calls.first)
    #expect(call.sent.isEmpty)
    #expect(call.isComplete)
  }

  @Test func `path and query set the first message, or are one by themselves`() throws {
    let client = try TestClient()
    client.request("POST /v1/push/a", body: #"[{"text":"1"},{"text":"2"}]"#)
    let first = TestSchema.note(text: "1") + TestSchema.note(name: "a")
    #expect(
      client.upstream.calls.last?.sent == [[0, 0, 0, 0, 6] + first, Self.frame(text: "2")])
    let other = try TestClient()
    other.request("POST /v1/push/a", body: "[]")
    #expect(other.upstream.calls.last?.sent == [Self.frame(name: "a")])
    let third = try TestClient()
    third.request("GET /v1/push/a?text=b")
    #expect(third.upstream.calls.last?.sent.count == 1)
    #expect(third.upstream.calls.last?.isComplete == true)
  }

  @Test func `a body that is a field contains its values`() throws {
    let client = try TestClient()
    client.request("POST /v1/tags", body: #"[["a"],["b","c"]]"#)
    let sent = try #require(client.upstream.calls.first).sent
    #expect(
      sent.map { String(decoding: $0.dropFirst(5), as: UTF8.self) } == [
        "\"\u{1}a", "\"\u{1}b\"\u{1}c",
      ])
  }

  @Test func `an invalid message ends the call with an error that has its number`() throws {
    let client = try TestClient()
    let call = try Self.begin(client)
    client.sendRaw(Self.chunk("{\"text\":\"1\"}\n{\"txt\":\"2\"}\n"))
    #expect(call.sent.count == 1)
    #expect(call.isCancelled)
    let response = try client.response()
    #expect(response.status == 400)
    #expect(response.body.contains("message 2 of the stream: txt: "))
    #expect(response.fields["connection"] == "close")
  }

  @Test func `anything between messages, or an incomplete one, is refused`() throws {
    for (body, reason) in [
      (#"[{"text":"1"} {"text":"2"}]"#, "after 1 messages of the stream: expected ',' or ']'"),
      (#"[{"text":"1"}"#, "got the end of the body (byte 13 of the body)"),
      (#"{"text":"1"},"#, "commas only separate the elements of an array"),
    ] {
      let client = try TestClient()
      client.request("POST /v1/push", body: body)
      let response = try client.response()
      #expect(response.status == 400)
      #expect(response.body.contains(reason), "\(response.body)")
      #expect(client.upstream.calls.first?.isCancelled == true)
      #expect(client.isOpen)
    }
  }

  @Test func `each message is limited, their sum isn't`() throws {
    var limits = Configuration.Limits()
    limits.requestBodyBytes = 100
    let client = try TestClient(limits: limits)
    let call = try Self.begin(client)
    for _ in 0..<50 {
      client.sendRaw(Self.chunk("{\"text\":\"\(String(repeating: "x", count: 80))\"}\n"))
    }
    #expect(call.sent.count == 50)
    client.sendRaw(Self.chunk("{\"text\":\"\(String(repeating: "x", count: 95))"))
    let response = try client.response()
    #expect(response.status == 413)
    #expect(response.body.contains("message 51 of the stream has more than 100 bytes"))
    #expect(call.isCancelled)
  }

  @Test func `an endpoint that stops accepting stops the reading`() throws {
    let client = try TestClient()
    let call = try Self.begin(client)
    call.unsentBytes = WriteBufferWaterMark.high + 1
    client.sendRaw(Self.chunk("{\"text\":\"1\"}\n{\"text\":\"2\"}\n"))
    #expect(call.sent == [Self.frame(text: "1")])
    client.sendRaw(Self.chunk("{\"text\":\"3\"}\n") + "0\r\n\r\n")
    #expect(call.sent.count == 1)
    call.makeRoom()
    client.run()
    #expect(call.sent == ["1", "2", "3"].map { Self.frame(text: $0) })
    #expect(call.isComplete)
  }

  @Test func `messages that were passed on are released, even from a complete request`() throws {
    var limits = Configuration.Limits()
    limits.clientBufferBytes = 1000
    let client = try TestClient(limits: limits)
    let call = try Self.begin(client, "/v1/push")
    for _ in 0..<100 { client.sendRaw(Self.chunk("{\"text\":\"0123456789\"}\n")) }
    client.sendRaw("0\r\n\r\n")
    #expect(call.sent.count == 100 && call.isComplete)
    client.loop.tick()
    #expect(client.isOpen)
  }

  @Test func `responses arrive before the request has ended`() throws {
    let client = try TestClient()
    let call = try Self.begin(client, "/v1/chat")
    call.head([("x-reply", "1")])
    client.sendRaw(Self.chunk("{\"text\":\"1\"}\n"))
    call.reply(TestSchema.note(text: "1"))
    client.run()
    let head = try client.received()
    #expect(head.hasPrefix("HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n"))
    #expect(head.hasSuffix("\r\n\r\nd\r\n{\"text\":\"1\"}\n\r\n"))
    client.sendRaw(Self.chunk("{\"text\":\"2\"}\n"))
    #expect(call.sent.count == 2)
    call.reply(TestSchema.note(text: "2"))
    client.run()
    #expect(try client.received() == "d\r\n{\"text\":\"2\"}\n\r\n")
    client.sendRaw("0\r\n\r\n")
    #expect(call.isComplete)
    call.reply(TestSchema.note(text: "3"))
    call.end()
    client.run()
    #expect(try client.received() == "d\r\n{\"text\":\"3\"}\n\r\n0\r\n\r\n")
    #expect(client.isOpen)
  }

  @Test func `an error in the request after response messages is the last line`() throws {
    let client = try TestClient()
    let call = try Self.begin(client, "/v1/chat")
    client.sendRaw(Self.chunk("{\"text\":\"1\"}\n"))
    call.reply(TestSchema.note(text: "1"))
    client.run()
    _ = try client.received()
    client.sendRaw(Self.chunk("{\"text\":2}\n"))
    #expect(call.isCancelled)
    let rest = try client.received()
    #expect(rest.contains("{\"error\":{\"code\":3,\"message\":\"message 2 of the stream: text: "))
    #expect(rest.hasSuffix("\r\n0\r\n\r\n"))
  }

  @Test func `an endpoint may respond early, and the rest of the request is skipped`() throws {
    let client = try TestClient()
    client.send(
      "POST /v1/push HTTP/1.1\nHost: localhost\nContent-Length: 40\n\n", body: "{\"text\":\"1\"}\n")
    let call = try #require(client.upstream.calls.first)
    call.end(GRPCStatus(.permissionDenied, "no"))
    #expect(try client.response().status == 403)
    client.sendRaw(String(repeating: " ", count: 27))
    #expect(client.isOpen)
    client.request("GET /v1/notes/a")
    #expect(client.upstream.calls.count == 2)
  }

  @Test func `a client that disconnects or violates HTTP ends the call`() throws {
    let client = try TestClient()
    let call = try Self.begin(client)
    try client.disconnect()
    #expect(call.isCancelled)
    let other = try TestClient()
    let second = try Self.begin(other)
    other.sendRaw("zz\r\n")
    #expect(second.isCancelled)
    #expect(try other.response().status == 400)
  }

  @Test func `NDJSON bodies are for streams only`() throws {
    let client = try TestClient()
    client.request(
      "POST /v1/echo", ["Content-Type: application/x-ndjson"], body: "{\"text\":\"1\"}\n")
    #expect(try client.response().status == 415)
    client.request("POST /v1/push", ["Content-Type: text/plain"], body: "{\"text\":\"1\"}\n")
    let response = try client.response()
    #expect(response.status == 415)
    #expect(response.body.contains("application/x-ndjson"))
    #expect(client.upstream.calls.isEmpty)
  }
}
