import NIOCore
import NIOEmbedded
import NIOPosix
import Testing

@testable import BridgeConfiguration
@testable import GRPCWire
@testable import HTTP2
@testable import Upstream

/// The pool over embedded channels, with a clock that the test moves.
@Suite struct HTTP2PoolTests {
  private let endpoint = ScriptedEndpoint()
  private let address = Configuration.Endpoint(host: "10.0.0.1", port: 50051)

  private func makePool(_ change: (inout Configuration.Limits) -> Void = { _ in }) -> HTTP2Pool {
    var limits = Configuration.Limits()
    change(&limits)
    return HTTP2Pool(
      eventLoop: self.endpoint.loop, endpoint: self.address, limits: limits,
      userAgent: "bridge-proxy/test", connector: self.endpoint)
  }

  private func ask(
    _ text: String, deadline: NIODeadline? = nil, complete: Bool = true, replyByteLimit: Int = 1000
  ) -> CallRequest {
    CallRequest(
      path: "/a.B/C", deadline: deadline,
      message: GRPCMessage.framed(ByteBuffer(string: text)), isComplete: complete,
      framing: .messages(replyByteLimit: replyByteLimit))
  }

  private func peer(_ index: Int = 0) throws -> ScriptedEndpoint.Peer {
    try #require(index < self.endpoint.peers.count ? self.endpoint.peers[index] : nil)
  }

  @Test func `a compressed message names its encoding`() throws {
    let pool = self.makePool()
    var request = self.ask("ask")
    request.encoding = .gzip
    _ = pool.start(request, observer: RecordingObserver())
    try self.endpoint.exchange()
    #expect(try self.peer().heads[1]?.contains("grpc-encoding: gzip") == true)
  }

