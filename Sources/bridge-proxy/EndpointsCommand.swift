internal import ArgumentParser
internal import BridgeConfiguration
internal import Discovery
internal import LocalFiles
internal import NIOCore
internal import NIOPosix
internal import ProcessResources

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
    ProcessSetup.prepareSignals()
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
      for (name, kind) in services.flatMap(Self.kinds) {
        group.addTask {
          guard let source = kind.makeSource(fetch: fetch, on: eventLoop) else {
            Self.show(.endpoints(kind.fixed ?? []), of: name, kind)
            return true
          }
          for await update in source.updates() {
            Self.show(update, of: name, kind)
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

  /// The groups of a service's endpoints: `infer`, and `infer.canary` for an alternative.
  private static func kinds(
    of service: Configuration.Service
  ) -> [(name: String, kind: Configuration.EndpointKind)] {
    service.groups.enumerated().map { index, group in
      (index == 0 ? service.name : "\(service.name).\(group.name)", group.cluster.kind)
    }
  }

  private static func show(
    _ update: EndpointUpdate, of name: String, _ kind: Configuration.EndpointKind
  ) {
    let lines = update.lines(service: name, kind: kind)
    if case .failure = update {
      for line in lines { Console.note(line) }
    } else {
      Console.write(lines)
    }
  }
}
