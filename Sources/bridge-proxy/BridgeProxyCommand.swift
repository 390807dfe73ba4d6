internal import ArgumentParser

/// The root command.
@main
struct BridgeProxyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bridge-proxy",
    abstract: "Lets clients that speak HTTP/1.1 and JSON call gRPC services.",
    version: Version.current,
    subcommands: [
      ServeCommand.self, CheckCommand.self, EndpointsCommand.self, DemoCommand.self,
    ])

  static func main() async {
    let arguments = Array(CommandLine.arguments.dropFirst())
    if let reason = ArgumentSpelling.fault(arguments) {
      Console.note("Error: \(reason)")
      Self.exit(withError: ExitCode.validationFailure)
    }
    await Self.main(arguments)
  }
}

/// The program's version (semver.org).
enum Version {
  static let current = "0.1.0"
}
