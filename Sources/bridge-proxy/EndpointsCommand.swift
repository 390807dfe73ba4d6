internal import ArgumentParser
internal import BridgeProxy
internal import NIOCore
internal import NIOPosix

/// `bridge-proxy endpoints`: where the calls of each service would go.
struct EndpointsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "endpoints",
    abstract: "Looks up the endpoints of each service and prints them.",
    discussion: """
      Asks what the configuration names (a registry, a discovery service) as serve does, and calls \
      no endpoint. Ends with 0, with 1 where one couldn't be asked, or with 78 and every fault of the \
      configuration on standard error.
      """)

  @Option(help: ArgumentHelp("The configuration.", valueName: "file"))
  var config: String

  @Flag(help: "Go on, and print a service's endpoints again when they change.")
  var watch = false

  func run() async throws {
    ProcessSetup.ignoreBrokenPipes()
    let services = try self.services()
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let client = DiscoveryClient(group: group)
    let areAllKnown = await self.lookUp(services, by: client.fetch, on: group.next())
    await client.shutDown()
    try? await group.shutdownGracefully()
    guard areAllKnown else { throw ExitCode(1) }
  }

  private func services() throws -> [Configuration.Service] {
    do {
      return try ConfigurationReader(environment: ProcessEnvironment.value)
        .read(path: self.config, in: Files.workingFolder()).services
    } catch {
      throw Console.refuse(error)
    }
  }

  /// All at a time; each is printed when it's known.
  ///
  /// - Returns: whether each could be asked.
  private func lookUp(
    _ services: [Configuration.Service], by fetch: HTTPFetch, on eventLoop: any EventLoop
  ) async -> Bool {
    let goesOn = self.watch
    return await withTaskGroup(of: Bool.self) { group in
      for service in services {
        group.addTask {
          let kind = service.cluster.kind
          guard let source = kind.makeSource(fetch: fetch, on: eventLoop) else {
            Self.show(.endpoints(kind.fixed ?? []), of: service)
            return true
          }
          for await update in source.updates() {
            Self.show(update, of: service)
            if goesOn { continue }
            if case .failure = update { return false }
            return true
          }
          return false
        }
      }
      return await group.reduce(true) { $0 && $1 }
    }
  }

  private static func show(_ update: EndpointUpdate, of service: Configuration.Service) {
    let lines = update.lines(service: service.name, kind: service.cluster.kind)
    if case .failure = update {
      for line in lines { Console.note(line) }
    } else {
      Console.say(lines)
    }
  }
}
