import NIOCore
import NIOEmbedded
import Testing

@testable import BridgeConfiguration
@testable import GRPCWire
@testable import HTTP2
@testable import Upstream

/// A cluster with real pools over embedded channels, with a clock that the test moves.
@Suite struct ClusterTests {
  private let endpoint = ScriptedEndpoint()

  private func address(_ port: Int) -> Configuration.Endpoint {
    .init(host: "10.0.0.9", port: port)
  }

  /// A cluster of endpoints 10.0.0.9:1, 10.0.0.9:2, …
  private func makeCluster(
    _ count: Int, callsWaiting: Int = 10,
    _ change: (inout Configuration.Cluster) -> Void = { _ in }
  ) -> Cluster {
    var configuration = Configuration.Cluster(.static([]))
    configuration.health.check = false
    change(&configuration)
    var limits = Configuration.Limits()
    limits.callsWaiting = callsWaiting
    let endpoint = self.endpoint
    let connections = configuration.connections
    let cluster = Cluster(
      eventLoop: endpoint.loop, configuration, limits: limits, seed: 1
    ) { address in
      HTTP2Pool(
        eventLoop: endpoint.loop, endpoint: address, limits: limits, connections: connections,
        userAgent: "test", connector: endpoint)
    }
    if count > 0 { cluster.update((1...count).map { .init(self.address($0)) }) }
    return cluster
  }

  private static func retries(_ cluster: inout Configuration.Cluster) {
    cluster.retry = Configuration.Retry()
  }

  private func ask(
    _ text: String = "ask", deadline: NIODeadline? = nil, complete: Bool = true
  )
    -> CallRequest
  {
    CallRequest(
      path: "/a.B/C", deadline: deadline, message: GRPCMessage.framed(ByteBuffer(string: text)),
      isComplete: complete, framing: .messages(replyByteLimit: 1000))
  }

  /// The peers that requests have come to, in the order of ports, with the number of requests.
  private var requests: [Int] {
    (1...4).map { port in
      self.endpoint.peers.filter { $0.address == self.address(port) }
        .reduce(0) { $0 + $1.requests.count }
    }
  }

