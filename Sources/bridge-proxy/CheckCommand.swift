internal import ArgumentParser
internal import BridgeProxy
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
    let plan: ServingPlan
    do {
      plan = try await ServingPlan.load(
        file: self.config, environment: ProcessEnvironment.value, whenMissing: .refuse,
        readsSecrets: !self.noSecrets)
    } catch {
      throw Console.refuse(error)
    }
    for warning in plan.warnings { Console.note("warning: \(warning)") }
    Console.write(plan.listing)
  }
}
