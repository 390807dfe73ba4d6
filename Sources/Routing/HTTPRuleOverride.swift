package import Codec

/// An HTTP rule from a configuration or a `google.api.Service` file rather than from a schema. It
/// replaces the annotations of the methods that it selects.
package struct HTTPRuleOverride: Sendable, Equatable {
  /// Method names, or prefixes of names (`library.v1.Books.*`).
  package var selectors: [Selector]
  /// The rule, then its additional bindings. Never empty.
  package var bindings: [HTTPRule]
  /// Where it's written, `bridge.yaml:12:9`, for error messages.
  package var source: String

  package init(selectors: [Selector], bindings: [HTTPRule], source: String) {
    self.selectors = selectors
    self.bindings = bindings
    self.source = source
  }

  /// One element of a selector (google/api/documentation.proto, `DocumentationRule.selector`).
  package struct Selector: Sendable, Equatable {
    /// As it was written: `library.v1.Books.Get`, `library.v1.*` or `*`.
    package var text: String

    /// Parses a selector's comma-separated list of names.
    ///
    /// - Throws: `SelectorError` with the reason.
    package static func list(_ text: String) throws(SelectorError) -> [Selector] {
      var selectors: [Selector] = []
      for part in text.split(separator: ",", omittingEmptySubsequences: false) {
        let name = part.drop { $0 == " " }
        let end = name.lastIndex { $0 != " " }
        selectors.append(try Selector(String(end.map { name[...$0] } ?? "")))
      }
      return selectors
    }

    private init(_ text: String) throws(SelectorError) {
      let elements = text.split(separator: ".", omittingEmptySubsequences: false)
      for (index, element) in elements.enumerated() {
        if element == "*", index == elements.count - 1 { continue }
        guard !element.contains("*") else {
          throw SelectorError(
            reason: "a \"*\" can only replace whole names at the end, such as library.v1.Books.*"
          )
        }
        let isName =
          element.utf8.first.map(Self.isLetter) == true
          && element.utf8.allSatisfy { Self.isLetter($0) || (0x30...0x39).contains($0) }
        guard isName else {
          throw SelectorError(
            reason: "not the name of a method; write package.Service.Method, such as "
              + "library.v1.Books.Get")
        }
      }
      self.text = text
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
      (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "_")
    }

    /// Whether it selects the method with this name. A `*` matches one or more names.
    func selects(_ method: String) -> Bool {
      guard self.text.hasSuffix("*") else { return method == self.text }
      return method.hasPrefix(self.text.dropLast())
    }
  }

  /// The reason that a text isn't a selector.
  package struct SelectorError: Error, Sendable, Equatable {
    package var reason: String
  }

  /// The reason that a rule can't be served, and the part of it that is wrong.
  package struct Diagnostic: Sendable, Equatable {
    package enum Part: Sendable, Equatable {
      case selector
      case pattern
      case body
      case responseBody
    }

    /// The rule's index in the list.
    package var rule: Int
    /// The binding's index in the rule.
    package var binding: Int
    package var part: Part
    /// What is wrong and what is expected.
    package var reason: String
  }
}

/// The override that applies to each method.
struct HTTPRuleOverrides {
  /// The index of the rule that applies, by `package.Service.Method`.
  private var chosen: [String: Int] = [:]
  /// Selectors that select nothing.
  private(set) var faults: [HTTPRuleOverride.Diagnostic] = []

  /// Chooses for all methods of a schema; of several rules that select one method, the last one
  /// wins (google/api/http.proto: "All service configuration rules follow 'last one wins' order").
  init(_ rules: [HTTPRuleOverride], schema: Schema) {
    guard !rules.isEmpty else { return }
    let names = schema.services.flatMap { service in
      service.methods.map { "\(service.fullName).\($0.name)" }
    }
    for (index, rule) in rules.enumerated() {
      for selector in rule.selectors {
        let selected = names.filter(selector.selects)
        for name in selected { self.chosen[name] = index }
        guard selected.isEmpty else { continue }
        self.faults.append(
          HTTPRuleOverride.Diagnostic(
            rule: index, binding: 0, part: .selector,
            reason: Self.reason(selector.text, names: names, schema: schema)))
      }
    }
  }

  /// The index of the rule that applies to a method; nil if its annotations do.
  func rule(for method: MethodSchema) -> Int? {
    self.chosen.isEmpty ? nil : self.chosen["\(method.serviceName).\(method.name)"]
  }

  private static func reason(_ selector: String, names: [String], schema: Schema) -> String {
    if selector.hasSuffix("*") {
      return "\"\(selector)\" selects no method of these schemas"
    }
    if schema.services.contains(where: { $0.fullName == selector }) {
      return "\"\(selector)\" is a service; write \(selector).* for all of its methods, or name one"
    }
    let hint =
      SpellingSuggestion.name(to: selector, among: names)
      ?? Self.sameEnd(as: selector, among: names)
    let rule =
      hint.map { "did you mean \($0)?" } ?? "write package.Service.Method, such as "
      + (names.first ?? "library.v1.Books.Get")
    return "\"\(selector)\" is not a method of these schemas; \(rule)"
  }

  /// The method whose own name is the nearest, if the rest is too long or too different.
  private static func sameEnd(as selector: String, among names: [String]) -> String? {
    let last = { (name: String) in
      String(name[(name.lastIndex(of: ".").map(name.index(after:)) ?? name.startIndex)...])
    }
    guard let near = SpellingSuggestion.name(to: last(selector), among: names.lazy.map(last)) else {
      return nil
    }
    return names.first { last($0) == near }
  }
}
