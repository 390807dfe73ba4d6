import NIOCore
import NIOEmbedded
import Testing

@testable import AccessLogging
@testable import BridgeConfiguration
@testable import Downstream
@testable import GRPCWire
@testable import HTTP2
@testable import Upstream

/// A WebSocket and its call, over an embedded channel.
@Suite struct WebSocketHandlerTests {
  private func peer(
    _ target: String = "/v1/chat", _ fields: [String] = [],
    limits: Configuration.Limits = Configuration.Limits(),
    configure: (inout Configuration.Service) -> Void = { _ in }
  ) throws -> WebSocketPeer {
    try WebSocketPeer(try TestClient(limits: limits, configure: configure), target, fields)
  }

  private func call(_ peer: WebSocketPeer) throws -> CannedUpstream.Call {
    #expect(peer.client.upstream.calls.count == 1)
    return try #require(peer.client.upstream.calls.first)
  }

  /// A request message as it's sent, with its gRPC prefix.
  private func framed(_ message: [UInt8]) -> [UInt8] {
    [0, 0, 0, 0, UInt8(message.count)] + message
  }

  /// Ticks twice a second.
  private func wait(_ peer: WebSocketPeer, _ seconds: Int) {
    for _ in 0..<2 * seconds { peer.client.loop.tick() }
  }

  // MARK: The handshake

