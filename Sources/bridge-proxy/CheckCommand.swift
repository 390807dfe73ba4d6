internal import ArgumentParser
internal import BridgeConfiguration
internal import BridgeProxy
internal import LocalFiles
internal import ProcessResources

/// `bridge-proxy check`: performs everything that `serve` does before it listens.
struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Reads a configuration with its schemas and prints the routes it would serve.",
    discussion: "Exits with 0, or with 78 after printing all errors to standard error.")

  @Option(help: ArgumentHelp("The configuration file.", valueName: "file"))
  var config: String

  @Flag(help: "Don't read tokens and passwords, and warn about each: for machines without them.")
  var noSecrets = false

  func run() async throws {
    ProcessSetup.ignoreBrokenPipes()
    let plan = try await ServingPlan.load(
      file: self.config, .refuse, readsSecrets: !self.noSecrets)
    for warning in plan.warnings { Console.note("warning: \(warning)") }
    Console.write(plan.listing)
  }
}

extension ServingPlan {
  /// Reads a configuration file and loads what it refers to.
  ///
  /// - Parameters:
  ///   - whenMissing: how to handle a service whose endpoint doesn't provide its schema.
  ///   - readsSecrets: whether tokens and passwords are required.
  /// - Throws: the exit code, after printing the errors.
  static func load(
    file: String, _ whenMissing: WhenMissing, readsSecrets: Bool = true
  ) async throws -> ServingPlan {
    do {
      var draft = try ConfigurationReader(
        environment: ProcessEnvironment.value, readsSecrets: readsSecrets
      ).draft(path: file, in: Files.workingFolder())
      let tls = TLSContexts(of: &draft)
      return try await ServingPlan.load(
        draft.configuration, file: file, faults: draft.faults, warnings: draft.warnings, tls: tls,
        whenMissing: whenMissing)
    } catch {
      throw Console.refuse(error)
    }
  }
}
