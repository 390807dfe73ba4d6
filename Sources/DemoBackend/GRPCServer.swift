package import NIOCore
internal import NIOPosix

/// Handles the calls of a `GRPCServer`.
///
/// Called on the loop of the call's connection, concurrently from several loops.
package protocol GRPCService: Sendable {
  /// Handles a complete request: `call.path`, `call.metadata`, `call.messages`. It may respond later, on
  /// the same loop.
  func serve(_ call: GRPCServerCall)
}

/// A small gRPC server over cleartext HTTP/2: for the demo, the tests and the benchmarks.
///
/// It receives complete requests before it handles them; replies may be streams.
package struct GRPCServer: Sendable {
  /// Options of a server.
  package struct Options: Sendable {
    package var host = "127.0.0.1"
    /// 0 picks a free one.
    package var port = 0
    /// Maximum size of one request message. A larger one ends with RESOURCE_EXHAUSTED.
    package var messageByteLimit = 16 << 20
    /// Whether messages are assembled; if not, `call.messages` stays empty: for benchmarks.
    package var readsMessages = true
    /// Maximum concurrent streams of one connection.
    package var concurrentStreams = 1024
    /// Whether one DATA frame may contain several messages of a reply.
    package var joinsMessages = true

    package init() {}
  }

  private let channel: any Channel
  /// The address that it listens on.
  package let port: Int

  /// Starts listening.
  ///
  /// - Parameter group: connections are distributed over its loops.
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

  /// Stops listening. Open connections stay until their clients close them.
  package func stop() async throws {
    try await self.channel.close()
  }
}
