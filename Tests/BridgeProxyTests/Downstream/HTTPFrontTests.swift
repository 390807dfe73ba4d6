import Codec
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Addresses
@testable import BridgeConfiguration
@testable import Downstream

/// Listeners, over real sockets of this machine.
struct HTTPFrontTests {
  private static let schema = Result { try TestSchema.notes.load() }
  private static let clients = MultiThreadedEventLoopGroup(numberOfThreads: 1)

  private func start(
    _ listen: [ListenAddress], limits: Configuration.Limits = Configuration.Limits(),
    holds: Bool = false, on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) async throws -> HTTPFront {
    let service = try ServedService(
      Configuration.Service(
        name: "notes", schemas: [], endpoint: Configuration.Endpoint(host: "a", port: 1)),
      schema: Self.schema.get())
    let table = try ServingTable([service])
    return try await HTTPFront.start(listen, limits: limits, on: group) { loop in
      let upstream = CannedUpstream(on: loop)
      if !holds { upstream.echoes() }
      return LoopContext(
        eventLoop: loop, table: table, upstreams: [[upstream]], limits: limits)
    }
  }

  private static let request =
    "POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n{\"text\":\"x\"}"

  @Test func `requests over TCP get responses on several connections`() async throws {
    let front = try await self.start([.tcp(host: "127.0.0.1", port: 0)])
    let address = try #require(front.addresses.first)
    #expect(address.port != 0)
    for _ in 0..<4 {
      let client = try await SocketClient(address, on: Self.clients)
      try await client.send(Self.request + Self.request)
      let text = try await client.received(until: "{\"text\":\"x\"}HTTP")
      #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
      try await client.close()
    }
    await front.drain(within: .seconds(5))
  }

  @Test func `a half-closed client gets its response, and then the end`() async throws {
    let front = try await self.start([.tcp(host: "127.0.0.1", port: 0)])
    let client = try await SocketClient(try #require(front.addresses.first), on: Self.clients)
    try await client.send(Self.request)
    try await client.closeOutput()
    let text = try await client.received(until: "{\"text\":\"x\"}")
    #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
    try await client.closed()
    await front.drain(within: .seconds(5))
  }

  @Test
  func `a client that's refused while it sends reads the response, not a reset`() async throws {
    let front = try await self.start([.tcp(host: "127.0.0.1", port: 0)])
    let client = try await SocketClient(try #require(front.addresses.first), on: Self.clients)
    let length = 5_000_000
    try await client.send(
      "POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n"
        + String(repeating: " ", count: 200_000))
    let text = try await client.received(until: "BODY_TOO_LARGE\",\"domain\":\"bridge-proxy\"}]}")
    #expect(text.hasPrefix("HTTP/1.1 413 "))
    #expect(text.utf8.contains("connection: close"))
    try await client.closed()
    await front.drain(within: .seconds(5))
  }

  @Test func `a refused client that then sends malformed data is closed`() async throws {
    let front = try await self.start([.tcp(host: "127.0.0.1", port: 0)])
    let client = try await SocketClient(
      try #require(front.addresses.first), on: Self.clients, staysHalfOpen: true)
    try await client.send(
      "POST /nothing HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    _ = try await client.received(until: "ROUTE_NOT_FOUND")
    try await client.send("this is no chunk\r\n")
    await front.drain(within: .seconds(60))
    let text = try await client.received(until: "}]}")
    #expect(!String(text.dropFirst(10)).utf8.contains("HTTP/1.1"))
    // Unread bytes make the front's system send a reset, which may have closed it.
    try? await client.close()
  }

  @Test func `a stale UNIX socket is replaced, and removed at the end`() async throws {
    let path = "/tmp/bridge-test-\(UInt32.random(in: 0 ... .max)).sock"
    // Left behind: closing a listener doesn't remove its file.
    let stale = try await ServerBootstrap(group: Self.clients)
      .bind(unixDomainSocketPath: path).get()
    try await stale.close()
    let front = try await self.start([.unix(path: path), .tcp(host: "127.0.0.1", port: 0)])
    #expect(front.addresses.count == 2)
    let client = try await SocketClient(
      SocketAddress(unixDomainSocketPath: path), on: Self.clients)
    try await client.send(Self.request)
    let text = try await client.received(until: "{\"text\":\"x\"}")
    #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
    await front.drain(within: .seconds(5))
    try await client.closed()
    await #expect(throws: (any Error).self) {
      try await SocketClient(SocketAddress(unixDomainSocketPath: path), on: Self.clients)
    }
  }

  @Test func `an address in use is named, and earlier listeners are closed`() async throws {
    let front = try await self.start([.tcp(host: "127.0.0.1", port: 0)])
    let port = try #require(front.addresses.first?.port)
    let error = await #expect(throws: ListenError.self) {
      try await self.start([
        .tcp(host: "127.0.0.1", port: 0), .tcp(host: "127.0.0.1", port: port),
      ])
    }
    #expect(error?.description.hasPrefix("cannot listen on 127.0.0.1:\(port): ") == true)
    await front.drain(within: .seconds(5))
  }

  @Test
  func `connections beyond the limit are closed at once, and others are served`() async throws {
    var limits = Configuration.Limits()
    limits.clientConnections = 1
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let front = try await self.start(
      [.tcp(host: "127.0.0.1", port: 0)], limits: limits, on: group)
    let address = try #require(front.addresses.first)
    let first = try await SocketClient(address, on: Self.clients)
    try await first.send(Self.request)
    _ = try await first.received(until: "{\"text\":\"x\"}")
    let second = try await SocketClient(address, on: Self.clients)
    try await second.closed()
    try await first.send(Self.request)
    _ = try await first.received(until: "{\"text\":\"x\"}HTTP")
    try await first.close()
    await front.drain(within: .seconds(5))
    try await group.shutdownGracefully()
  }

  @Test func `a drain closes idle connections and cuts off others at its timeout`() async throws {
    let front = try await self.start([.tcp(host: "127.0.0.1", port: 0)], holds: true)
    let address = try #require(front.addresses.first)
    let idle = try await SocketClient(address, on: Self.clients)
    let busy = try await SocketClient(address, on: Self.clients)
    try await busy.send("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n" + Self.request)
    _ = try await busy.received(until: "ROUTE_NOT_FOUND")
    await front.drain(within: .milliseconds(50))
    try await idle.closed()
    try await busy.closed()
    await #expect(throws: (any Error).self) {
      try await SocketClient(address, on: Self.clients)
    }
  }
}
