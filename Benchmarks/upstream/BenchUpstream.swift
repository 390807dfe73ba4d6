internal import DemoBackend
internal import Foundation
internal import NIOCore
internal import NIOPosix

/// A gRPC server with canned replies, as the upstream of a benchmarked proxy: never the bottleneck.
///
///     bench-upstream --port 0 --threads 1 --reply /pkg.Svc/Method=reply.bin,100
///
/// The first line of standard output is the port that it listens on. It runs until it's killed.
@main
struct BenchUpstream {
  static func main() async {
    do {
      let command = try Command(Array(CommandLine.arguments.dropFirst()))
      let group = MultiThreadedEventLoopGroup(numberOfThreads: command.threads)
      let server = try await GRPCServer.start(
        on: group, options: command.serverOptions, service: CannedService(command.replies))
      FileHandle.standardOutput.write(Data("\(server.port)\n".utf8))
      try await server.waitUntilStopped()
    } catch {
      FileHandle.standardError.write(Data("bench-upstream: \(error)\n".utf8))
      exit(64)
    }
  }
}

/// Reason why the command line is invalid.
struct UsageError: Error, CustomStringConvertible {
  let description: String
}
