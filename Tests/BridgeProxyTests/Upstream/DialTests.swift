import NIOCore
import NIOEmbedded
import NIOPosix
import Testing

@testable import Addresses
@testable import BridgeConfiguration
@testable import GRPCWire
@testable import Upstream

/// Pools that dial a name, over embedded channels, with a clock that the test moves.
@Suite struct DialTests {
  private let endpoint = ScriptedEndpoint()

  private func makePool(ipv6: [String] = ["::1"], ipv4: [String] = ["10.0.0.1"]) -> HTTP2Pool {
    self.endpoint.names["depot"] = [.ipv6: self.answer(ipv6), .ipv4: self.answer(ipv4)]
    return self.pool("depot")
  }

  private func pool(_ host: String) -> HTTP2Pool {
    var limits = Configuration.Limits()
    limits.connectTimeout = .seconds(2)
    return HTTP2Pool(
      eventLoop: self.endpoint.loop, endpoint: Configuration.Endpoint(host: host, port: 5),
      limits: limits, userAgent: "bridge-proxy/test", connector: self.endpoint)
  }

  private func answer(_ texts: [String]) -> Result<[SocketAddress], LookupError> {
    texts.isEmpty
      ? .failure(LookupError(reason: "Name or service not known"))
      : .success(texts.compactMap { try? SocketAddress(ipAddress: $0, port: 0) })
  }

  private func call(_ pool: HTTP2Pool) throws -> RecordingObserver {
    let observer = RecordingObserver()
    let message = GRPCMessage.framed(ByteBuffer(string: "ask"))
    _ = pool.start(CallRequest(path: "/a.B/C", message: message), observer: observer)
    try self.endpoint.exchange()
    return observer
  }

  private let refused = IOError(errnoCode: ECONNREFUSED, reason: "connect")

  @Test func `the next address is tried when one refuses`() throws {
    let pool = self.makePool()
    self.endpoint.outcomes = [.fail(self.refused)]
    let observer = try self.call(pool)
    #expect(self.endpoint.dialed == ["::1", "10.0.0.1"])
    let peer = try #require(self.endpoint.peers.first)
    peer.reply(peer.requests[0], "answer")
    try self.endpoint.exchange()
    #expect(observer.events == RecordingObserver.good("answer"))
    // From now on that family is first.
    pool.closeNow()
    self.endpoint.loop.run()
    let again = self.pool("depot")
    again.core.target.family = pool.core.target.family
    _ = try self.call(again)
    #expect(self.endpoint.dialed.last == "10.0.0.1")
  }

  @Test func `the next address is tried while one is silent`() throws {
    let pool = self.makePool()
    self.endpoint.outcomes = [.hang]
    let observer = try self.call(pool)
    #expect(self.endpoint.dialed == ["::1"])
    self.endpoint.loop.advanceTime(by: .milliseconds(250))
    try self.endpoint.exchange()
    #expect(self.endpoint.dialed == ["::1", "10.0.0.1"])
    let peer = try #require(self.endpoint.peers.first)
    peer.reply(peer.requests[0], "answer")
    try self.endpoint.exchange()
    #expect(observer.events == RecordingObserver.good("answer"))
    for promise in self.endpoint.hanging { promise.fail(ChannelError.eof) }
    try self.endpoint.exchange()
    #expect(pool.core.state.hasReady)
  }

  /// It accepts, and then says nothing of HTTP/2.
  @Test func `the first connection that speaks HTTP/2 is used`() throws {
    let pool = self.makePool(ipv6: ["::1", "::2"])
    let observer = RecordingObserver()
    let message = GRPCMessage.framed(ByteBuffer(string: "ask"))
    _ = pool.start(CallRequest(path: "/a.B/C", message: message), observer: observer)
    self.endpoint.loop.run()
    #expect(self.endpoint.peers.count == 1)
    self.endpoint.loop.advanceTime(by: .milliseconds(250))
    #expect(self.endpoint.peers.count == 2 && observer.events.isEmpty)
    let (silent, second) = (self.endpoint.peers[0], self.endpoint.peers[1])
    try second.exchange()
    #expect(!silent.channel.isActive && second.channel.isActive)
    second.reply(second.requests[0], "answer")
    try second.exchange()
    #expect(observer.events == RecordingObserver.good("answer"))
    // The third was never tried.
    self.endpoint.loop.advanceTime(by: .seconds(3))
    #expect(self.endpoint.peers.count == 2 && pool.core.connections.count == 1)
  }

  @Test func `if all addresses fail there is one error`() throws {
    let pool = self.makePool()
    self.endpoint.outcomes = [.fail(self.refused), .fail(self.refused)]
    let observer = try self.call(pool)
    #expect(
      observer.status
        == GRPCStatus(
          .unavailable, "can't connect to depot:5: connection refused (tried ::1 and 10.0.0.1)",
          origin: .notConnected))
    #expect(pool.core.dialers.isEmpty)
  }

  @Test func `a lookup that times out is an error with the name`() throws {
    let pool = self.pool("silent.example")
    let observer = try self.call(pool)
    #expect(self.endpoint.silentLookups == 2)
    self.endpoint.loop.advanceTime(by: .milliseconds(1999))
    #expect(observer.events.isEmpty)
    self.endpoint.loop.advanceTime(by: .milliseconds(1))
    #expect(
      observer.status?.message
        == "can't look up silent.example in time: no answer within 2000 ms (limits.connect_timeout)"
    )
    #expect(self.endpoint.silentLookups == 0 && observer.status?.origin == .notConnected)
  }

  @Test func `an unknown name is an error at once`() throws {
    let observer = try self.call(self.makePool(ipv6: [], ipv4: []))
    #expect(observer.status?.message == "can't look up depot: Name or service not known")
  }

  @Test func `closing a pool stops its dialing`() throws {
    let pool = self.makePool()
    self.endpoint.outcomes = [.hang]
    let observer = try self.call(pool)
    pool.closeNow()
    self.endpoint.loop.run()
    self.endpoint.loop.advanceTime(by: .seconds(3))
    #expect(self.endpoint.dialed == ["::1"] && pool.core.dialers.isEmpty)
    #expect(observer.status?.message == "the bridge is shutting down")
    for promise in self.endpoint.hanging { promise.fail(ChannelError.eof) }
  }

  @Test func `a drained pool ends with its dialer`() throws {
    let pool = self.makePool()
    self.endpoint.outcomes = [.hang, .hang]
    pool.connect(isUrgent: false)
    try self.endpoint.exchange()
    var isDrained = false
    pool.drain().assumeIsolated().whenSuccess { isDrained = true }
    self.endpoint.loop.run()
    #expect(isDrained)
    for promise in self.endpoint.hanging { promise.fail(ChannelError.eof) }
  }
}
