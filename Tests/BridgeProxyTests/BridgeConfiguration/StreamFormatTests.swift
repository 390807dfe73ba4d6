import Codec
import NIOCore
import Testing

@testable import AccessLogging
@testable import BridgeConfiguration
@testable import Downstream
@testable import GRPCWire
@testable import HTTP2
@testable import Upstream

/// Which format a stream has, and what each looks like.
struct StreamFormatTests {
  @Test(
    arguments: [
      ([], .lines), (["*/*"], .lines), (["text/html, */*;q=0.8"], .lines),
      (["application/x-ndjson"], .lines), (["application/jsonl"], .lines),
      (["application/json"], .array), (["application/json; charset=utf-8"], .array),
      (["Application/JSON"], .array), (["application/json, text/plain, */*"], .array),
      (["text/event-stream"], .events), (["text/event-stream, application/json"], .events),
      (["application/json, text/event-stream"], .array),
      (["application/json;q=0.5, text/event-stream;q=0.9"], .events),
      (["application/json;q=0.5", "application/x-ndjson;q=0.501"], .lines),
      (["text/*"], .events), (["application/*"], .lines),
      (["application/*, text/event-stream"], .events),
      (["*/*, application/x-ndjson;q=0"], .array),
      (["application/json;q=0, */*;q=0.1"], .lines),
      (["application/json;q=1.000;version=1"], .array), (["application/json;q=oops"], .array),
      (["text/html"], nil), (["application/json;q=0"], nil), (["*/*;q=0"], nil), ([""], .lines),
    ] as [([String], StreamFormat?)])
  func `the client's Accept chooses the format`(fields: [String], expected: StreamFormat?) {
    #expect(StreamFormat.choose(accept: fields) == expected)
  }

  @Test func `an unsatisfiable Accept is a 406 that lists the formats, without a call`() throws {
    let client = try TestClient()
    client.request("GET /v1/watch/a", ["Accept: image/png"])
    let response = try client.response()
    #expect(response.status == 406)
    #expect(response.body.contains("\"reason\":\"NOT_ACCEPTABLE\""))
    #expect(response.body.contains("text/event-stream"))
    #expect(client.upstream.calls.isEmpty)
    #expect(client.isOpen)
  }

  @Test func `a configured format overrides the client's Accept`() throws {
    let client = try TestClient { $0.stream.format = .array }
    client.upstream.automatic = { call in
      call.reply(TestSchema.note(text: "1"))
      call.end()
    }
    client.request("GET /v1/watch/a", ["Accept: text/event-stream"])
    let response = try client.response()
    #expect(response.fields["content-type"] == "application/json")
    #expect(response.body == "[{\"text\":\"1\"}]\n")
  }

  // MARK: One array

  @Test func `an array is sent message by message and closed at the end`() throws {
    let client = try TestClient()
    client.request("GET /v1/watch/a", ["Accept: application/json"])
    let call = client.upstream.calls[0]
    call.reply(TestSchema.note(text: "1"))
    client.run()
    let head = try client.received()
    #expect(head.contains("\r\ncontent-type: application/json\r\n"))
    #expect(head.hasSuffix("\r\n\r\nd\r\n[{\"text\":\"1\"}\r\n"))
    call.reply(TestSchema.note(text: "2"))
    client.run()
    #expect(try client.received() == "e\r\n,\n{\"text\":\"2\"}\r\n")
    call.end()
    #expect(try client.received() == "2\r\n]\n\r\n0\r\n\r\n")
    #expect(client.isOpen)
  }

  @Test func `a stream without messages is an empty array`() throws {
    let client = try TestClient()
    client.request("GET /v1/watch/a", ["Accept: application/json"])
    client.upstream.calls[0].end()
    let response = try client.response()
    #expect(response.body == "[]\n")
    #expect(response.fields["ended"] == "yes")
  }

  @Test func `an array that fails is truncated and the connection closed`() throws {
    for isBad in [false, true] {
      let client = try TestClient()
      client.request("GET /v1/watch/a", ["Accept: application/json"])
      let call = client.upstream.calls[0]
      call.reply(TestSchema.note(text: "1"))
      client.run()
      _ = try client.received()
      if isBad {
        call.reply([0x12, 0x7F])
      } else {
        call.reply(TestSchema.note(text: "2"))
        call.end(GRPCStatus(.aborted, "no"))
      }
      let rest = try client.received()
      #expect(rest == (isBad ? "" : "e\r\n,\n{\"text\":\"2\"}\r\n"))
      #expect(!client.isOpen)
      #expect(client.log.entries.map(\.grpcCode) == [isBad ? .internal : .aborted])
    }
  }

  @Test func `an array that fails before its first message is a plain error`() throws {
    let client = try TestClient()
    client.request("GET /v1/watch/a", ["Accept: application/json"])
    client.upstream.calls[0].end(GRPCStatus(.notFound, "no"))
    #expect(try client.response().status == 404)
    #expect(client.isOpen)
  }

  // MARK: Events

