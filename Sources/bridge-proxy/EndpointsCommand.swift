internal import ArgumentParser
internal import BridgeConfiguration
internal import BridgeProxy
internal import Discovery
internal import LocalFiles
internal import NIOCore
internal import NIOPosix
internal import ProcessResources

/// `bridge-proxy endpoints`: prints the current endpoints of each service.
struct EndpointsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "endpoints",
    abstract: "Looks up the endpoints of each service and prints them.",
    discussion: """
      Queries what the configuration names (a registry, a discovery service) as serve does, and calls \
      no endpoint. Exits with 0, with 1 if a query failed, or with 78 after printing all errors of \
      the configuration to standard error.
      """)

  @Option(help: ArgumentHelp("The configuration file.", valueName: "file"))
  var config: String

  @Flag(help: "Keep running, and print a service's endpoints again when they change.")
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
    do throws(ConfigurationError) {
      var draft = try ConfigurationReader(environment: ProcessEnvironment.value)
        .draft(path: self.config, in: Files.workingFolder())
      // As `serve` and `check` do: TLS files are part of a valid configuration.
      _ = TLSContexts(of: &draft)
      guard draft.faults.isEmpty else { throw ConfigurationError(draft.faults) }
      return draft.configuration.services
    } catch {
      throw Console.refuse(error)
    }
  }

  /// Queries all services concurrently; prints each result as it arrives.
  ///
  /// - Returns: whether all queries succeeded.
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

  /// The endpoint groups of a service: `infer`, and `infer.canary` for an alternative.
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
