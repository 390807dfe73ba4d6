import BridgeProxy
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Addresses

/// On a real loopback port, by a client that writes text and reads until the end.
@Suite struct AdminServerTests {
  private static let group = MultiThreadedEventLoopGroup.singleton

  private func server(
    _ readiness: [AdminServer.Readiness] = []
  ) async throws -> AdminServer {
    try await AdminServer.start(
      on: .tcp(host: "127.0.0.1", port: 0), group: Self.group, probe: { readiness })
  }

  /// What the server says to `text` until it closes.
  private func exchange(_ text: String, with server: AdminServer) async throws -> String {
    guard case .tcp(let host, let port) = server.addresses[0] else { return "" }
    let client = try await ClientBootstrap(group: Self.group)
      .connect(host: host, port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Opening(text))
          return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    return try await client.executeThenClose { inbound, _ in
      var response = ""
      for try await part in inbound { response += String(buffer: part) }
      return response
    }
  }

  /// Sends a text as soon as there's a connection, on its loop: a task that has to wait for a thread
  /// while other tests keep all of them busy could come after the server has given up.
  private final class Opening: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let text: String

    init(_ text: String) {
      self.text = text
    }

    func channelActive(context: ChannelHandlerContext) {
      context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: self.text)), promise: nil)
      context.fireChannelActive()
    }
  }

  private func get(
    _ path: String, method: String = "GET", _ server: AdminServer
  ) async throws
    -> String
  {
    let response = try await self.exchange(
      "\(method) \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", with: server)
    let parts = response.split(
      separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
    let status = parts.first?.split(separator: " ").dropFirst().first ?? ""
    return "\(status) \(parts.dropFirst().first ?? "")"
  }

  @Test func `healthz and readyz respond with 200`() async throws {
    let server = try await self.server([.init(service: "a", isReachable: true)])
    #expect(try await self.get("/healthz", server) == "200 {\"status\":\"ok\"}\n")
    #expect(try await self.get("/healthz?x=1", server) == "200 {\"status\":\"ok\"}\n")
    #expect(try await self.get("/readyz", server) == "200 {\"status\":\"ready\"}\n")
    await server.close()
  }

  @Test func `an unreachable endpoint is named`() async throws {
    let server = try await self.server([
      .init(service: "a", isReachable: true),
      .init(service: "b", isReachable: false, reason: "127.0.0.1:1: \"refused\""),
    ])
    #expect(
      try await self.get("/readyz", server) == """
        503 {"status":"not ready","services":[{"service":"b","reason":"127.0.0.1:1: \\"refused\\""}]}

        """)
    #expect(try await self.get("/healthz", server) == "200 {\"status\":\"ok\"}\n")
    await server.close()
  }

  @Test func `readyz responds with 503 from the start of a drain`() async throws {
    let server = try await self.server()
    server.beginDraining()
    #expect(try await self.get("/readyz", server) == "503 {\"status\":\"draining\"}\n")
    #expect(try await self.get("/healthz", server) == "200 {\"status\":\"ok\"}\n")
    await server.close()
  }

  @Test func `unknown paths are 404 and other methods 405`() async throws {
    let server = try await self.server()
    #expect(
      try await self.get("/", server)
        == "404 {\"status\":\"not found\",\"paths\":[\"/healthz\",\"/readyz\"]}\n")
    #expect(
      try await self.get("/readyz", method: "POST", server)
        == "405 {\"status\":\"use GET or HEAD\"}\n")
    #expect(try await self.get("/healthz", method: "HEAD", server) == "200 ")
    await server.close()
  }

  @Test func `pipelined requests get their responses in order`() async throws {
    let server = try await self.server()
    let response = try await self.exchange(
      "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.0\r\n\r\n", with: server)
    let ready = try #require(response.firstRange(of: "ready"))
    let alive = try #require(response.firstRange(of: "\"ok\""))
    #expect(ready.lowerBound < alive.lowerBound)
    await server.close()
  }

  @Test func `requests that aren't HTTP are refused`() async throws {
    let server = try await self.server()
    #expect(try await self.exchange("\u{16}\u{3}\u{1}\r\n\r\n", with: server).contains(" 400 "))
    await server.close()
  }

  @Test func `an address in use is an error`() async throws {
    let server = try await self.server()
    await #expect(throws: (any Error).self) {
      _ = try await AdminServer.start(on: server.addresses[0], group: Self.group, probe: { [] })
    }
    await server.close()
  }
}
