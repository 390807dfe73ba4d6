internal import ArgumentParser
internal import BridgeConfiguration
internal import BridgeProxy
internal import LocalFiles
internal import ProcessResources

/// `bridge-proxy check`: everything that `serve` does before it listens.
struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Reads a configuration with its schemas and prints the routes it would serve.",
    discussion: "Ends with 0, or with 78 and every fault on standard error.")

  @Option(help: ArgumentHelp("The configuration.", valueName: "file"))
  var config: String

  @Flag(help: "Read no tokens and passwords, and warn of each: for machines that haven't got them.")
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
  /// Reads a configuration file and loads what it names.
  ///
  /// - Parameters:
  ///   - whenMissing: what becomes of a service whose endpoint can't be asked for its schema.
  ///   - readsSecrets: whether tokens and passwords have to be there.
  /// - Throws: the exit code, when the faults have been told.
  static func load(
    file: String, _ whenMissing: WhenMissing, readsSecrets: Bool = true
  ) async throws -> ServingPlan {
    do {
      let draft = try ConfigurationReader(
        environment: ProcessEnvironment.value, readsSecrets: readsSecrets
      ).draft(path: file, in: Files.workingFolder())
      return try await ServingPlan.load(
        draft.configuration, file: file, faults: draft.faults, warnings: draft.warnings,
        whenMissing: whenMissing)
    } catch {
      throw Console.refuse(error)
    }
  }
}
