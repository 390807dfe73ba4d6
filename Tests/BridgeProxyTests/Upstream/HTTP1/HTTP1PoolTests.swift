import NIOCore
import NIOEmbedded
import NIOPosix
import Testing

@testable import Addresses
@testable import BridgeConfiguration
@testable import GRPCWire
@testable import Upstream

/// The pool of HTTP/1.1 over embedded channels, with a clock that the test moves.
@Suite struct HTTP1PoolTests {
  private let peers = HTTP1Peers()

  private func makePool(
    limit: Int = 64, idempotent: Bool = false, idle: Duration? = nil, auth: Credentials? = nil
  ) -> HTTP1Pool {
    var transport = Configuration.HTTPProtobuf(
      request: "A", response: "B", path: "/predict", route: "/s")
    transport.connectionLimit = limit
    transport.isIdempotent = idempotent
    var connections = Configuration.Connections()
    connections.idleTimeout = idle
    return HTTP1Pool(
      eventLoop: self.peers.loop, endpoint: Configuration.Endpoint(host: "10.0.0.1", port: 80),
      transport, callPath: "/s/Predict", limits: Configuration.Limits(), connections: connections,
      userAgent: "u", authority: "eas", connector: self.peers, credentials: auth, second: { 0 })
  }

  private func ask(
    _ text: String, path: String = "/s/Predict", deadline: NIODeadline? = nil, limit: Int = 1000
  ) -> CallRequest {
    CallRequest(
      path: path, deadline: deadline, message: GRPCMessage.framed(ByteBuffer(string: text)),
      framing: .messages(replyByteLimit: limit))
  }

  private static func good(_ text: String, _ fields: String = "") -> String {
    "HTTP/1.1 200 OK\r\ncontent-length: \(text.utf8.count)\r\n\(fields)\r\n\(text)"
  }

