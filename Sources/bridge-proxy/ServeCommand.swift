internal import ArgumentParser
internal import BridgeConfiguration
internal import BridgeProxy
internal import LocalFiles
internal import ProcessResources

/// `bridge-proxy serve`: serves until stopped by a signal.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Serves a configuration, or one service given by arguments.",
    usage: """
      bridge-proxy serve --config <file>
      bridge-proxy serve --endpoint <host:port> [--schema <file> ...] [<options>]
      """)

  @Option(help: ArgumentHelp("The configuration file.", valueName: "file"))
  var config: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      ".proto files, descriptor sets, or folders of them; default: the server's own schema, by reflection.",
      valueName: "file"))
  var schema: [String] = []

  @Option(help: ArgumentHelp("The gRPC server.", valueName: "host:port"))
  var endpoint: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Addresses for clients (127.0.0.1:8080): host:port or unix:/path.", valueName: "address"))
  var listen: [String] = []

  @Option(help: ArgumentHelp("Address for /healthz and /readyz.", valueName: "address"))
  var admin: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Folders in which imports are resolved first.", valueName: "folder"))
  var importPath: [String] = []

  @Option(help: ArgumentHelp("Path prefix removed before matching.", valueName: "path"))
  var prefix: String?

  @Flag(help: "Don't write an access log.")
  var noAccessLog = false

  func validate() throws {
    let hasArguments =
      !self.schema.isEmpty || self.endpoint != nil || !self.listen.isEmpty || self.admin != nil
      || !self.importPath.isEmpty || self.prefix != nil || self.noAccessLog
    if self.config != nil {
      guard !hasArguments else {
        throw ValidationError("--config can't be combined with other options; set them in the file")
      }
    } else if self.endpoint == nil {
      throw ValidationError("give --config or --endpoint")
    } else if self.schema.isEmpty && !self.importPath.isEmpty {
      throw ValidationError("--import-path requires --schema")
    }
  }

  func run() async throws {
    ProcessSetup.prepareSignals()
    let plan = try await self.plan()
    for warning in plan.warnings { Console.note("bridge-proxy warning: \(warning)") }
    try await ProxyRunner.run(plan)
  }

  private func plan() async throws -> ServingPlan {
    do throws(ConfigurationError) {
      if let config = self.config {
        return try await ServingPlan.load(
          file: config, environment: ProcessEnvironment.value, whenMissing: .wait)
      }
      let settings = CommandLineSettings(
        schemas: self.schema, importPaths: self.importPath, endpoint: self.endpoint ?? "",
        listen: self.listen, admin: self.admin, prefix: self.prefix,
        writesAccessLog: !self.noAccessLog)
      let configuration = try settings.configuration(
        in: ReadContext(folder: Files.workingFolder(), environment: ProcessEnvironment.value))
      return try await ServingPlan.load(configuration, file: "", whenMissing: .wait)
    } catch {
      throw Console.refuse(error)
    }
  }
}
