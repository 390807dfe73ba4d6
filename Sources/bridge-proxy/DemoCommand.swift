internal import Addresses
internal import ArgumentParser
internal import BridgeConfiguration
internal import BridgeProxy
internal import DemoBackend
internal import LocalFiles
internal import NIOCore
internal import NIOPosix
internal import ProcessResources

/// `bridge-proxy demo`: runs a bridge and a gRPC server to call through it, in one process.
struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Starts a bridge and a demo gRPC server, and prints calls to try.")

  @Option(help: ArgumentHelp("Address for clients.", valueName: "address"))
  var listen = "127.0.0.1:8080"

  @Option(
    help: ArgumentHelp(
      "The gRPC server's port on 127.0.0.1; 0 picks a free one. Default: 50051, or a free one if "
        + "that is in use.", valueName: "port"))
  var backendPort: UInt16?

  /// The port used by gRPC examples and by the README's configuration.
  private static let usualPort = 50051

  func run() async throws {
    ProcessSetup.prepareSignals()
    let backendLoops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let port = try await self.startBackend(on: backendLoops)
    let plan = try await self.plan(backendPort: port)
    do {
      try await ProxyRunner.run(plan) { addresses in
        if let address = addresses.first { Console.write(Self.calls(to: address, port: port)) }
      }
    } catch {
      try? await backendLoops.shutdownGracefully()
      throw error
    }
    try await backendLoops.shutdownGracefully()
  }

  private func startBackend(on loops: any EventLoopGroup) async throws -> Int {
    if let port = self.backendPort {
      do {
        return try await DemoBackend.start(on: loops, port: Int(port))
      } catch {
        let address = ListenAddress.tcp(host: "127.0.0.1", port: Int(port))
        Console.note("bridge-proxy \(ListenError(address, cause: error))")
        throw ExitCode(1)
      }
    }
    do {
      return try await DemoBackend.start(on: loops, port: Self.usualPort)
    } catch {
      return try await DemoBackend.start(on: loops)
    }
  }

  private func plan(backendPort: Int) async throws -> ServingPlan {
    do throws(ConfigurationError) {
      var configuration = Configuration(
        listen: [try self.address()],
        services: [
          Configuration.Service(
            name: "demo", schemas: [],
            endpoint: Configuration.Endpoint(host: "127.0.0.1", port: backendPort))
        ])
      configuration.writesAccessLog = true
      return try await ServingPlan.load(configuration, file: "") {
        _ throws(SchemaLoadError) in
        try SchemaLoader.schema(of: CatalogueSchema.bytes, source: "the demo's schema")
      }
    } catch {
      throw Console.refuse(error)
    }
  }

  private func address() throws(ConfigurationError) -> ListenAddress {
    do throws(ValueError) {
      return try ConfigurationValues.listenAddress(self.listen, folder: Files.workingFolder())
    } catch {
      throw ConfigurationError(key: "--listen", reason: error.reason)
    }
  }

  /// Commands to paste: a call, a stream, an error.
  private static func calls(to address: ListenAddress, port: Int) -> [String] {
    let base: String
    switch address {
    case .tcp: base = address.url()
    case .unix(let path): base = "--unix-socket \(path) http://localhost"
    }
    return [
      "",
      "A gRPC server with a small catalogue listens on 127.0.0.1:\(port); the bridge calls it.",
      "Paste these into another terminal; Ctrl-C stops both.",
      "",
      "  curl \(base)/v1/products/p-1",
      "  curl -N \(base)/v1/products/p-1/prices",
      "  curl -i \(base)/v1/products/nothing",
      "",
    ]
  }
}
