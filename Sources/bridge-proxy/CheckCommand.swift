internal import ArgumentParser
internal import BridgeProxy

/// `bridge-proxy check`: everything that `serve` does before it listens.
struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Reads a configuration with its schemas and prints the routes it would serve.",
    discussion: "Ends with 0, or with 78 and every fault on standard error.")

  @Option(help: ArgumentHelp("The configuration.", valueName: "file"))
  var config: String

  func run() async throws {
    ProcessSetup.ignoreBrokenPipes()
    let plan = try await ServingPlan.load(file: self.config, .refuse)
    for warning in plan.warnings { Console.note("warning: \(warning)") }
    Console.say(plan.listing)
  }
}

extension ServingPlan {
  /// Reads a configuration file and loads what it names.
  ///
  /// - Parameter whenMissing: what becomes of a service whose endpoint can't be asked for its schema.
  /// - Throws: the exit code, when the faults have been told.
  static func load(file: String, _ whenMissing: WhenMissing) async throws -> ServingPlan {
    do {
      let draft = try ConfigurationReader(environment: ProcessEnvironment.value)
        .draft(path: file, in: Files.workingFolder())
      return try await ServingPlan.load(
        draft.configuration, file: file, faults: draft.faults, whenMissing: whenMissing)
    } catch {
      throw Console.refuse(error)
    }
  }
}
