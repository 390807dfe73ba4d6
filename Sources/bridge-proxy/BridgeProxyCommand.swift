internal import ArgumentParser

@main
struct BridgeProxyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "bridge-proxy")
}
