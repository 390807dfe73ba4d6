package import NIOCore
internal import NIOPosix

/// Answers the calls of a `GRPCServer`.
///
/// Called on the loop of the call's connection, from several loops at a time.
package protocol GRPCService: Sendable {
  /// A request is complete: `call.path`, `call.metadata`, `call.messages`. Answer now or later, on
  /// the same loop.
  func serve(_ call: GRPCServerCall)
}

/// A small gRPC server over cleartext HTTP/2: for the demo, the tests and the benchmarks.
///
/// It reads whole requests before it serves them; replies may be streams.
package struct GRPCServer: Sendable {
  /// What may be chosen about a server.
  package struct Options: Sendable {
    package var host = "127.0.0.1"
    /// 0: a free one.
    package var port = 0
    /// The most bytes of one request message. More is RESOURCE_EXHAUSTED.
    package var messageByteLimit = 16 << 20
    /// Whether requests are put together; off, `call.messages` stays empty: for benchmarks.
    package var readsMessages = true
    /// Streams that one connection may have open.
    package var concurrentStreams = 1024
    /// Whether one DATA frame may hold several messages of a reply.
    package var joinsMessages = true

    package init() {}
  }

  private let channel: any Channel
  /// Where it listens.
  package let port: Int

  /// Begins to listen.
  ///
  /// - Parameter group: connections are spread over its loops.
  package static func start(
    on group: any EventLoopGroup, options: Options = Options(), service: any GRPCService
  ) async throws -> GRPCServer {
    let channel = try await ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(
        .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 64 << 10)
      )
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            GRPCServerConnection(
              eventLoop: channel.eventLoop, options: options, service: service))
        }
      }
      .bind(host: options.host, port: options.port)
      .get()
    return GRPCServer(channel: channel, port: channel.localAddress?.port ?? options.port)
  }

  /// Returns once it no longer listens.
  package func waitUntilStopped() async throws {
    try await self.channel.closeFuture.get()
  }

  /// Stops listening. Connections that are open stay until their clients close them.
  package func stop() async throws {
    try await self.channel.close()
  }
}