  /// The last request that has come to a port.
  private func last(_ port: Int) throws -> (ScriptedEndpoint.Peer, HTTP2Stream) {
    let peer = try #require(self.endpoint.peers.last { $0.address == self.address(port) })
    return (peer, try #require(peer.requests.last))
  }

  /// Brings all connections up.
  private func connected(_ cluster: Cluster) throws {
    _ = cluster.probe()
    try self.endpoint.exchange()
  }

  private func fail(_ port: Int, _ status: String, _ more: (String, String)...) throws {
    let (peer, stream) = try self.last(port)
    var block = HeaderBlock.ok
    block.append("grpc-status", status)
    for (name, value) in more { block.append(name, value) }
    peer.session.submitResponse(stream, block, endsStream: true)
    try self.endpoint.exchange()
  }

  /// Moves the clock far enough for any backoff, and not far enough for a deadline.
  private func pass(_ time: TimeAmount = .milliseconds(200)) throws {
    self.endpoint.loop.advanceTime(by: time)
    try self.endpoint.exchange()
  }

  @Test func `calls are spread over the members in turn`() throws {
    let cluster = self.makeCluster(3)
    try self.connected(cluster)
    let observers = (0..<6).map { _ in RecordingObserver() }
    for observer in observers { _ = cluster.start(self.ask(), observer: observer) }
    try self.endpoint.exchange()
    #expect(self.requests == [2, 2, 2, 0])
    for peer in self.endpoint.peers { for stream in peer.requests { peer.reply(stream, "re") } }
    try self.endpoint.exchange()
    for observer in observers { #expect(observer.events == RecordingObserver.good("re")) }
  }

  @Test func `a call waits for the first connection that is ready`() throws {
    self.endpoint.outcomes = [.hang]
    let cluster = self.makeCluster(2)
    let observer = RecordingObserver()
    _ = cluster.start(self.ask(), observer: observer)
    try self.endpoint.exchange()
    // The first connection hangs; the second is there.
    #expect(self.requests == [0, 1, 0, 0])
    self.endpoint.hanging[0].fail(ChannelError.eof)
  }

  @Test func `a refused connection's reason is reported`() throws {
    self.endpoint.refusing = [self.address(1), self.address(2)]
    let cluster = self.makeCluster(2)
    let observer = RecordingObserver()
    _ = cluster.start(self.ask(), observer: observer)
    try self.endpoint.exchange()
    #expect(
      observer.status
        == GRPCStatus(
          .unavailable, "can't connect to 10.0.0.9:1: connection refused (and 1 more)",
          origin: .notConnected))
  }

  @Test func `calls wait for the list no longer than for a connection`() throws {
    let cluster = self.makeCluster(0)
    let early = RecordingObserver()
    let late = RecordingObserver()
    _ = cluster.start(self.ask(), observer: early)
    cluster.discoveryFailed("the registry is down")
    try self.pass(.seconds(4))
    #expect(early.events == [])
    _ = cluster.start(self.ask(), observer: late)
    try self.pass(.seconds(1))
    let message =
      "the endpoints of  aren't known yet after 5000 ms (limits.connect_timeout); "
      + "the last attempt to find endpoints failed: the registry is down"
    #expect(early.status == GRPCStatus(.unavailable, message, origin: .notConnected))
    cluster.update([.init(self.address(1))])
    try self.endpoint.exchange()
    #expect(self.requests == [1, 0, 0, 0] && late.events == [])
  }

  @Test func `a deadline holds while a call waits`() throws {
    let cluster = self.makeCluster(0)
    let observer = RecordingObserver()
    _ = cluster.start(
      self.ask(deadline: self.endpoint.loop.now + .seconds(2)), observer: observer)
    try self.pass(.seconds(2))
    #expect(observer.status?.code == .deadlineExceeded)
  }

  @Test func `the queue is limited, and calls are shed`() throws {
    let cluster = self.makeCluster(0, callsWaiting: 1)
    let observers = (0..<2).map { _ in RecordingObserver() }
    for observer in observers { _ = cluster.start(self.ask(), observer: observer) }
    try self.endpoint.exchange()
    #expect(observers[0].events == [] && observers[1].status?.origin == .shed)
  }

  @Test func `a cancelled call leaves the queue`() throws {
    let cluster = self.makeCluster(0, callsWaiting: 1)
    let observer = RecordingObserver()
    cluster.start(self.ask(), observer: observer).cancel()
    let next = RecordingObserver()
    _ = cluster.start(self.ask(), observer: next)
    try self.pass(.seconds(1))
    #expect(observer.events == [] && next.events == [])
  }

  @Test func `a retry goes to another endpoint and carries its count`() throws {
    let cluster = self.makeCluster(2, Self.retries)
    try self.connected(cluster)
    let observer = RecordingObserver()
    _ = cluster.start(self.ask("again"), observer: observer)
    try self.endpoint.exchange()
    #expect(self.requests == [1, 0, 0, 0])
    try self.fail(1, "14")
    try self.pass()
    #expect(self.requests == [1, 1, 0, 0] && observer.events == [])
    let (peer, stream) = try self.last(2)
    #expect(peer.heads[stream.id]?.last == "grpc-previous-rpc-attempts: 1")
    #expect(peer.bodies[stream.id] == GRPCMessage.framed(ByteBuffer(string: "again")))
    peer.reply(stream, "good")
    try self.endpoint.exchange()
    #expect(observer.events == RecordingObserver.good("good"))
  }

  @Test func `the last failure is the response`() throws {
    let cluster = self.makeCluster(2, Self.retries)
    try self.connected(cluster)
    let observer = RecordingObserver()
    _ = cluster.start(self.ask(), observer: observer)
    try self.endpoint.exchange()
    for port in [1, 2, 1] {
      #expect(observer.events == [])
      try self.fail(port, "14", ("grpc-message", "no \(port)"))
      try self.pass()
    }
    #expect(observer.status?.message == "no 1 (attempt 3 of 3)")
    #expect(self.requests == [2, 1, 0, 0])
  }

  @Test func `an end before the last attempt reports the limit`() throws {
    let cluster = self.makeCluster(2) { configuration in
      configuration.retry = Configuration.Retry()
      configuration.retry?.attempts = 5
    }
    try self.connected(cluster)
    let observer = RecordingObserver()
    _ = cluster.start(self.ask(), observer: observer)
    try self.endpoint.exchange()
    try self.fail(1, "14", ("grpc-message", "no"))
    try self.pass()
    try self.fail(2, "3", ("grpc-message", "wrong"))
    try self.pass()
    #expect(observer.status?.message == "wrong (attempt 2 of 5)")
  }

  @Test func `other codes are passed on at once`() throws {
    let cluster = self.makeCluster(2, Self.retries)
    try self.connected(cluster)
    let observer = RecordingObserver()
    _ = cluster.start(self.ask(), observer: observer)
    try self.endpoint.exchange()
    try self.fail(1, "5")
    #expect(observer.status == GRPCStatus(.notFound))
  }

  @Test func `without a policy a dead connection ends its calls`() throws {
    let cluster = self.makeCluster(2)
    try self.connected(cluster)
    let observer = RecordingObserver()
    _ = cluster.start(self.ask(), observer: observer)
    try self.endpoint.exchange()
    try self.last(1).0.channel.close().wait()
    try self.endpoint.exchange()
    #expect(observer.status?.code == .unavailable && observer.status?.origin == .transport)
    // The next call goes where a connection is.
    self.endpoint.refusing = [self.address(1)]
    for _ in 0..<3 { _ = cluster.start(self.ask(), observer: RecordingObserver()) }
    try self.endpoint.exchange()
    #expect(self.requests == [1, 3, 0, 0])
  }

  @Test func `with a policy a dead connection moves its calls`() throws {
    let cluster = self.makeCluster(2, Self.retries)
    try self.connected(cluster)
    let observers = (0..<10).map { _ in RecordingObserver() }
    for observer in observers { _ = cluster.start(self.ask(), observer: observer) }
    try self.endpoint.exchange()
    #expect(self.requests == [5, 5, 0, 0])
    try self.last(1).0.channel.close().wait()
    try self.endpoint.exchange()
    try self.pass()
    #expect(self.requests == [5, 10, 0, 0])
    let (peer, _) = try self.last(2)
    for stream in peer.requests { peer.reply(stream, "re") }
    try self.endpoint.exchange()
    for observer in observers { #expect(observer.events == RecordingObserver.good("re")) }
  }

  @Test func `a call that has a response is not retried`() throws {
    let cluster = self.makeCluster(2, Self.retries)
    try self.connected(cluster)
    let observer = RecordingObserver()
    _ = cluster.start(self.ask(), observer: observer)
    try self.endpoint.exchange()
    let (peer, stream) = try self.last(1)
    peer.session.submitResponse(
      stream, .ok, body: GRPCMessage.framed(ByteBuffer(string: "a")), endsStream: false)
    try self.endpoint.exchange()
    try peer.channel.close().wait()
    try self.pass()
    #expect(observer.events.count == 3 && observer.status?.code == .unavailable)
    #expect(self.requests == [1, 0, 0, 0])
  }

  @Test(arguments: [false, true])
  func `a call with an incomplete unary response is retried`(hasMessage: Bool) throws {
    let cluster = self.makeCluster(2, Self.retries)
    try self.connected(cluster)
    let observer = RecordingObserver()
    var request = self.ask()
    request.options.buffersReply = true
    _ = cluster.start(request, observer: observer)
    try self.endpoint.exchange()
    let (peer, stream) = try self.last(1)
    let body = hasMessage ? GRPCMessage.framed(ByteBuffer(string: "a")) : ByteBuffer()
    peer.session.submitResponse(stream, .ok, body: body, endsStream: false)
    try self.endpoint.exchange()
    #expect(observer.events.isEmpty)
    try peer.channel.close().wait()
    try self.pass()
    #expect(self.requests == [1, 1, 0, 0] && observer.events.isEmpty)
    let (second, other) = try self.last(2)
    second.session.submitResponse(
      other, .ok, body: GRPCMessage.framed(ByteBuffer(string: "b")), endsStream: false)
    second.session.finish(other, trailers: .good)
    try self.endpoint.exchange()
    #expect(observer.events == RecordingObserver.good("b"))
  }

  @Test func `a held response is passed on with its end`() throws {
    let cluster = self.makeCluster(1, Self.retries)
    try self.connected(cluster)
    let observer = RecordingObserver()
    var request = self.ask()
    request.options.buffersReply = true
    _ = cluster.start(request, observer: observer)
    try self.endpoint.exchange()
    let (peer, stream) = try self.last(1)
    let message = GRPCMessage.framed(ByteBuffer(string: "a"))
    peer.session.submitResponse(stream, .ok, body: message, endsStream: false)
    try self.endpoint.exchange()
    #expect(observer.events.isEmpty)
    // A second message, where one is due, is for the owner to see.
    peer.session.send(stream, message)
    try self.endpoint.exchange()
    #expect(observer.events.count == 3)
    var trailers = HeaderBlock()
    trailers.append("grpc-status", "14")
    peer.session.finish(stream, trailers: trailers)
    try self.pass()
    #expect(observer.status?.code == .unavailable && self.requests == [1, 0, 0, 0])
  }

  @Test func `an endpoint that forbids a retry gets none`() throws {
    let cluster = self.makeCluster(2, Self.retries)
    try self.connected(cluster)
    let observer = RecordingObserver()
    _ = cluster.start(self.ask(), observer: observer)
    try self.endpoint.exchange()
    try self.fail(1, "14", ("grpc-retry-pushback-ms", "-1"))
    #expect(observer.status?.code == .unavailable)
  }

  @Test func `a retry waits for the pushback`() throws {
    let cluster = self.makeCluster(2, Self.retries)
    try self.connected(cluster)
    let observer = RecordingObserver()
    _ = cluster.start(self.ask(), observer: observer)
    try self.endpoint.exchange()
    try self.fail(1, "14", ("grpc-retry-pushback-ms", "5000"))
    try self.pass(.milliseconds(4999))
    #expect(self.requests == [1, 0, 0, 0])
    try self.pass(.milliseconds(1))
    #expect(self.requests == [1, 1, 0, 0])
  }

  @Test func `a retry that would begin after the deadline doesn't wait`() throws {
    let cluster = self.makeCluster(2, Self.retries)
    try self.connected(cluster)
    let observer = RecordingObserver()
    _ = cluster.start(
      self.ask(deadline: self.endpoint.loop.now + .seconds(3)), observer: observer)
    try self.endpoint.exchange()
    try self.fail(1, "14", ("grpc-retry-pushback-ms", "5000"))
    #expect(observer.status?.code == .unavailable)
  }

  @Test func `an attempt has a timeout of its own`() throws {
    let cluster = self.makeCluster(2) { cluster in
      cluster.retry = Configuration.Retry()
      cluster.retry?.timeout = .milliseconds(500)
    }
    try self.connected(cluster)
    let observer = RecordingObserver()
    _ = cluster.start(
      self.ask(deadline: self.endpoint.loop.now + .seconds(30)), observer: observer)
    try self.endpoint.exchange()
    try self.pass(.milliseconds(500))
    let (peer, stream) = try self.last(1)
    #expect(peer.closed[stream.id] == HTTP2ErrorCode.cancel)
    try self.pass()
    #expect(self.requests == [1, 1, 0, 0])
    let (second, other) = try self.last(2)
    second.session.submitResponse(other, .ok, endsStream: false)
    try self.endpoint.exchange()
    // The response has begun: from now on only the call's deadline counts.
    try self.pass(.seconds(20))
    second.session.send(other, GRPCMessage.framed(ByteBuffer(string: "slow")))
    second.session.finish(other, trailers: .good)
    try self.endpoint.exchange()
    #expect(observer.events == RecordingObserver.good("slow"))
  }

  @Test func `a stream of request messages is replayed from its beginning`() throws {
    let cluster = self.makeCluster(2, Self.retries)
    try self.connected(cluster)
    let observer = RecordingObserver()
    let call = cluster.start(self.ask("a", complete: false), observer: observer)
    call.send(ByteBuffer(string: "b"), isLast: false)
    try self.endpoint.exchange()
    try self.fail(1, "14")
    call.send(ByteBuffer(string: "c"), isLast: false)
    try self.pass()
    call.send(ByteBuffer(string: "d"), isLast: true)
    try self.endpoint.exchange()
    let (peer, stream) = try self.last(2)
    #expect(peer.bodies[stream.id].map { String(buffer: $0) } == "\0\0\0\0\u{1}abcd")
    #expect(peer.ended.contains(stream.id))
  }

  @Test func `a stream too large to keep is not replayed`() throws {
    let cluster = self.makeCluster(2, Self.retries)
    try self.connected(cluster)
    let observer = RecordingObserver()
    let call = cluster.start(self.ask("a", complete: false), observer: observer)
    try self.endpoint.exchange()
    call.send(ByteBuffer(repeating: 1, count: 300 << 10), isLast: false)
    try self.endpoint.exchange()
    try self.fail(1, "14")
    try self.pass()
    #expect(observer.status?.code == .unavailable && self.requests == [1, 0, 0, 0])
  }

  @Test func `connections and losses of each endpoint are reported`() throws {
    let cluster = self.makeCluster(2)
    var reported: [Bool] = []
    cluster.followPresence { reported.append($0) }
    try self.connected(cluster)
    #expect(reported == [true, true])
    try self.endpoint.peers[0].channel.close().wait()
    try self.endpoint.exchange()
    #expect(reported == [true, true, false])
    // The other one isn't in the list any more.
    cluster.update([.init(self.address(1))])
    try self.endpoint.exchange()
    #expect(Array(reported.prefix(4)) == [true, true, false, false])
  }

  @Test func `a removed endpoint finishes its calls`() throws {
    let cluster = self.makeCluster(2)
    try self.connected(cluster)
    let observers = (0..<2).map { _ in RecordingObserver() }
    for observer in observers { _ = cluster.start(self.ask(), observer: observer) }
    try self.endpoint.exchange()
    cluster.update([.init(self.address(2)), .init(self.address(3))])
    try self.endpoint.exchange()
    let (peer, stream) = try self.last(1)
    #expect(peer.channel.isActive)
    peer.reply(stream, "late")
    try self.endpoint.exchange()
    #expect(observers[0].events == RecordingObserver.good("late"))
    #expect(!peer.channel.isActive)
    // New calls go to the new list.
    for _ in 0..<4 { _ = cluster.start(self.ask(), observer: RecordingObserver()) }
    try self.endpoint.exchange()
    #expect(self.requests == [1, 3, 2, 0])
  }

  @Test func `a ring keeps calls of one key together`() throws {
    let cluster = self.makeCluster(3) { $0.balance.policy = .ringHash(header: "x-user") }
    try self.connected(cluster)
    for _ in 0..<6 {
      var request = self.ask()
      request.metadata.append("x-user", "ann")
      _ = cluster.start(request, observer: RecordingObserver())
    }
    try self.endpoint.exchange()
    #expect(self.requests.sorted() == [0, 0, 0, 6])
  }

  @Test func `an endpoint whose health check isn't serving gets no calls`() throws {
    let cluster = self.makeCluster(2) { cluster in
      cluster.health.check = true
      cluster.health.service = "bench"
    }
    try self.connected(cluster)
    let (peer, watch) = try self.last(1)
    #expect(peer.heads[watch.id]?.contains(":path: /grpc.health.v1.Health/Watch") == true)
    #expect(
      peer.bodies[watch.id] == GRPCMessage.framed(ByteBuffer(bytes: [0x0A, 5] + "bench".utf8)))
    // NOT_SERVING.
    peer.session.submitResponse(
      watch, .ok, body: GRPCMessage.framed(ByteBuffer(bytes: [8, 2])), endsStream: false)
    try self.endpoint.exchange()
    for _ in 0..<4 { _ = cluster.start(self.ask(), observer: RecordingObserver()) }
    try self.endpoint.exchange()
    #expect(self.requests == [1, 5, 0, 0])
    // SERVING.
    peer.session.send(watch, GRPCMessage.framed(ByteBuffer(bytes: [8, 1])))
    try self.endpoint.exchange()
    for _ in 0..<4 { _ = cluster.start(self.ask(), observer: RecordingObserver()) }
    try self.endpoint.exchange()
    #expect(self.requests == [3, 7, 0, 0])
  }

  @Test func `an endpoint without the health service is healthy and not asked again`() throws {
    let cluster = self.makeCluster(1) { $0.health.check = true }
    try self.connected(cluster)
    try self.fail(1, "12")
    try self.pass(.seconds(60))
    #expect(self.requests == [1, 0, 0, 0])
    _ = cluster.start(self.ask(), observer: RecordingObserver())
    try self.endpoint.exchange()
    #expect(self.requests == [2, 0, 0, 0])
  }

  @Test func `a health check doesn't keep a connection that is to end`() throws {
    let cluster = self.makeCluster(1) { $0.health.check = true }
    try self.connected(cluster)
    let observer = RecordingObserver()
    _ = cluster.start(self.ask(), observer: observer)
    try self.endpoint.exchange()
    let (peer, stream) = try self.last(1)
    peer.session.goAway()
    try self.endpoint.exchange()
    #expect(peer.closed[1] == HTTP2ErrorCode.cancel && peer.channel.isActive)
    peer.reply(stream, "last")
    try self.endpoint.exchange()
    #expect(observer.events == RecordingObserver.good("last") && !peer.channel.isActive)
  }

  @Test func `a health check that ends is restarted`() throws {
    let cluster = self.makeCluster(1) { $0.health.check = true }
    try self.connected(cluster)
    try self.fail(1, "13")
    try self.pass(.seconds(1))
    #expect(self.requests == [2, 0, 0, 0])
  }

  @Test func `a probe reports whether an endpoint is reachable`() throws {
    self.endpoint.refusing = [self.address(1)]
    let cluster = self.makeCluster(2)
    let probe = cluster.probe()
    try self.endpoint.exchange()
    #expect(try probe.wait())
    self.endpoint.refusing = [self.address(1), self.address(2)]
    let other = self.makeCluster(2)
    let failed = other.probe()
    try self.endpoint.exchange()
    #expect(try failed.wait() == false)
    // The errors of calls.
    let observer = RecordingObserver()
    _ = other.start(self.ask(), observer: observer)
    try self.pass()
    #expect(other.trouble == observer.status?.message)
    #expect(
      other.trouble == "can't connect to 10.0.0.9:1: connection refused (and 1 more)")
  }

  @Test func `closing ends waiting calls and those in flight`() throws {
    let cluster = self.makeCluster(1)
    try self.connected(cluster)
    let running = RecordingObserver()
    _ = cluster.start(self.ask(), observer: running)
    try self.endpoint.exchange()
    let empty = self.makeCluster(0)
    let waiting = RecordingObserver()
    _ = empty.start(self.ask(), observer: waiting)
    cluster.closeNow()
    empty.closeNow()
    try self.endpoint.exchange()
    #expect(running.status?.code == .unavailable && waiting.status?.code == .unavailable)
    let late = RecordingObserver()
    _ = cluster.start(self.ask(), observer: late)
    try self.endpoint.exchange()
    #expect(late.status?.origin == .notConnected)
  }
}
