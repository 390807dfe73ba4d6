/// Substitution of environment variables for `${NAME}` in addresses and paths.
///
/// Messages never show a substituted value: the variable may contain a secret.
struct VariableText {
  /// Returns the value of an environment variable; nil if it isn't set.
  let environment: (String) -> String?

  /// Keys whose values are addresses or paths, or parts of them.
  private static let keys: Set<String> = [
    "listen", "admin", "endpoint", "address", "authority", "hosts", "prefix", "schemas",
    "import_paths", "http_rules", "static", "dns", "srv", "nlb", "discovery", "uid", "region",
    "gateway", "service", "servers", "namespace", "group", "context_path", "path", "cache", "ca",
    "client_ca", "certificate", "key", "server_name", "token_file", "password_file",
    "access_key_file", "secret_key_file", "username",
  ]

  /// Whether `${NAME}` is replaced in the value at this path of the configuration.
  static func isFilledIn(_ path: String) -> Bool {
    var key = path[...]
    while key.hasSuffix("]"), let bracket = key.lastIndex(of: "[") { key = key[..<bracket] }
    if let dot = key.lastIndex(of: ".") { key = key[key.index(after: dot)...] }
    return Self.keys.contains(String(key))
  }

  /// Parses a text after substituting its variables; `$${` yields `${`.
  ///
  /// - Parameter example: a valid value, for messages.
  func read<Value>(
    _ text: String, example: String, _ parse: (String) throws(ValueError) -> Value
  ) throws(ValueError) -> Value {
    var values: [(name: String, value: String)] = []
    let filled = try self.filled(text, &values)
    do throws(ValueError) {
      return try parse(filled)
    } catch {
      throw ValueError(Self.withoutValues(error.reason, values, of: text, example: example))
    }
  }

  private func filled(
    _ text: String, _ values: inout [(name: String, value: String)]
  ) throws(ValueError) -> String {
    var filled = ""
    var rest = text[...]
    while let start = rest.firstRange(of: "${") {
      filled += rest[..<start.lowerBound]
      rest = rest[start.upperBound...]
      if filled.hasSuffix("$") {
        filled += "{"
        continue
      }
      guard let end = rest.firstIndex(of: "}") else {
        throw ValueError("a \"${\" without \"}\"; write ${NAME}, or $${ for the two characters")
      }
      let name = String(rest[..<end])
      rest = rest[rest.index(after: end)...]
      guard PlausibleText.isVariableName(name) else {
        throw ValueError(
          "the text in ${…} isn't the name of an environment variable; write one such as "
            + "${PEER_HOST}, or $${ for the two characters")
      }
      guard let value = self.environment(name) else {
        throw ValueError("the environment variable \(name) is not set")
      }
      values.append((name, value))
      filled += value
    }
    return filled + rest
  }

  /// A message about a substituted text, with names instead of values.
  private static func withoutValues(
    _ reason: String, _ values: [(name: String, value: String)], of text: String, example: String
  ) -> String {
    var reason = reason
    for (name, value) in values where !value.isEmpty {
      reason = reason.replacing(value, with: "${\(name)}")
    }
    // Messages truncate what they quote.
    let shows = values.contains { $0.value.count >= 8 && reason.contains($0.value.prefix(8)) }
    return shows
      ? "\(ConfigurationValues.quoted(text)), with its variables replaced, isn't valid here; write it "
        + "such as \(example)"
      : reason
  }
}
