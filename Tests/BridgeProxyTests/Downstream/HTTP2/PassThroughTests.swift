import NIOCore
import Testing

@testable import AccessLogging
@testable import BridgeConfiguration
@testable import Downstream
@testable import GRPCWire
@testable import HTTP2
@testable import Upstream

/// gRPC clients of the front, over HTTP/2 in memory.
@Suite struct PassThroughTests {
  private let client: TestClient
  private let caller: TestCaller

  init() throws {
    self.client = try TestClient()
    self.caller = try TestCaller(self.client)
  }

  private func upstreamCall(_ index: Int = 0) throws -> CannedUpstream.Call {
    try #require(index < self.client.upstream.calls.count ? self.client.upstream.calls[index] : nil)
  }

  private func text(_ call: CannedUpstream.Call) -> String {
    call.request.message.map { String(buffer: $0) } ?? "(none)"
  }

  @Test func `a call passes both ways`() throws {
    let stream = try self.caller.call(
      "/test.Notes/Get", [("x-request-id", "mine"), ("x-a", "1"), ("grpc-encoding", "zstd")],
      body: "ask")
    let call = try self.upstreamCall()
    #expect(call.request.path == "/test.Notes/Get" && call.request.isRaw)
    #expect(self.text(call) == "ask" && call.request.isComplete)
    #expect(
      call.request.metadata.lines == [
        "content-type: application/grpc", "grpc-encoding: zstd", "x-a: 1", "x-request-id: mine",
      ])
    call.head([("content-type", "application/grpc+x"), ("x-b", "2"), ("content-length", "6")])
    call.reply(Array("answer".utf8))
    call.end(trailers: [("grpc-status", "0"), ("x-c", "3")])
    try self.caller.exchange()
    let reply = self.caller.reply(stream)
    #expect(
      reply.blocks == [
        ":status: 200, content-type: application/grpc+x, x-b: 2, x-request-id: mine",
        "grpc-status: 0, x-c: 3 |",
      ])
    #expect(reply.body == "answer" && reply.closed == HTTP2ErrorCode.noError)
    let entry = try #require(self.client.log.entries.first)
    #expect(self.client.log.entries.count == 1)
    #expect(entry.method == "POST" && entry.path == "/test.Notes/Get" && entry.service == "notes")
    #expect(entry.rpc == "/test.Notes/Get" && entry.httpStatus == 200 && entry.grpcCode == .ok)
    #expect(entry.requestBytes == 3 && entry.responseBytes == 6 && entry.requestID == "mine")
  }

  @Test func `a request may arrive in parts`() throws {
    let stream = try self.caller.call(body: "one", ends: false)
    let call = try self.upstreamCall()
    #expect(self.text(call) == "one" && !call.request.isComplete)
    try self.caller.send(stream, ByteBuffer(string: "two"))
    call.head([("x-open", "yes")])
    try self.caller.exchange()
    #expect(self.caller.reply(stream).blocks.count == 1)
    try self.caller.send(stream, ByteBuffer(string: "three"), ends: true)
    #expect(call.sentText == ["two", "three", "|"])
  }

  @Test func `an end without a head is trailers-only`() throws {
    let stream = try self.caller.call("/test.Notes/Get", [("x-request-id", "r")], body: "ask")
    try self.upstreamCall().end(
      GRPCStatus(.notFound, "no such thing"),
      trailers: [("grpc-status", "5"), ("grpc-message", "no%20such thing"), ("x-c", "3")])
    try self.caller.exchange()
    #expect(
      self.caller.reply(stream).blocks == [
        ":status: 200, grpc-status: 5, grpc-message: no%20such thing, x-c: 3, "
          + "content-type: application/grpc, x-request-id: r |"
      ])
  }

  @Test func `an error of the bridge is a gRPC status`() throws {
    let stream = try self.caller.call(body: "ask")
    let call = try self.upstreamCall()
    call.head([])
    call.end(GRPCStatus(.unavailable, "lost: 100%", origin: .transport))
    try self.caller.exchange()
    #expect(
      self.caller.reply(stream).blocks.last == "grpc-status: 14, grpc-message: lost: 100%25 |")
    #expect(self.client.log.entries.first?.grpcCode == .unavailable)
  }

  @Test(
    arguments: [
      ("Echo", "5S", 5), ("Echo", "1H", 30), ("Echo", nil, 30), ("Watch", nil, 600),
      ("Push", nil, 600), ("Unknown", nil, 600), ("Watch", "5S", 5),
    ] as [(String, String?, Int64)])
  func `the shorter of the client's and the service's timeout applies`(
    _ method: String, _ sent: String?, _ seconds: Int64
  ) throws {
    let before = NIODeadline.now()
    let fields = sent.map { [("grpc-timeout", $0)] } ?? []
    _ = try self.caller.call("/test.Notes/\(method)", fields, body: "ask")
    let deadline = try #require(try self.upstreamCall().request.deadline)
    let left = deadline - before
    #expect(left >= .seconds(seconds) && left < .seconds(seconds + 2))
  }

  @Test func `the service's rules for header fields apply`() throws {
    let hidden = [try Configuration.HeaderRules.Pattern("x-hidden")]
    let client = try TestClient(from: "10.0.0.9") { service in
      service.metadata = [("x-team", "legacy")]
      service.headers.deny = hidden
    }
    let caller = try TestCaller(client)
    _ = try caller.call(
      "/test.Notes/Get",
      [
        ("x-team", "mine"), ("x-hidden", "1"), ("x-forwarded-for", "1.2.3.4"),
        ("x-request-id", "r"),
      ], body: "ask")
    #expect(
      client.upstream.calls.first?.request.metadata.lines == [
        "content-type: application/grpc", "x-forwarded-for: 1.2.3.4, 10.0.0.9", "x-request-id: r",
        "x-team: legacy",
      ])
  }

  @Test func `a reset cancels the call`() throws {
    let stream = try self.caller.call(body: "ask", ends: false)
    self.caller.session.reset(stream, errorCode: HTTP2ErrorCode.cancel)
    try self.caller.exchange()
    #expect(try self.upstreamCall().isCancelled)
    #expect(self.client.log.entries.map(\.httpStatus) == [499])
    // The connection goes on.
    _ = try self.caller.call(body: "again")
    #expect(self.client.upstream.calls.count == 2)
  }

  @Test func `a disconnect cancels the call`() throws {
    _ = try self.caller.call(body: "ask")
    _ = try self.caller.call(body: "ask", ends: false)
    try self.client.disconnect()
    #expect(self.client.upstream.calls.map(\.isCancelled) == [true, true])
    #expect(self.client.loop.connectionCount == 0)
    #expect(self.client.log.entries.map(\.httpStatus) == [499, 499])
  }

  @Test func `an early response ends the request`() throws {
    let stream = try self.caller.call(body: "ask", ends: false)
    try self.upstreamCall().end(GRPCStatus(.internal), trailers: [("grpc-status", "13")])
    try self.caller.exchange()
    let reply = self.caller.reply(stream)
    #expect(reply.blocks.count == 1 && reply.closed == HTTP2ErrorCode.noError)
    #expect(try !self.upstreamCall().isCancelled)
  }

  // MARK: Back-pressure

  @Test func `a slow endpoint slows down the client`() throws {
    let stream = try self.caller.call(ends: false)
    let call = try self.upstreamCall()
    call.unsentBytes = WriteBufferWaterMark.high + 1
    try self.caller.send(stream, ByteBuffer(repeating: 1, count: 1 << 20))
    // The client's window is used up.
    #expect(self.caller.session.unsentBytes(stream) == 768 << 10)
    call.makeRoom()
    try self.caller.exchange()
    #expect(self.caller.session.unsentBytes(stream) == 0)
  }

  @Test func `a slow client slows down the endpoint`() throws {
    let client = try TestClient()
    let caller = try TestCaller(client, streamWindow: 64 << 10)
    caller.readsReplies = false
    let stream = try caller.call(body: "ask")
    let call = try #require(client.upstream.calls.first)
    call.head([])
    for _ in 0..<40 { call.reply([UInt8](repeating: 1, count: 10_000)) }
    try caller.exchange()
    #expect(call.flow == ["pause"])
    call.end(trailers: [("grpc-status", "0")])
    try caller.exchange()
    #expect(caller.reply(stream).byteCount == 64 << 10)
    try caller.readOn()
    #expect(caller.reply(stream).byteCount == 400_000)
    #expect(caller.reply(stream).closed == HTTP2ErrorCode.noError)
  }

  @Test func `the endpoint resumes when the client has read`() throws {
    let client = try TestClient()
    let caller = try TestCaller(client, streamWindow: 64 << 10)
    caller.readsReplies = false
    _ = try caller.call(body: "ask")
    let call = try #require(client.upstream.calls.first)
    call.head([])
    for _ in 0..<40 { call.reply([UInt8](repeating: 1, count: 10_000)) }
    try caller.exchange()
    try caller.readOn()
    #expect(call.flow == ["pause", "resume"])
  }

  // MARK: What isn't passed

  @Test func `a head over the limit is refused`() throws {
    var limits = Configuration.Limits()
    limits.headBytes = 4096
    let client = try TestClient(limits: limits)
    let caller = try TestCaller(client)
    let large = try caller.call(
      "/test.Notes/Get", [("x-a", String(repeating: "a", count: 5000))], body: "ask", ends: false)
    let many = try caller.call("/test.Notes/Get", (0..<100).map { ("x", "\($0)") }, body: "ask")
    for stream in [large, many] {
      let reply = caller.reply(stream)
      #expect(reply.blocks.first?.contains("grpc-status: 8") == true)
      #expect(reply.blocks.first?.contains(":status: 431") == (stream == large))
      #expect(reply.closed == HTTP2ErrorCode.noError)
    }
    #expect(client.upstream.calls.isEmpty && client.isOpen)
  }

  @Test func `an invalid timeout is refused`() throws {
    let stream = try self.caller.call("/test.Notes/Get", [("grpc-timeout", "soon")], body: "ask")
    #expect(self.caller.reply(stream).blocks.first?.contains("grpc-status: 3") == true)
    #expect(self.client.upstream.calls.isEmpty)
  }

  @Test func `a call to an unknown host is UNIMPLEMENTED`() throws {
    let client = try TestClient { $0.hosts = ["other.internal"] }
    let caller = try TestCaller(client)
    let stream = try caller.call(body: "ask")
    let block = try #require(caller.reply(stream).blocks.first)
    #expect(block.contains("grpc-status: 12") && block.contains("notes (host other.internal)"))
    #expect(client.log.entries.first?.grpcCode == .unimplemented)
  }

  // MARK: Life

  @Test func `a preface can arrive byte by byte`() throws {
    let client = try TestClient()
    for byte in ConnectionPreface.bytes { client.sendRaw([byte]) }
    client.sendRaw([0, 0, 0, 4, 0, 0, 0, 0, 0])
    let received = try client.receivedBytes()
    #expect(received.readableBytes > 9 && received.getInteger(at: 3) == UInt8(4))
    #expect(client.isOpen && client.loop.connectionCount == 1)
  }

  @Test func `an incomplete preface is HTTP/1.1`() throws {
    let client = try TestClient()
    client.sendRaw("P")
    client.sendRaw("OST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
    #expect(client.upstream.calls.count == 1)
  }

  @Test func `a silent client is closed`() throws {
    var limits = Configuration.Limits()
    limits.requestReadTimeout = .seconds(1)
    let client = try TestClient(limits: limits)
    client.sendRaw("PRI")
    for _ in 0..<3 { client.loop.tick() }
    #expect(!client.isOpen && client.loop.connectionCount == 0)
  }

  @Test func `an idle connection is closed`() throws {
    var limits = Configuration.Limits()
    limits.idleTimeout = .seconds(1)
    let client = try TestClient(limits: limits)
    let caller = try TestCaller(client)
    let stream = try caller.call(body: "ask")
    for _ in 0..<10 { client.loop.tick() }
    #expect(client.isOpen)
    client.upstream.calls.first?.end(trailers: [("grpc-status", "0")])
    try caller.exchange()
    #expect(caller.reply(stream).closed == HTTP2ErrorCode.noError && client.isOpen)
    for _ in 0..<3 { client.loop.tick() }
    try caller.exchange()
    #expect(caller.goneAways == [stream.id] && !client.isOpen)
    #expect(client.loop.connectionCount == 0)
  }

  @Test func `an idle connection is drained`() throws {
    var isDone = false
    self.client.loop.drain { isDone = true }
    try self.caller.exchange()
    #expect(isDone && !self.client.isOpen)
    #expect(self.caller.goneAways == [0])
  }

  @Test func `a busy connection is drained when its calls have ended`() throws {
    let first = try self.caller.call(body: "ask")
    var isDone = false
    self.client.loop.drain { isDone = true }
    try self.caller.exchange()
    #expect(self.caller.goneAways == [Int32.max])
    for _ in 0..<3 { self.client.loop.tick() }
    try self.caller.exchange()
    #expect(self.caller.goneAways == [Int32.max, first.id])
    #expect(self.client.isOpen && !isDone)
    try self.upstreamCall().end(trailers: [("grpc-status", "0")])
    try self.caller.exchange()
    #expect(self.caller.reply(first).closed == HTTP2ErrorCode.noError)
    #expect(isDone && !self.client.isOpen)
  }

  @Test func `a half-close counts as a disconnect`() throws {
    _ = try self.caller.call(body: "ask")
    self.client.closeInput()
    #expect(try self.upstreamCall().isCancelled && !self.client.isOpen)
  }
}