  @Test func `a call is a request, and its connection is kept`() throws {
    let pool = self.makePool(auth: Credentials(.init(scheme: .raw, token: .init("t"))))
    for text in ["one", "two"] {
      let observer = RecordingObserver()
      _ = pool.start(self.ask(text), observer: observer)
      #expect(observer.events.isEmpty)
      #expect(
        try self.peers.written()
          == "POST /predict HTTP/1.1\r\nhost: eas\r\nuser-agent: u\r\naccept-encoding: identity\r\n"
          + "content-type: application/octet-stream\r\ncontent-length: 3\r\nauthorization: t\r\n\r\n"
          + text)
      try self.peers.response(Self.good("re \(text)", "x-a: 1\r\nServer: s\r\nDate: d\r\n"))
      #expect(
        observer.events == [
          .head(["x-a: 1", "server: s"]), .message("re \(text)"), .end(GRPCStatus(.ok), []),
        ])
    }
    #expect(self.peers.channels.count == 1)
  }

  @Test func `a response may arrive in pieces and in chunks`() throws {
    let pool = self.makePool()
    for reply in [
      Self.good("abcdef"), "HTTP/1.1 100 Continue\r\n\r\n" + Self.good("abcdef"),
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n4\r\ncdef\r\n0\r\nx: y\r\n\r\n",
    ] {
      let observer = RecordingObserver()
      _ = pool.start(self.ask("x"), observer: observer)
      for character in reply { try self.peers.response(String(character)) }
      #expect(observer.events == RecordingObserver.good("abcdef"))
    }
    #expect(self.peers.open == 1)
  }

  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\na", GRPCStatus.Code.ok),
    ("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na", .ok),
    ("HTTP/1.1 408 x\r\ncontent-length: 0\r\n\r\n", .deadlineExceeded),
    ("HTTP/1.1 450 x\r\ncontent-length: 0\r\n\r\n", .resourceExhausted),
    ("HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n", .resourceExhausted),
    (
      "HTTP/1.1 500 x\r\ncontent-length: 99999\r\n\r\n" + String(repeating: "x", count: 70_000),
      .internal
    ),
    ("nonsense\r\n\r\n", .unavailable),
  ])
  func `a connection that can't be reused is closed`(reply: String, code: GRPCStatus.Code) throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    _ = pool.start(self.ask("x"), observer: observer)
    try? self.peers.response(reply)
    #expect(observer.status?.code == code, "\(observer.events)")
    #expect(self.peers.open == 0)
    let next = RecordingObserver()
    _ = pool.start(self.ask("y"), observer: next)
    try self.peers.response(Self.good("b"), 1)
    #expect(next.events == RecordingObserver.good("b"))
  }

  @Test func `calls beyond the connection limit wait`() throws {
    let pool = self.makePool(limit: 2)
    let observers = (0..<4).map { _ in RecordingObserver() }
    let calls = observers.enumerated().map { pool.start(self.ask("\($0)"), observer: $1) }
    #expect(self.peers.channels.count == 2)
    #expect(try self.peers.written(0).hasSuffix("\r\n0"))
    #expect(try self.peers.written(1).hasSuffix("\r\n1"))
    calls[2].cancel()
    try self.peers.response(Self.good("b"), 1)
    #expect(observers[1].events == RecordingObserver.good("b"))
    #expect(try self.peers.written(1).hasSuffix("\r\n3"))
    #expect(observers[2].events.isEmpty && observers[0].events.isEmpty)
  }

  @Test func `cancellation and deadline close the connection`() throws {
    let pool = self.makePool()
    let cancelled = RecordingObserver()
    let call = pool.start(self.ask("x"), observer: cancelled)
    _ = try self.peers.written()
    call.cancel()
    self.peers.loop.run()
    #expect(self.peers.open == 0 && cancelled.events.isEmpty)
    let late = RecordingObserver()
    _ = pool.start(self.ask("x", deadline: self.peers.loop.now + .seconds(1)), observer: late)
    self.peers.loop.advanceTime(by: .milliseconds(999))
    #expect(late.events.isEmpty)
    self.peers.loop.advanceTime(by: .milliseconds(20))
    #expect(late.status?.code == .deadlineExceeded && late.status?.origin == .deadline)
    #expect(self.peers.open == 0)
  }

  @Test func `a paused observer gets its events after it resumes`() throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    let call = pool.start(self.ask("x"), observer: observer)
    call.pauseReading()
    try self.peers.response(Self.good("a"))
    #expect(observer.events.isEmpty)
    call.resumeReading()
    #expect(observer.events.isEmpty)
    self.peers.loop.run()
    #expect(observer.events == RecordingObserver.good("a"))
  }

  @Test(arguments: [true, false])
  func `a stale connection's call is retried if it's idempotent`(idempotent: Bool) throws {
    let pool = self.makePool(idempotent: idempotent)
    _ = pool.start(self.ask("x"), observer: RecordingObserver())
    try self.peers.response(Self.good("a"))
    let observer = RecordingObserver()
    _ = pool.start(self.ask("y"), observer: observer)
    _ = try self.peers.written()
    try self.peers.close()
    guard idempotent else {
      #expect(observer.status?.code == .unavailable && observer.status?.origin == .transport)
      #expect(self.peers.channels.count == 1)
      return
    }
    #expect(observer.events.isEmpty)
    #expect(try self.peers.written(1).hasSuffix("\r\ny"))
    try self.peers.response(Self.good("b"), 1)
    #expect(observer.events == RecordingObserver.good("b"))
    // Only once.
    let again = RecordingObserver()
    _ = pool.start(self.ask("z"), observer: again)
    try self.peers.close(1)
    #expect(again.events.isEmpty)
    try self.peers.close(2)
    #expect(again.status?.code == .unavailable)
  }

  @Test func `a call whose response has begun is not retried`() throws {
    let pool = self.makePool(idempotent: true)
    _ = pool.start(self.ask("x"), observer: RecordingObserver())
    try self.peers.response(Self.good("a"))
    let observer = RecordingObserver()
    _ = pool.start(self.ask("y"), observer: observer)
    try self.peers.response("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab")
    try? self.peers.close()
    #expect(observer.status?.code == .unavailable && self.peers.channels.count == 1)
  }

  @Test func `an unrequested response closes the connection`() throws {
    let pool = self.makePool()
    _ = pool.start(self.ask("x"), observer: RecordingObserver())
    try self.peers.response(Self.good("a"))
    #expect(self.peers.open == 1)
    try? self.peers.response("HTTP/1.1 408 x\r\ncontent-length: 0\r\n\r\n")
    #expect(self.peers.open == 0)
    let observer = RecordingObserver()
    _ = pool.start(self.ask("y"), observer: observer)
    try self.peers.response(Self.good("b"), 1)
    #expect(observer.events == RecordingObserver.good("b"))
  }

  @Test func `a refused connection is an error`() throws {
    self.peers.refuses = true
    let pool = self.makePool()
    let observer = RecordingObserver()
    _ = pool.start(self.ask("x"), observer: observer)
    self.peers.loop.run()
    #expect(
      observer.status
        == GRPCStatus(
          .unavailable, "can't connect to 10.0.0.1:80: connection refused", origin: .notConnected))
  }

  @Test func `calls other than the unary method are refused`() throws {
    let pool = self.makePool()
    var raw = self.ask("x")
    raw.framing = .raw
    var stream = self.ask("x")
    stream.isComplete = false
    var compressed = self.ask("x")
    compressed.message = GRPCMessage.framed(ByteBuffer(string: "x"), isCompressed: true)
    let health = self.ask("", path: "/grpc.health.v1.Health/Watch")
    for request in [raw, stream, compressed, health] {
      let observer = RecordingObserver()
      _ = pool.start(request, observer: observer)
      self.peers.loop.run()
      #expect(observer.status?.code == .unimplemented)
    }
    #expect(self.peers.channels.isEmpty)
  }

  @Test func `an idle connection is closed, and the endpoint stays reachable`() throws {
    let pool = self.makePool(idle: .seconds(8))
    var reported: [Connectivity] = []
    pool.onConnectivity = { reported.append($0) }
    _ = pool.start(self.ask("x"), observer: RecordingObserver())
    try self.peers.response(Self.good("a"))
    self.peers.loop.advanceTime(by: .seconds(7))
    #expect(self.peers.open == 1)
    self.peers.loop.advanceTime(by: .seconds(5))
    #expect(self.peers.open == 0)
    #expect(reported == [.ready])
  }

  @Test func `a drain lets calls finish`() throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    _ = pool.start(self.ask("x"), observer: observer)
    var isDrained = false
    pool.drain().assumeIsolated().whenComplete { _ in isDrained = true }
    let refused = RecordingObserver()
    _ = pool.start(self.ask("y"), observer: refused)
    self.peers.loop.run()
    #expect(!isDrained && refused.status?.origin == .notConnected)
    try self.peers.response(Self.good("a"))
    #expect(observer.events == RecordingObserver.good("a"))
    #expect(isDrained && self.peers.open == 0)
  }

  @Test func `closing ends calls`() throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    _ = pool.start(self.ask("x"), observer: observer)
    pool.closeNow()
    self.peers.loop.run()
    #expect(observer.status?.code == .unavailable && self.peers.open == 0)
  }
}
