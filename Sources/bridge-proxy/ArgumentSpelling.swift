internal import ArgumentParser
internal import Codec

/// Reports a misspelled subcommand or option before the parser reports what is missing because of it.
enum ArgumentSpelling {
  private static let subcommands: [any ParsableCommand.Type] = BridgeProxyCommand.configuration
    .subcommands

  /// The error as a sentence; nil if all names are known.
  static func fault(_ arguments: [String]) -> String? {
    guard let name = arguments.first, !name.hasPrefix("-"), name != "help" else { return nil }
    var names: [String] = []
    var found: (any ParsableCommand.Type)?
    for command in Self.subcommands {
      let known = command.configuration.commandName ?? ""
      names.append(known)
      if known == name { found = command }
    }
    guard let command = found else {
      let near = SpellingSuggestion.name(to: name, among: names)
      let hint =
        near.map { "did you mean \($0)?" } ?? "use one of \(names.joined(separator: ", "))"
      return "Unknown subcommand \(Self.shown(name)); \(hint)"
    }
    let options = Self.options(of: command)
    for argument in arguments.dropFirst().prefix(while: { $0 != "--" })
    where argument.hasPrefix("--") {
      let option = String(argument.prefix { $0 != "=" })
      guard !options.contains(option) else { continue }
      let near = SpellingSuggestion.name(to: option, among: options)
      let hint =
        near.map { "did you mean \($0)?" }
        ?? "\"bridge-proxy \(name) --help\" lists all options"
      return "Unknown option \(Self.shown(option)); \(hint)"
    }
    return nil
  }

  /// All option names in the help of a command.
  private static func options(of command: any ParsableCommand.Type) -> [String] {
    var options: [String] = ["--version"]
    let help = BridgeProxyCommand.helpMessage(for: command)
    for word in help.split(whereSeparator: { !($0.isASCII && ($0.isLetter || $0 == "-")) })
    where word.hasPrefix("--") && word.count > 2 && !options.contains(String(word)) {
      options.append(String(word))
    }
    return options
  }

  private static func shown(_ text: String) -> String { "'\(ForeignText.shown(text, limit: 40))'" }
}
