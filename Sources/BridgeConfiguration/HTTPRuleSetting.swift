package import Routing

/// An HTTP rule of a configuration or a `google.api.Service` file, with the places of its parts.
package struct HTTPRuleSetting: Sendable {
  /// Where a part of a rule stands.
  package struct Origin: Sendable {
    package var file: String
    package var location: TextLocation
    /// The key's path, `services.bench.http_rules[1].body`.
    package var key: String
  }

  /// Where the parts of one binding stand; of a part that isn't there, where the binding begins.
  package struct Binding: Sendable {
    package var pattern: Origin
    package var body: Origin
    package var responseBody: Origin
  }

  package var rule: HTTPRuleOverride
  package var selector: Origin
  /// One for each of the rule's bindings.
  package var bindings: [Binding]

  /// What the schema shows to be wrong with a part of it, as a fault of its file.
  package func fault(_ fault: HTTPRuleOverride.Diagnostic) -> ConfigurationDiagnostic {
    let origin =
      switch fault.part {
      case .selector: self.selector
      case .pattern: self.bindings[fault.binding].pattern
      case .body: self.bindings[fault.binding].body
      case .responseBody: self.bindings[fault.binding].responseBody
      }
    return ConfigurationDiagnostic(
      file: origin.file, location: origin.location, key: origin.key, reason: fault.reason)
  }
}