  @Test func `a call opens a connection and gets its reply`() throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    var request = self.ask("ask", deadline: self.endpoint.loop.now + .seconds(30))
    request.metadata.append("x-team", "legacy")
    _ = pool.start(request, observer: observer)
    try self.endpoint.exchange()
    let peer = try self.peer()
    #expect(
      peer.heads[1] == [
        ":method: POST", ":scheme: http", ":path: /a.B/C", ":authority: 10.0.0.1:50051",
        "te: trailers", "content-type: application/grpc", "user-agent: bridge-proxy/test",
        "grpc-accept-encoding: identity,deflate,gzip", "grpc-timeout: 30000m", "x-team: legacy",
      ])
    #expect(peer.bodies[1] == GRPCMessage.framed(ByteBuffer(string: "ask")))
    #expect(peer.ended == [1] && observer.events == [])
    peer.reply(peer.requests[0], "answer")
    try self.endpoint.exchange()
    #expect(observer.events == RecordingObserver.good("answer"))
    #expect(peer.closed == [1: 0])
  }

  @Test func `a long round trip gets a wider window`() throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    _ = pool.start(
      CallRequest(path: "/a.B/C", message: nil, framing: .messages(replyByteLimit: 8 << 20)),
      observer: observer)
    try self.endpoint.exchange()
    let peer = try self.peer()
    // All that the window lets through is on its way at a time.
    peer.writeLimit = 8 << 20
    let message = ByteBuffer(repeating: 0x61, count: 6 << 20)
    peer.session.submitResponse(
      peer.requests[0], .ok, body: GRPCMessage.framed(message), endsStream: false)
    peer.session.finish(peer.requests[0], trailers: .good)
    try self.endpoint.exchange()
    #expect(observer.status?.isOK == true)
    // Of new streams nobody knows yet whether they are read.
    #expect(peer.session.peerStreamWindow == 256 << 10)
    let window = try #require(pool.core.connections.first?.grownWindow)
    #expect(window > 1 << 20 && window <= 8 << 20)
  }

  @Test func `calls carry the token that is valid when they begin`() throws {
    let credentials = Credentials(.init(scheme: .bearer, token: .init("one")))
    let pool = HTTP2Pool(
      eventLoop: self.endpoint.loop, endpoint: self.address, userAgent: "bridge-proxy/test",
      connector: self.endpoint, credentials: credentials, statuses: .eas)
    var raw = self.ask("b")
    raw.framing = .raw
    for request in [self.ask("a"), raw] { _ = pool.start(request, observer: RecordingObserver()) }
    credentials.renew(.init("two"))
    let observer = RecordingObserver()
    _ = pool.start(self.ask("c"), observer: observer)
    try self.endpoint.exchange()
    let peer = try self.peer()
    // The first two waited for the connection, and began behind the change.
    for stream: Int32 in [1, 3, 5] {
      #expect(peer.heads[stream]?.last == "authorization: Bearer two")
    }
    credentials.renew(.init("three"))
    _ = pool.start(self.ask("d"), observer: RecordingObserver())
    try self.endpoint.exchange()
    #expect(peer.heads[7]?.last == "authorization: Bearer three")
    // By the mapping of PAI-EAS.
    peer.session.submitResponse(peer.requests[2], [":status": "450"], endsStream: true)
    try self.endpoint.exchange()
    #expect(observer.status?.code == .resourceExhausted && observer.status?.wasDropped == true)
  }

  @Test func `calls share a connection and a write`() throws {
    let pool = self.makePool()
    let observers = (0..<20).map { _ in RecordingObserver() }
    _ = pool.start(self.ask("first"), observer: observers[0])
    try self.endpoint.exchange()
    let peer = try self.peer()
    let writes = peer.writes
    for observer in observers.dropFirst() { _ = pool.start(self.ask("x"), observer: observer) }
    try self.endpoint.exchange()
    #expect(peer.writes == writes + 1)
    for stream in peer.requests { peer.reply(stream, "re \(stream.id)") }
    try self.endpoint.exchange()
    for (index, observer) in observers.enumerated() {
      #expect(observer.events == RecordingObserver.good("re \(index * 2 + 1)"))
    }
    #expect(self.endpoint.attempts == 1)
  }

  @Test func `a request can have several messages`() throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    let call = pool.start(self.ask("a", complete: false), observer: observer)
    call.send(ByteBuffer(string: "b"), isLast: false)
    try self.endpoint.exchange()
    let peer = try self.peer()
    #expect(peer.ended.isEmpty)
    call.send(ByteBuffer(string: "c"), isLast: true)
    call.send(ByteBuffer(string: "ignored"), isLast: true)
    try self.endpoint.exchange()
    #expect(peer.ended == [1])
    #expect(peer.bodies[1].map { String(buffer: $0) } == "\0\0\0\0\u{1}abc")
  }

  @Test func `a refused connection fails waiting calls with its address`() throws {
    self.endpoint.outcomes = [.fail(IOError(errnoCode: ECONNREFUSED, reason: "connect"))]
    let pool = self.makePool()
    let observers = (0..<3).map { _ in RecordingObserver() }
    for observer in observers { _ = pool.start(self.ask("x"), observer: observer) }
    #expect(observers.allSatisfy { $0.events.isEmpty })
    try self.endpoint.exchange()
    let status = GRPCStatus(
      .unavailable, "can't connect to 10.0.0.1:50051: connection refused", origin: .notConnected)
    for observer in observers { #expect(observer.events == [.end(status, [])]) }

    // During the backoff calls fail without an attempt, after it they get one.
    let early = RecordingObserver()
    _ = pool.start(self.ask("x"), observer: early)
    #expect(early.events.isEmpty)
    try self.endpoint.exchange()
    #expect(early.events == [.end(status, [])] && self.endpoint.attempts == 1)
    self.endpoint.loop.advanceTime(by: .milliseconds(121))
    let late = RecordingObserver()
    _ = pool.start(self.ask("x"), observer: late)
    try self.endpoint.exchange()
    #expect(self.endpoint.attempts == 2)
    let peer = try self.peer()
    peer.reply(peer.requests[0], "up again")
    try self.endpoint.exchange()
    #expect(late.events == RecordingObserver.good("up again"))
  }

  @Test func `an endpoint that sends no SETTINGS times out`() throws {
    self.endpoint.outcomes = [.hang]
    let pool = self.makePool { $0.connectTimeout = .seconds(2) }
    let observer = RecordingObserver()
    _ = pool.start(self.ask("x"), observer: observer)
    self.endpoint.loop.advanceTime(by: .milliseconds(1999))
    #expect(observer.events.isEmpty)
    self.endpoint.loop.advanceTime(by: .milliseconds(1))
    #expect(observer.status?.code == .unavailable)
    #expect(observer.status?.origin == .notConnected)
    #expect(observer.status?.message.contains("2000 ms") == true)
    for promise in self.endpoint.hanging { promise.fail(ChannelError.eof) }
  }

  @Test func `an endpoint that speaks HTTP/1.1 is recognized`() throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    _ = pool.start(self.ask("x"), observer: observer)
    let peer = try self.peer()
    try peer.channel.writeInbound(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n"))
    self.endpoint.loop.run()
    #expect(observer.status?.origin == .notConnected)
    #expect(observer.status?.message.contains("doesn't speak valid HTTP/2") == true)
    #expect(!peer.channel.isActive)
  }

  @Test func `a dead connection fails its calls and is replaced`() throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    _ = pool.start(self.ask("x"), observer: observer)
    try self.endpoint.exchange()
    _ = try self.peer().channel.finish(acceptAlreadyClosed: true)
    #expect(
      observer.events == [
        .end(
          GRPCStatus(
            .unavailable, "the endpoint 10.0.0.1:50051 closed the connection", origin: .transport),
          [])
      ])
    let next = RecordingObserver()
    _ = pool.start(self.ask("y"), observer: next)
    let second = try self.peer(1)
    try second.exchange()
    second.reply(second.requests[0], "new")
    try second.exchange()
    #expect(next.events == RecordingObserver.good("new"))
  }

  @Test func `GOAWAY moves unprocessed calls to a new connection`() throws {
    let pool = self.makePool()
    let observers = [RecordingObserver(), RecordingObserver()]
    for observer in observers { _ = pool.start(self.ask("x"), observer: observer) }
    try self.endpoint.exchange()
    let first = try self.peer()
    first.session.goAway(lastStream: 1)
    try self.endpoint.exchange()
    let second = try self.peer(1)
    #expect(second.heads.count == 1 && second.bodies[1] == first.bodies[3])
    first.reply(first.requests[0], "old")
    second.reply(second.requests[0], "new")
    try self.endpoint.exchange()
    #expect(observers[0].events == RecordingObserver.good("old"))
    #expect(observers[1].events == RecordingObserver.good("new"))
    #expect(!first.channel.isActive && second.channel.isActive)
  }

  @Test func `a refused stream is retried a limited number of times`() throws {
    let pool = self.makePool { $0.endpointConnections = 1 }
    let observer = RecordingObserver()
    _ = pool.start(self.ask("x"), observer: observer)
    let refusals = 11
    for attempt in 0..<refusals {
      try self.endpoint.exchange()
      let peer = try self.peer()
      #expect(peer.requests.count == attempt + 1)
      peer.session.reset(peer.requests[attempt], errorCode: HTTP2ErrorCode.refusedStream)
      try self.endpoint.exchange()
      self.endpoint.loop.advanceTime(by: .milliseconds(128))
    }
    #expect(observer.status?.code == .unavailable && observer.status?.origin == .transport)
    #expect(try self.peer().requests.count == refusals)
  }

  @Test func `a refusal after a response ends the call`() throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    _ = pool.start(self.ask("x"), observer: observer)
    try self.endpoint.exchange()
    let peer = try self.peer()
    peer.session.submitResponse(peer.requests[0], .ok, endsStream: false)
    try self.endpoint.exchange()
    peer.session.reset(peer.requests[0], errorCode: HTTP2ErrorCode.refusedStream)
    try self.endpoint.exchange()
    #expect(observer.events.first == .head([]) && observer.status?.code == .unavailable)
    #expect(peer.requests.count == 1)
  }

  @Test func `calls beyond the endpoint's limit wait or get their own connection`() throws {
    self.endpoint.options.concurrentStreams = 2
    let pool = self.makePool { $0.endpointConnections = 2 }
    let observers = (0..<5).map { _ in RecordingObserver() }
    for observer in observers { _ = pool.start(self.ask("x"), observer: observer) }
    try self.endpoint.exchange()
    try self.endpoint.exchange()
    #expect(self.endpoint.peers.map(\.requests.count) == [2, 2])
    let first = try self.peer()
    first.reply(first.requests[1], "done")
    try self.endpoint.exchange()
    #expect(self.endpoint.peers.map(\.requests.count) == [3, 2])
    #expect(observers.filter { $0.status != nil }.count == 1)
  }

  @Test func `calls beyond the waiting limit are shed`() throws {
    let pool = self.makePool {
      $0.callsInFlight = 1
      $0.callsWaiting = 1
    }
    let observers = (0..<2).map { _ in RecordingObserver() }
    _ = pool.start(self.ask("x"), observer: observers[0])
    try self.endpoint.exchange()
    let waiting = RecordingObserver()
    let call = pool.start(self.ask("y"), observer: waiting)
    _ = pool.start(self.ask("z"), observer: observers[1])
    try self.endpoint.exchange()
    #expect(observers[1].status?.code == .unavailable && observers[1].status?.origin == .shed)
    // A cancelled one makes room among the waiting.
    call.cancel()
    let another = RecordingObserver()
    _ = pool.start(self.ask("w"), observer: another)
    let peer = try self.peer()
    peer.reply(peer.requests[0], "one")
    try self.endpoint.exchange()
    peer.reply(peer.requests[1], "two")
    try self.endpoint.exchange()
    #expect(another.events == RecordingObserver.good("two"))
    #expect(waiting.events.isEmpty)
  }

  @Test func `the deadline ends a call in any state`() throws {
    let pool = self.makePool { $0.callsInFlight = 1 }
    let now = self.endpoint.loop.now
    let passed = RecordingObserver()
    let open = RecordingObserver()
    let waiting = RecordingObserver()
    _ = pool.start(self.ask("a", deadline: now), observer: passed)
    _ = pool.start(self.ask("b", deadline: now + .milliseconds(100)), observer: open)
    _ = pool.start(self.ask("c", deadline: now + .milliseconds(50)), observer: waiting)
    #expect(passed.events.isEmpty)
    try self.endpoint.exchange()
    let status = GRPCStatus(
      .deadlineExceeded, "no connection to 10.0.0.1:50051 in time", origin: .deadline)
    #expect(passed.events == [.end(status, [])])
    self.endpoint.loop.advanceTime(by: .milliseconds(49))
    #expect(waiting.events.isEmpty)
    self.endpoint.loop.advanceTime(by: .milliseconds(11))
    #expect(waiting.events == [.end(status, [])] && open.events.isEmpty)
    self.endpoint.loop.advanceTime(by: .milliseconds(50))
    try self.endpoint.exchange()
    #expect(
      open.status
        == GRPCStatus(
          .deadlineExceeded, "no response from 10.0.0.1:50051 in time", origin: .deadline))
    #expect(try self.peer().closed == [1: HTTP2ErrorCode.cancel])
    #expect(try self.peer().requests.count == 1)
  }

  /// Ways in which an endpoint may end a call at its deadline, slightly before the bridge does.
  enum EndpointClock: CaseIterable {
    case status
    case cancelledStatus
    case reset
  }

  @Test(arguments: EndpointClock.allCases, [true, false])
  func `the endpoint's deadline error is reported like the bridge's own`(
    _ clock: EndpointClock, isRaw: Bool
  ) throws {
    let pool = HTTP2Pool(
      eventLoop: self.endpoint.loop, endpoint: self.address, userAgent: "bridge-proxy/test",
      connector: self.endpoint, key: "services.depot")
    for (passed, isDeadline) in [
      (TimeAmount.milliseconds(1970), false), (.milliseconds(1985), true),
    ] {
      var request = self.ask("x", deadline: self.endpoint.loop.now + .seconds(2))
      request.limit = CallLimit(.seconds(2), .service)
      if isRaw { request.framing = .raw }
      let observer = RecordingObserver()
      _ = pool.start(request, observer: observer)
      try self.endpoint.exchange()
      self.endpoint.loop.advanceTime(by: passed)
      let peer = try self.peer()
      let stream = try #require(peer.requests.last)
      switch clock {
      case .status, .cancelledStatus:
        var fields: HeaderBlock = [
          ":status": "200", "content-type": "application/grpc",
          "grpc-status": clock == .status ? "4" : "1",
        ]
        fields.append("grpc-message", "Deadline Exceeded")
        peer.session.submitResponse(stream, fields, endsStream: true)
      case .reset:
        peer.session.reset(stream, errorCode: HTTP2ErrorCode.cancel)
      }
      try self.endpoint.exchange()
      let isBridges = isDeadline && (!isRaw || clock == .reset)
      #expect((observer.status?.origin == .deadline) == isBridges)
      if isBridges {
        #expect(
          observer.status?.message
            == "no response from 10.0.0.1:50051 within 2s (services.depot.timeout)")
      }
    }
  }

  @Test func `a cancelled call is reset without events`() throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    let call = pool.start(self.ask("x"), observer: observer)
    try self.endpoint.exchange()
    let peer = try self.peer()
    call.cancel()
    call.cancel()
    peer.reply(peer.requests[0], "too late")
    try self.endpoint.exchange()
    #expect(observer.events.isEmpty)
    #expect(peer.closed[1] != nil)
  }

  @Test func `a call cancelled before its connection is ready is never sent`() throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    pool.start(self.ask("x"), observer: observer).cancel()
    try self.endpoint.exchange()
    #expect(observer.events.isEmpty)
    #expect(try self.peer().requests.isEmpty)
  }

  @Test func `a paused call keeps its messages and its window`() throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    let call = pool.start(
      self.ask("x", replyByteLimit: 4 << 20), observer: observer)
    try self.endpoint.exchange()
    let peer = try self.peer()
    let stream = peer.requests[0]
    observer.onMessage = { call.pauseReading() }
    peer.session.submitResponse(stream, .ok, endsStream: false)
    for _ in 0..<3 {
      peer.session.send(
        stream, GRPCMessage.framed(ByteBuffer(repeating: 0x78, count: 1 << 20)))
    }
    peer.session.finish(stream, trailers: .good)
    try self.endpoint.exchange()
    // The first message came over the window of 1 MiB, returned while it was being read.
    #expect(observer.events.count == 2)
    #expect(peer.session.unsentBytes(stream) > 0)
    call.resumeReading()
    #expect(observer.events.count == 2)
    try self.endpoint.exchange()
    #expect(observer.events.count == 3)
    observer.onMessage = {}
    call.resumeReading()
    try self.endpoint.exchange()
    #expect(observer.events.count == 5 && observer.status == GRPCStatus(.ok))
  }

  @Test func `a paused call whose reply is complete doesn't time out`() throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    let call = pool.start(
      self.ask("x", deadline: self.endpoint.loop.now + .seconds(1)), observer: observer)
    call.pauseReading()
    try self.endpoint.exchange()
    let peer = try self.peer()
    peer.reply(peer.requests[0], "whole")
    try self.endpoint.exchange()
    self.endpoint.loop.advanceTime(by: .seconds(5))
    #expect(observer.events == [.head([])])
    call.resumeReading()
    self.endpoint.loop.run()
    #expect(observer.events == RecordingObserver.good("whole"))
  }

  @Test func `an early reply stops the request`() throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    let call = pool.start(self.ask("x", complete: false), observer: observer)
    try self.endpoint.exchange()
    let peer = try self.peer()
    peer.session.submitResponse(
      peer.requests[0], [":status": "200", "grpc-status": "7"], endsStream: true)
    try self.endpoint.exchange()
    #expect(observer.events == [.end(GRPCStatus(.permissionDenied), [])])
    call.send(ByteBuffer(string: "late"), isLast: true)
    try self.endpoint.exchange()
    #expect(peer.closed[1] == HTTP2ErrorCode.cancel)
  }

  @Test func `a reply over its limit is reset`() throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    _ = pool.start(self.ask("x", replyByteLimit: 3), observer: observer)
    try self.endpoint.exchange()
    let peer = try self.peer()
    peer.session.submitResponse(
      peer.requests[0], .ok, body: GRPCMessage.framed(ByteBuffer(string: "four")), endsStream: false
    )
    try self.endpoint.exchange()
    #expect(observer.status?.code == .resourceExhausted)
    #expect(peer.closed[1] == HTTP2ErrorCode.cancel)
  }

  @Test func `a header list over its limit ends only its call`() throws {
    let pool = self.makePool { $0.endpointHeaderBytes = 200 }
    let observer = RecordingObserver()
    _ = pool.start(self.ask("x"), observer: observer)
    try self.endpoint.exchange()
    let peer = try self.peer()
    var head = HeaderBlock.ok
    head.append("x-large", String(repeating: "x", count: 200))
    peer.session.submitResponse(peer.requests[0], head, endsStream: false)
    try self.endpoint.exchange()
    #expect(observer.status?.code == .resourceExhausted)
    #expect(observer.status?.message.contains("200 bytes") == true)
    #expect(peer.closed[1] == HTTP2ErrorCode.cancel && peer.channel.isActive)
  }

  @Test func `a call may begin while another ends`() throws {
    let pool = self.makePool()
    let observers = (0..<3).map { _ in RecordingObserver() }
    observers[0].onEnd = { _ = pool.start(self.ask("2"), observer: observers[1]) }
    observers[1].onEnd = { _ = pool.start(self.ask("3"), observer: observers[2]) }
    _ = pool.start(self.ask("1"), observer: observers[0])
    try self.endpoint.exchange()
    let peer = try self.peer()
    for index in 0..<3 {
      peer.reply(peer.requests[index], "\(index)")
      try self.endpoint.exchange()
    }
    for (index, observer) in observers.enumerated() {
      #expect(observer.events == RecordingObserver.good("\(index)"))
    }
  }

  @Test func `the last call of an ending connection may begin another`() throws {
    let pool = self.makePool()
    let observers = (0..<2).map { _ in RecordingObserver() }
    observers[0].onEnd = { _ = pool.start(self.ask("2"), observer: observers[1]) }
    _ = pool.start(self.ask("1"), observer: observers[0])
    try self.endpoint.exchange()
    let first = try self.peer()
    first.session.goAway()
    first.reply(first.requests[0], "one")
    try self.endpoint.exchange()
    let second = try self.peer(1)
    second.reply(second.requests[0], "two")
    try self.endpoint.exchange()
    #expect(observers[0].events == RecordingObserver.good("one"))
    #expect(observers[1].events == RecordingObserver.good("two"))
    #expect(!first.channel.isActive)
  }

  @Test func `a call begun between an end and GOAWAY moves to another connection`() throws {
    let pool = self.makePool()
    let observers = (0..<2).map { _ in RecordingObserver() }
    observers[0].onEnd = { _ = pool.start(self.ask("2"), observer: observers[1]) }
    _ = pool.start(self.ask("1"), observer: observers[0])
    try self.endpoint.exchange()
    let first = try self.peer()
    // Both in one read, the end first.
    first.session.submitResponse(
      first.requests[0], [":status": "200", "grpc-status": "0"], endsStream: true)
    first.session.goAway()
    try self.endpoint.exchange()
    #expect(observers[0].status == GRPCStatus(.ok) && first.requests.count == 1)
    let second = try self.peer(1)
    second.reply(second.requests[0], "moved")
    try self.endpoint.exchange()
    #expect(observers[1].events == RecordingObserver.good("moved"))
  }

  @Test func `a probe reports whether the endpoint is reachable`() throws {
    self.endpoint.outcomes = [.fail(IOError(errnoCode: ECONNREFUSED, reason: "connect"))]
    let pool = self.makePool()
    var replies: [Bool] = []
    func probe() throws {
      let reply = pool.probe()
      try self.endpoint.exchange()
      replies.append(try reply.wait())
    }
    try probe()
    try probe()
    #expect(replies == [false, false] && self.endpoint.attempts == 1)
    self.endpoint.loop.advanceTime(by: .milliseconds(121))
    try probe()
    try probe()
    #expect(replies == [false, false, true, true] && self.endpoint.attempts == 2)
  }

  @Test func `a drain lets calls in flight finish`() throws {
    let pool = self.makePool { $0.callsInFlight = 1 }
    let observers = (0..<3).map { _ in RecordingObserver() }
    for observer in observers.prefix(2) { _ = pool.start(self.ask("x"), observer: observer) }
    try self.endpoint.exchange()
    var isDrained = false
    pool.drain().assumeIsolated().whenSuccess { isDrained = true }
    _ = pool.start(self.ask("late"), observer: observers[2])
    try self.endpoint.exchange()
    #expect(observers[2].status?.origin == .notConnected)
    let peer = try self.peer()
    for index in 0..<2 {
      #expect(!isDrained && peer.channel.isActive)
      peer.reply(peer.requests[index], "\(index)")
      try self.endpoint.exchange()
    }
    #expect(observers[1].events == RecordingObserver.good("1"))
    #expect(isDrained && !peer.channel.isActive)
  }

  @Test func `a drained pool answers probes and further drains`() throws {
    let pool = self.makePool()
    var outcomes: [String] = []
    pool.drain().assumeIsolated().whenSuccess { outcomes.append("drained") }
    try self.endpoint.exchange()
    pool.probe().assumeIsolated().whenSuccess { outcomes.append("reachable: \($0)") }
    pool.drain().assumeIsolated().whenSuccess { outcomes.append("drained again") }
    try self.endpoint.exchange()
    #expect(outcomes == ["drained", "reachable: false", "drained again"])
    #expect(self.endpoint.attempts == 0)
  }

  @Test func `closing ends everything`() throws {
    let pool = self.makePool { $0.callsInFlight = 1 }
    let observers = (0..<2).map { _ in RecordingObserver() }
    for observer in observers { _ = pool.start(self.ask("x"), observer: observer) }
    try self.endpoint.exchange()
    pool.closeNow()
    try self.endpoint.exchange()
    for observer in observers { #expect(observer.status?.code == .unavailable) }
    #expect(try !self.peer().channel.isActive)
  }
}