  @Test func `a handshake is accepted and begins the call`() throws {
    let peer = try self.peer("/v1/chat", ["X-Team: blue"])
    #expect(peer.response.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
    // RFC 6455 §1.3.
    #expect(
      peer.response.contains("\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
    #expect(peer.response.contains("\r\nx-request-id: ") && !peer.response.contains("-protocol"))
    let call = try self.call(peer)
    #expect(call.request.path == "/test.Notes/Chat" && !call.request.isComplete)
    #expect(call.request.message == nil)
    #expect(call.request.metadata.first("x-team") == "blue")
    #expect(try peer.frames() == [] && peer.client.log.entries.isEmpty)
  }

  @Test func `frames may follow the handshake in the same read`() throws {
    let client = try TestClient()
    let head = (["GET /v1/chat HTTP/1.1", "Host: localhost"] + WebSocketPeer.handshake)
      .joined(separator: "\r\n")
    client.sendRaw(
      Array("\(head)\r\n\r\n".utf8) + WebSocketPeer.frame(.text, Array(#"{"text":"a"}"#.utf8)))
    #expect(client.upstream.calls.first?.sent == [self.framed(TestSchema.note(text: "a"))])
  }

  @Test(arguments: [
    ("Sec-WebSocket-Version", "12", 426, "UNSUPPORTED_HTTP_VERSION"),
    ("Sec-WebSocket-Key", "c2hvcnQ=", 400, "INVALID_HEADER"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZ!==", 400, "INVALID_HEADER"),
    ("Sec-WebSocket-Protocol", "bearer, ", 400, "INVALID_HEADER"),
    ("Sec-WebSocket-Protocol", "bearer, t\u{E9}", 400, "INVALID_HEADER"),
  ])
  func `an invalid handshake is refused`(
    name: String, value: String, status: Int, reason: String
  ) throws {
    let client = try TestClient()
    let fields = WebSocketPeer.handshake.filter { !$0.hasPrefix("\(name):") }
    client.request("GET /v1/chat", fields + ["\(name): \(value)"])
    let response = try client.response()
    #expect(response.status == status && response.body.contains(reason), "\(response)")
    #expect((response.fields["sec-websocket-version"] == "13") == (status == 426))
    #expect(client.upstream.calls.isEmpty)
  }

  @Test func `a unary method makes no WebSocket`() throws {
    let client = try TestClient()
    client.upstream.echoes()
    client.request("GET /v1/notes/a", WebSocketPeer.handshake)
    #expect(try client.response().body == #"{"name":"a"}"#)
  }

  @Test func `the first protocol is chosen, and bearer passes a token`() throws {
    let plain = try self.peer("/v1/chat", ["Sec-WebSocket-Protocol: notes, other"])
    #expect(plain.response.contains("\r\nsec-websocket-protocol: notes\r\n"))
    let bearer = try self.peer("/v1/chat", ["Sec-WebSocket-Protocol: bearer, t0ken"])
    #expect(bearer.response.contains("\r\nsec-websocket-protocol: bearer\r\n"))
    #expect(try self.call(bearer).request.metadata.first("authorization") == "Bearer t0ken")
  }

  // MARK: Messages

  @Test func `messages go both ways until both sides have ended`() throws {
    let peer = try self.peer()
    let call = try self.call(peer)
    peer.send(#"{"text":"1"}"#)
    call.reply(TestSchema.note(text: "one"))
    peer.send(#"{"text":"2"}"#)
    call.reply(TestSchema.note(text: "two"))
    #expect(try peer.frames() == [.text(#"{"text":"one"}"#), .text(#"{"text":"two"}"#)])
    #expect(call.sent == ["1", "2"].map { self.framed(TestSchema.note(text: $0)) })
    #expect(!call.isComplete)
    peer.send("")
    #expect(call.isComplete && call.sent.count == 2)
    call.reply(TestSchema.note(text: "three"))
    call.end()
    #expect(try peer.frames() == [.text(#"{"text":"three"}"#), .close(code: 1000, reason: "")])
    #expect(peer.client.isOpen, "until the client's Close frame")
    peer.sendClose()
    #expect(!peer.client.isOpen && !call.isCancelled)
    let entry = try #require(peer.client.log.entries.first)
    #expect(peer.client.log.entries.count == 1)
    #expect(entry.httpStatus == 101 && entry.grpcCode == .ok && entry.failure == nil)
    #expect(entry.requestBytes == 24 && entry.responseBytes >= 44)
    #expect(peer.client.loop.connectionCount == 0)
  }

  @Test func `the fragments of a message are joined`() throws {
    let peer = try self.peer()
    peer.send(.text, Array(#"{"te"#.utf8), isFinal: false)
    peer.send(.ping, [1])
    peer.send(.continuation, Array(#"xt":"#.utf8), isFinal: false)
    #expect(try self.call(peer).sent.isEmpty)
    peer.send(.continuation, Array(#""a"}"#.utf8))
    #expect(try self.call(peer).sent == [self.framed(TestSchema.note(text: "a"))])
    #expect(try peer.frames() == [.pong([1])])
  }

  @Test func `the path is part of the first message`() throws {
    let peer = try self.peer("/v1/push/a")
    peer.send(#"{"text":"b"}"#)
    peer.send("{}")
    let sent = try self.call(peer).sent
    #expect(sent.count == 2 && sent.last == self.framed([]))
    // The order of fields is the codec's.
    let note = TestSchema.note(name: "a", text: "b")
    #expect(sent.first?.count == 5 + note.count && Set(sent.first ?? []) == Set(self.framed(note)))
  }

  @Test func `path and query alone are a message when the requests end`() throws {
    let peer = try self.peer("/v1/push/a?text=b")
    peer.send("")
    let call = try self.call(peer)
    #expect(call.sent.map(\.count) == [5 + TestSchema.note(name: "a", text: "b").count])
    #expect(call.isComplete)
  }

  @Test func `a rule without a body needs no message`() throws {
    let peer = try self.peer("/v1/watch/a")
    let call = try self.call(peer)
    #expect(call.message == TestSchema.note(name: "a") && call.request.isComplete)
    peer.send("{}")
    let frames = try peer.frames()
    #expect(frames.count == 2 && call.isCancelled)
    #expect(frames.last == .close(code: 4003, reason: "test.Notes/Watch takes one request message"))
  }

  @Test func `a single response is written when the call has succeeded`() throws {
    let peer = try self.peer("/v1/push/a")
    let call = try self.call(peer)
    call.reply(TestSchema.note(text: "sum"))
    #expect(try peer.frames() == [])
    call.end()
    #expect(try peer.frames() == [.text(#"{"text":"sum"}"#), .close(code: 1000, reason: "")])
  }

  @Test(arguments: [0, 2])
  func `another number of single responses is an error`(count: Int) throws {
    let peer = try self.peer("/v1/push/a")
    let call = try self.call(peer)
    for _ in 0..<count { call.reply(TestSchema.note(text: "sum")) }
    call.end()
    let frames = try peer.frames()
    guard case .text(let error)? = frames.first, case .close(let code, _)? = frames.last else {
      Issue.record("\(frames)")
      return
    }
    #expect(frames.count == 2 && code == 4013 && error.hasPrefix(#"{"error":{"code":13,"#))
    #expect(peer.client.log.entries.map(\.grpcCode) == [.internal])
  }

  @Test func `messages and errors have an envelope if configured`() throws {
    let peer = try self.peer { $0.stream.hasEnvelope = true }
    try self.call(peer).reply(TestSchema.note(text: "a"))
    #expect(try peer.frames() == [.text(#"{"result":{"text":"a"}}"#)])
  }

  // MARK: Errors

  @Test func `an invalid message ends the call with an error that has its number`() throws {
    let peer = try self.peer()
    peer.send(#"{"text":"1"}"#)
    peer.send(#"{"txt":"2"}"#)
    #expect(try self.call(peer).isCancelled)
    let frames = try peer.frames()
    guard case .text(let error)? = frames.first, case .close(let code, let reason)? = frames.last
    else {
      Issue.record("\(frames)")
      return
    }
    #expect(frames.count == 2 && code == 4003 && reason.hasPrefix("message 2 of the stream: txt"))
    #expect(error.hasPrefix(#"{"error":{"code":3,"message":"message 2 of the stream: txt"#))
    #expect(peer.client.log.entries.map(\.grpcCode) == [.invalidArgument])
    peer.send(#"{"text":"3"}"#)
    #expect(try peer.frames() == [], "ignored after the Close frame")
  }

  @Test func `a message after the end of the requests is refused`() throws {
    let peer = try self.peer()
    peer.send("")
    peer.send("{}")
    #expect(try self.call(peer).isCancelled)
    guard case .close(4003, _)? = try peer.frames().last else {
      Issue.record("no Close frame")
      return
    }
  }

  @Test func `an endpoint's error is a message and the code of the close`() throws {
    let peer = try self.peer()
    try self.call(peer).end(GRPCStatus(.permissionDenied, "no"))
    #expect(
      try peer.frames() == [
        .text(#"{"error":{"code":7,"message":"no"}}"#), .close(code: 4007, reason: "no"),
      ])
    #expect(peer.client.log.entries.map(\.failure?.message) == ["no"])
  }

  @Test func `an error of the bridge has its reason`() throws {
    let peer = try self.peer()
    try self.call(peer).end(GRPCStatus(.unavailable, "down", origin: .notConnected))
    let frames = try peer.frames()
    guard case .text(let error)? = frames.first, case .close(4014, _)? = frames.last else {
      Issue.record("\(frames)")
      return
    }
    #expect(error.contains(#""reason":"ENDPOINT_NOT_REACHABLE""#))
  }

  @Test func `an invalid response message is an error`() throws {
    let peer = try self.peer()
    let call = try self.call(peer)
    call.reply([0x12, 0x7F])
    #expect(call.isCancelled)
    guard case .close(4013, _)? = try peer.frames().last else {
      Issue.record("no Close frame")
      return
    }
  }

  // MARK: Frames

  @Test(arguments: [
    (WebSocketPeer.frame(.text, isMasked: false), 1002, "a client's frames must be masked"),
    (
      WebSocketPeer.frame(.text, reserved: 4), 1002,
      "a reserved bit is set, but no extension was negotiated"
    ),
    (WebSocketPeer.frame(.binary, [1]), 1003, "messages must be JSON in text frames"),
    (WebSocketPeer.frame(.text, [0x22, 0xFF, 0x22]), 1007, "the text isn't UTF-8"),
    (
      WebSocketPeer.frame(.close, [3, 0xE8, 0xFF]), 1007, "the reason of a Close frame isn't UTF-8"
    ),
    (WebSocketPeer.frame(.close, [3, 0xED]), 1002, "a Close frame has an invalid code"),
    (WebSocketPeer.frame(.text, announced: 1001), 1009, "a message has more than 1000 bytes"),
    (
      WebSocketPeer.frame(.text, Array(repeating: 0x20, count: 600), isFinal: false)
        + WebSocketPeer.frame(.continuation, Array(repeating: 0x20, count: 600)), 1009,
      "a message has more than 1000 bytes"
    ),
  ])
  func `an invalid frame closes with its code`(bytes: [UInt8], code: UInt16, reason: String) throws
  {
    var limits = Configuration.Limits()
    limits.requestBodyBytes = 1000
    let peer = try self.peer(limits: limits)
    peer.client.sendRaw(bytes)
    #expect(try peer.frames() == [.close(code: code, reason: reason)])
    #expect(try self.call(peer).isCancelled)
    #expect(peer.client.log.entries.map(\.grpcCode) == [.invalidArgument])
    #expect(peer.client.log.entries.map(\.failure?.message) == [reason])
    // Another one changes nothing: the client must be able to read the reason.
    peer.client.sendRaw(bytes)
    #expect(try peer.frames() == [] && peer.client.isOpen)
  }

  @Test(arguments: [
    WebSocketPeer.frame(.continuation, [1]), WebSocketPeer.frame(.ping, isFinal: false),
    WebSocketPeer.frame(.text, isFinal: false) + WebSocketPeer.frame(.text),
    WebSocketPeer.frame(.ping, Array(repeating: 1, count: 126)), [0x83, 0x80, 0, 0, 0, 0],
  ])
  func `a sequence of frames that violates the protocol closes with 1002`(bytes: [UInt8]) throws {
    let peer = try self.peer()
    peer.client.sendRaw(bytes)
    let frames = try peer.frames()
    guard case .close(1002, _)? = frames.first, frames.count == 1 else {
      Issue.record("\(frames)")
      return
    }
    #expect(try self.call(peer).isCancelled)
  }

  // MARK: The end

  @Test(arguments: [1000, 1001, 4999])
  func `the client's Close frame is returned, and its call cancelled`(code: UInt16) throws {
    let peer = try self.peer()
    peer.sendClose(code, "bye")
    #expect(try peer.frames() == [.close(code: code, reason: "")])
    #expect(!peer.client.isOpen)
    #expect(try self.call(peer).isCancelled)
    #expect(peer.client.log.entries.map(\.grpcCode) == [.cancelled])
  }

  @Test func `a Close frame without a code is returned without one`() throws {
    let peer = try self.peer()
    peer.send(.close)
    #expect(try peer.frames() == [.close(code: nil, reason: "")])
  }

  @Test func `a client that doesn't return the Close frame is closed in time`() throws {
    let peer = try self.peer()
    try self.call(peer).end()
    _ = try peer.frames()
    self.wait(peer, 1)
    #expect(peer.client.isOpen)
    self.wait(peer, 5)
    #expect(!peer.client.isOpen && peer.client.log.entries.count == 1)
  }

  @Test(arguments: [true, false])
  func `a disconnect or a half-close cancels the call`(isWhole: Bool) throws {
    let peer = try self.peer()
    if isWhole { try peer.client.disconnect() } else { peer.client.closeInput() }
    #expect(try self.call(peer).isCancelled && !peer.client.isOpen)
    #expect(peer.client.log.entries.map(\.grpcCode) == [.cancelled])
    #expect(peer.client.loop.connectionCount == 0)
  }

  @Test func `a drain lets a call finish`() throws {
    let peer = try self.peer()
    var isDone = false
    peer.client.loop.drain { isDone = true }
    for _ in 0..<5 { peer.client.loop.tick() }
    let call = try self.call(peer)
    #expect(!isDone && !call.isCancelled)
    call.end()
    #expect(try peer.frames() == [.close(code: 1000, reason: "")])
    peer.sendClose()
    #expect(isDone && !peer.client.isOpen)
  }

  // MARK: Keepalive

  @Test func `a ping is returned with its data, a pong isn't`() throws {
    let peer = try self.peer()
    peer.send(.pong, [1])
    peer.send(.ping, Array("are you there".utf8))
    peer.send(.ping)
    #expect(try peer.frames() == [.pong(Array("are you there".utf8)), .pong([])])
  }

  @Test func `a silent connection gets pings, and one that returns none is closed`() throws {
    let peer = try self.peer { $0.stream.heartbeat = .seconds(5) }
    func wait(_ seconds: Int) throws -> [WebSocketPeer.Frame] {
      self.wait(peer, seconds)
      return try peer.frames()
    }
    #expect(try wait(4) == [])
    #expect(try wait(1) == [.ping([])])
    peer.send(.pong)
    #expect(try wait(5) == [.ping([])])
    #expect(peer.client.isOpen)
    #expect(try wait(5) == [])
    #expect(!peer.client.isOpen)
    #expect(try self.call(peer).isCancelled)
  }

  @Test func `a response puts the next ping off`() throws {
    let peer = try self.peer { $0.stream.heartbeat = .seconds(5) }
    self.wait(peer, 4)
    try self.call(peer).reply([])
    self.wait(peer, 4)
    #expect(try peer.frames() == [.text("{}")])
    self.wait(peer, 1)
    #expect(try peer.frames() == [.ping([])])
  }

  @Test func `a client that doesn't read gets no ping, and isn't closed for it`() throws {
    let peer = try self.peer { $0.stream.heartbeat = .seconds(5) }
    peer.client.setWritable(false)
    self.wait(peer, 30)
    #expect(try peer.frames() == [] && peer.client.isOpen)
    peer.client.setWritable(true)
    self.wait(peer, 5)
    #expect(try peer.frames() == [.ping([])])
  }

  // MARK: Flow control

  @Test func `messages wait while the call can't send`() throws {
    let peer = try self.peer()
    let call = try self.call(peer)
    call.unsentBytes = WriteBufferWaterMark.high + 1
    peer.send(#"{"text":"1"}"#)
    peer.send(#"{"text":"2"}"#)
    peer.send("")
    #expect(call.sent.count == 1 && !call.isComplete)
    call.makeRoom()
    #expect(call.sent.count == 2 && call.isComplete)
  }

  @Test func `a client that reads slowly pauses the call`() throws {
    let peer = try self.peer()
    peer.client.setWritable(false)
    #expect(try self.call(peer).flow == ["pause"])
    peer.client.setWritable(true)
    #expect(try self.call(peer).flow == ["pause", "resume"])
  }

  @Test func `bytes of incomplete and waiting messages count as held`() throws {
    let peer = try self.peer()
    let call = try self.call(peer)
    let handler = try peer.client.channel.pipeline.syncOperations.handler(
      type: WebSocketHandler.self)
    #expect(handler.heldBytes == 0)
    peer.send(.text, Array(repeating: 0x20, count: 100), isFinal: false)
    #expect(handler.heldBytes == 106)
    peer.send(.continuation, Array("{}".utf8))
    #expect(handler.heldBytes == 0)
    call.unsentBytes = WriteBufferWaterMark.high + 1
    peer.send("{}")
    peer.send(#"{"text":"2"}"#)
    #expect(handler.heldBytes == WriteBufferWaterMark.high + 1 + 12)
    call.makeRoom()
    #expect(handler.heldBytes == 0)
  }
}
