import NIOCore
import Testing

@testable import AccessLogging
@testable import BridgeConfiguration
@testable import Downstream
@testable import GRPCWire
@testable import HTTP2
@testable import Upstream

/// JSON over HTTP/2, in memory.
@Suite struct HTTP2ServerStreamTests {
  private let client: TestClient
  private let caller: TestCaller

  init() throws {
    self.client = try TestClient()
    self.caller = try TestCaller(self.client)
  }

  @Test func `a unary request gets its response`() throws {
    self.client.upstream.echoes()
    let stream = try self.caller.request(
      "POST", "/v1/echo", [("content-type", "application/json"), ("x-request-id", "r")],
      body: #"{"name":"a"}"#)
    let reply = self.caller.reply(stream)
    #expect(reply.body == #"{"name":"a"}"# && reply.closed == HTTP2ErrorCode.noError)
    let head = try #require(reply.blocks.first)
    #expect(head.hasPrefix(":status: 200, content-type: application/json, content-length: 12"))
    #expect(head.contains("x-request-id: r") && !head.contains("connection"))
    #expect(self.client.log.entries.map(\.httpStatus) == [200])
    #expect(self.client.loop.connectionCount == 1)
  }

  @Test func `concurrent requests share a connection with a call`() throws {
    let exchanges = try (0..<20).map {
      try self.caller.request("POST", "/v1/echo", body: #"{"name":"\#($0)"}"#)
    }
    let call = try self.caller.call(body: "ask")
    #expect(self.client.upstream.calls.count == 21)
    for upstreamCall in self.client.upstream.calls.reversed() {
      if upstreamCall.request.isRaw {
        upstreamCall.end(trailers: [("grpc-status", "0")])
      } else {
        upstreamCall.reply(upstreamCall.message)
        upstreamCall.end()
      }
    }
    try self.caller.exchange()
    for (index, stream) in exchanges.enumerated() {
      #expect(self.caller.reply(stream).body == #"{"name":"\#(index)"}"#)
    }
    #expect(self.caller.reply(call).closed == HTTP2ErrorCode.noError)
  }

  @Test func `a request is refused while its body is being sent`() throws {
    let stream = try self.caller.request("POST", "/no/such/path", body: "{", ends: false)
    let reply = self.caller.reply(stream)
    #expect(reply.blocks.first?.hasPrefix(":status: 404") == true)
    #expect(reply.body.count + reply.byteCount > 0 && reply.closed == nil)
    // The client gets a moment to read it, then hears that the rest isn't wanted.
    for _ in 0..<6 { self.client.loop.tick() }
    try self.caller.exchange()
    #expect(self.caller.reply(stream).closed == HTTP2ErrorCode.noError && self.client.isOpen)
  }

  @Test func `an incomplete request gets a 408`() throws {
    var limits = Configuration.Limits()
    limits.requestReadTimeout = .seconds(1)
    let client = try TestClient(limits: limits)
    let caller = try TestCaller(client)
    let stream = try caller.request("POST", "/v1/echo", body: "{", ends: false)
    for _ in 0..<4 { client.loop.tick() }
    try caller.exchange()
    #expect(caller.reply(stream).blocks.first?.hasPrefix(":status: 408") == true)
  }

  @Test func `a reset cancels the call`() throws {
    let stream = try self.caller.request("POST", "/v1/echo", body: "{}")
    self.caller.session.reset(stream, errorCode: HTTP2ErrorCode.cancel)
    try self.caller.exchange()
    #expect(self.client.upstream.calls.map(\.isCancelled) == [true])
    #expect(self.client.log.entries.map(\.httpStatus) == [499])
    #expect(self.client.isOpen)
  }

  @Test func `a disconnect cancels the call`() throws {
    _ = try self.caller.request("POST", "/v1/echo", body: "{}")
    try self.client.disconnect()
    #expect(self.client.upstream.calls.map(\.isCancelled) == [true])
    #expect(self.client.loop.connectionCount == 0)
  }

  @Test func `an array that fails is reset`() throws {
    let stream = try self.caller.request("GET", "/v1/watch/a", [("accept", "application/json")])
    let call = try #require(self.client.upstream.calls.first)
    call.reply([0x0a, 0x01, 0x61])
    try self.caller.exchange()
    call.end(GRPCStatus(.dataLoss))
    try self.caller.exchange()
    #expect(self.caller.reply(stream).closed == HTTP2ErrorCode.internalError)
  }

  @Test func `a client that reads slowly slows down its endpoint`() throws {
    let client = try TestClient()
    let caller = try TestCaller(client, streamWindow: 64 << 10)
    caller.readsReplies = false
    let stream = try caller.request("GET", "/v1/watch/a", [("accept", "application/x-ndjson")])
    let call = try #require(client.upstream.calls.first)
    let message: [UInt8] = [0x0a, 0x80, 0x40] + [UInt8](repeating: 0x61, count: 8192)
    for _ in 0..<60 { call.reply(message) }
    try caller.exchange()
    #expect(call.flow == ["pause"] && caller.reply(stream).byteCount == 64 << 10)
    try caller.readOn()
    #expect(call.flow == ["pause", "resume"])
    call.end()
    try caller.exchange()
    #expect(caller.reply(stream).closed == HTTP2ErrorCode.noError)
  }

  @Test func `a drain lets a response finish`() throws {
    let stream = try self.caller.request("POST", "/v1/echo", body: "{}")
    var isDone = false
    self.client.loop.drain { isDone = true }
    for _ in 0..<3 { self.client.loop.tick() }
    try self.caller.exchange()
    let call = try #require(self.client.upstream.calls.first)
    #expect(!isDone && self.client.isOpen)
    call.reply(call.message)
    call.end()
    try self.caller.exchange()
    #expect(self.caller.reply(stream).body == "{}")
    #expect(isDone && !self.client.isOpen)
  }
}