  @Test func `each message, and an error, is an event`() throws {
    let client = try TestClient()
    client.request("GET /v1/watch/a", ["Accept: text/event-stream", "Last-Event-ID: 41"])
    let call = client.upstream.calls[0]
    let metadata = call.request.metadata
    let sent = metadata.fields.map { field in
      String(
        decoding: metadata.bytes[field.name] + [0x3D] + metadata.bytes[field.value], as: UTF8.self)
    }
    #expect(sent.contains("last-event-id=41"))
    call.reply(TestSchema.note(text: "1"))
    call.reply(TestSchema.note(text: "2"))
    call.end(GRPCStatus(.aborted, "no"))
    let response = try client.response()
    #expect(response.status == 200)
    #expect(response.fields["content-type"] == "text/event-stream")
    #expect(response.fields["cache-control"] == "no-cache")
    #expect(
      response.body
        == "data: {\"text\":\"1\"}\n\ndata: {\"text\":\"2\"}\n\n"
        + "event: error\ndata: {\"code\":10,\"message\":\"no\"}\n\n")
    #expect(response.fields["ended"] == "yes")
    #expect(client.isOpen)
  }

  @Test func `a stream of events can end with a final event`() throws {
    let client = try TestClient { $0.stream.done = "[DONE]" }
    client.upstream.automatic = { call in
      call.reply(TestSchema.note(text: "1"))
      call.end()
    }
    client.request("GET /v1/watch/a", ["Accept: text/event-stream"])
    #expect(try client.response().body == "data: {\"text\":\"1\"}\n\ndata: [DONE]\n\n")
    client.upstream.automatic = { call in
      call.reply(TestSchema.note(text: "1"))
      call.end(GRPCStatus(.aborted, "no"))
    }
    client.request("GET /v1/watch/a", ["Accept: text/event-stream"])
    #expect(try !client.response().body.contains("DONE"))
  }

  @Test func `a silent stream of events sends heartbeats, the first with the head`() throws {
    let client = try TestClient { $0.stream.heartbeat = .seconds(2) }
    client.request("GET /v1/watch/a", ["Accept: text/event-stream"])
    let call = client.upstream.calls[0]
    for _ in 0..<3 { client.loop.tick() }
    #expect(try client.received() == "")
    client.loop.tick()
    let head = try client.received()
    #expect(head.hasPrefix("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"))
    #expect(head.hasSuffix("\r\n\r\n3\r\n:\n\n\r\n"))
    for _ in 0..<2 { client.loop.tick() }
    // A message starts the time anew.
    call.reply(TestSchema.note(text: "1"))
    client.run()
    #expect(try client.received() == "14\r\ndata: {\"text\":\"1\"}\n\n\r\n")
    for _ in 0..<3 { client.loop.tick() }
    #expect(try client.received() == "")
    client.loop.tick()
    #expect(try client.received() == "3\r\n:\n\n\r\n")
    call.end(GRPCStatus(.unavailable, "gone"))
    #expect(try client.received().contains("event: error\ndata: {\"code\":14,"))
    for _ in 0..<20 { client.loop.tick() }
    #expect(try client.received() == "")
    #expect(client.isOpen)
  }

  @Test func `an error within the first heartbeat interval keeps its status`() throws {
    let client = try TestClient { $0.stream.heartbeat = .seconds(2) }
    client.request("GET /v1/watch/a", ["Accept: text/event-stream"])
    for _ in 0..<3 { client.loop.tick() }
    client.upstream.calls[0].end(GRPCStatus(.permissionDenied, "no"))
    #expect(try client.response().status == 403)
  }

  @Test func `other formats, unary calls and blocked clients get no heartbeats`() throws {
    let client = try TestClient { $0.stream.heartbeat = .seconds(1) }
    client.request("GET /v1/watch/a", ["Accept: application/json"])
    for _ in 0..<10 { client.loop.tick() }
    #expect(try client.received() == "")
    client.upstream.calls[0].end()
    _ = try client.response()
    client.request("GET /v1/notes/a", ["Accept: text/event-stream, */*"])
    for _ in 0..<10 { client.loop.tick() }
    #expect(try client.received() == "")
    client.upstream.calls[1].reply(TestSchema.note(text: "1"))
    client.upstream.calls[1].end()
    #expect(try client.response().status == 200)
    client.request("GET /v1/watch/a", ["Accept: text/event-stream"])
    client.setWritable(false)
    for _ in 0..<10 { client.loop.tick() }
    #expect(try client.received() == "")
    client.setWritable(true)
    for _ in 0..<2 { client.loop.tick() }
    #expect(try client.received().hasSuffix(":\n\n\r\n"))
  }

  // MARK: Bytes

  @Test func `raw bytes are written unchanged, and an empty message writes nothing`() {
    var buffer = StreamedResponseBody()
    var message = ByteSink()
    buffer.begin(format: .bytes)
    buffer.append(message: message)
    #expect(buffer.take() == nil)
    message.append("a\0b")
    buffer.append(message: message)
    buffer.append(message: message)
    #expect(buffer.take().map { String(buffer: $0) } == "a\0ba\0b")
    buffer.end(done: nil)
    #expect(buffer.take(isLast: true) == nil)
    #expect(!StreamFormat.bytes.holdsErrors)
  }
}
