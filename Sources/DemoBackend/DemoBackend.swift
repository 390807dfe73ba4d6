package import NIOCore

/// The catalogue service of `schemas/demo/catalogue.proto`, for trying out the bridge.
package enum DemoBackend {
  /// Starts it on the loops of `group`, with which it ends.
  ///
  /// - Parameter port: 0 picks a free one.
  /// - Returns: the port it listens on.
  package static func start(
    on group: any EventLoopGroup, host: String = "127.0.0.1", port: Int = 0
  ) async throws -> Int {
    var options = GRPCServer.Options()
    options.host = host
    options.port = port
    let server = try await GRPCServer.start(
      on: group, options: options, service: CatalogueService())
    return server.port
  }
}
