internal import Codec
internal import LocalFiles
package import Routing

/// An HTTP rule of a configuration or a `google.api.Service` file, with the locations of its parts.
package struct HTTPRuleSetting: Sendable {
  /// Location of a part of a rule.
  package struct Origin: Sendable {
    package var file: String
    package var location: TextLocation
    /// The key's path, `services.bench.http_rules[1].body`.
    package var key: String
  }

  /// Locations of the parts of a binding; of a missing part, that of the binding.
  package struct Binding: Sendable {
    package var pattern: Origin
    package var body: Origin
    package var responseBody: Origin
  }

  package var rule: HTTPRuleOverride
  package var selector: Origin
  /// One for each of the rule's bindings.
  package var bindings: [Binding]

  /// The diagnostic for a part that the schema shows to be invalid.
  package func fault(_ diagnostic: HTTPRuleOverride.Diagnostic) -> ConfigurationDiagnostic {
    let origin =
      switch diagnostic.part {
      case .selector: self.selector
      case .pattern: self.bindings[diagnostic.binding].pattern
      case .body: self.bindings[diagnostic.binding].body
      case .responseBody: self.bindings[diagnostic.binding].responseBody
      }
    return ConfigurationDiagnostic(
      file: origin.file, location: origin.location, key: origin.key, reason: diagnostic.reason)
  }
}

extension HTTPRuleSetting {
  /// Reads the key `http_rules` of a service: a list of rules, or the path of a `google.api.Service` file
  /// that has them under `http: rules:`.
  static func list(of service: SectionReader) -> [Self] {
    guard let node = service.node("http_rules") else { return [] }
    let path = service.path(of: "http_rules")
    if case .list(let nodes) = node.value {
      return Self.rules(nodes, path: path, at: node.location, in: service)
    }
    guard case .scalar(let name, _) = node.value, !node.isNull else {
      service.fault(
        "http_rules",
        "expected a list of rules or the path of a google.api.Service file, found \(node.kind)")
      return []
    }
    let file = service.value("http_rules", example: "rules.yaml") { $0 } ?? name
    return Self.serviceFile(file, of: service)
  }

  /// Reads the rules of a `google.api.Service` file (google/api/service.proto). Its other
  /// keys are ignored.
  private static func serviceFile(
    _ name: String, of service: SectionReader
  ) -> [Self] {
    let path = service.context.absolute(name)
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try service.context.files.read(path, YAMLDocument.byteLimit)
    } catch {
      service.fault(
        "http_rules", "\(ConfigurationValues.quoted(name)): \(error) (looked for \(path))")
      return []
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      service.fault("http_rules", "\(ConfigurationValues.quoted(name)) is not UTF-8 text")
      return []
    }
    let (root, documentFaults) = YAMLDocument.read(text, file: name, allowsTextBlocks: true)
    let faults = SectionReader.Faults(file: name, documentFaults)
    defer { service.faults.add(contentsOf: faults) }
    var context = service.context
    context.fillsVariables = false
    guard let root,
      let top = SectionReader(
        root, path: "", location: TextLocation(line: 1, column: 1), context: context,
        faults: faults)
    else { return [] }
    guard let http = top.section("http") else {
      if top.node("http") == nil {
        top.missing("http", "write the rules under http: rules:, as in google.api.Service")
      }
      return []
    }
    // google.api.Http; path decoding is configured in the service's `http` section.
    _ = http.node("fully_decode_reserved_expansion")
    let rules = http.node("rules")
    http.finish()
    guard let rules, case .list(let nodes) = rules.value else {
      let found = rules.map { "found \($0.kind)" } ?? "found none"
      http.fault("rules", "expected a list of rules, \(found)")
      return []
    }
    return Self.rules(nodes, path: "http.rules", at: rules.location, in: http)
  }

  private static func rules(
    _ nodes: [YAMLNode], path: String, at location: TextLocation, in section: SectionReader
  ) -> [Self] {
    if nodes.isEmpty {
      section.faults.add(
        location, path, "an empty list; write at least one rule, or leave the key out")
    }
    return nodes.enumerated().compactMap { index, node in
      section.section(of: node, path: "\(path)[\(index)]").flatMap(Self.init)
    }
  }

  /// Nil if the selector or a pattern is missing or invalid.
  private init?(_ reader: SectionReader) {
    let selectorNode = reader.node("selector")
    if selectorNode == nil {
      reader.missing("selector", "name the method, such as library.v1.Books.Get")
    }
    let selectors = reader.value("selector", example: "library.v1.Books.Get") {
      text throws(ValueError) in
      do throws(HTTPRuleOverride.SelectorError) {
        return try HTTPRuleOverride.Selector.list(text)
      } catch {
        throw ValueError("\(ConfigurationValues.quoted(text)): \(error.reason)")
      }
    }
    let bindings = [Self.binding(reader)] + Self.additionalBindings(of: reader)
    reader.finish()
    let whole = bindings.compactMap(\.self)
    guard let selectors, whole.count == bindings.count else { return nil }
    let origin = Origin(
      file: reader.faults.file, location: selectorNode?.location ?? reader.location,
      key: reader.path(of: "selector"))
    self.init(
      rule: HTTPRuleOverride(
        selectors: selectors, bindings: whole.map(\.rule),
        source: "\(origin.file):\(origin.location)"),
      selector: origin, bindings: whole.map(\.locations))
  }

  private static func additionalBindings(
    of reader: SectionReader
  ) -> [(rule: HTTPRule, locations: Binding)?] {
    guard let node = reader.node("additional_bindings") else { return [] }
    guard case .list(let nodes) = node.value else {
      reader.fault("additional_bindings", "expected a list of bindings, found \(node.kind)")
      return []
    }
    let path = reader.path(of: "additional_bindings")
    return nodes.enumerated().map { index, node in
      guard let inner = reader.section(of: node, path: "\(path)[\(index)]") else { return nil }
      if inner.node("additional_bindings") != nil {
        // google/api/http.proto: "nested bindings must not contain an additional_bindings field".
        inner.fault(
          "additional_bindings", "can't be nested; list all bindings of the rule")
      }
      if inner.node("selector") != nil {
        inner.fault("selector", "only the rule itself has a selector; leave it out")
      }
      let binding = Self.binding(inner)
      inner.finish()
      return binding
    }
  }

  // MARK: One binding

  /// Reads pattern, body and response body; nil unless there's exactly one valid pattern.
  private static func binding(
    _ reader: SectionReader
  ) -> (rule: HTTPRule, locations: Binding)? {
    let start = Origin(
      file: reader.faults.file, location: reader.location, key: reader.path)
    let origin = { (key: String) in
      guard let node = reader.node(key) else { return start }
      return Origin(
        file: start.file, location: node.location, key: reader.path(of: key))
    }
    var rule: HTTPRule?
    var pattern = start
    var keys: [String] = []
    for key in ["get", "put", "post", "delete", "patch"] where reader.node(key) != nil {
      keys.append(key)
      pattern = origin(key)
      rule = reader.value(key, example: "/v1/things/{id}", Self.template)
        .map { HTTPRule(verb: key.uppercased(), template: $0) }
    }
    if reader.node("custom") != nil {
      keys.append("custom")
      pattern = origin("custom")
      rule = reader.section("custom").flatMap(Self.custom)
    }
    let field = { (key: String) in
      reader.value(key, example: "\"*\"") { text throws(ValueError) in text } ?? ""
    }
    rule?.body = field("body")
    rule?.responseBody = field("response_body")
    if keys.isEmpty {
      reader.faults.add(
        reader.location, reader.path,
        "no pattern; write one of get, put, post, delete, patch, custom")
    } else if keys.count > 1 {
      reader.fault(
        keys[1], "\(keys[0]) is set too; keep one, and put the other into additional_bindings"
      )
      return nil
    }
    guard let rule else { return nil }
    let locations = Binding(
      pattern: pattern, body: origin("body"), responseBody: origin("response_body"))
    return (rule, locations)
  }

  private static func custom(_ section: SectionReader) -> HTTPRule? {
    let kind = section.value("kind", example: "HEAD") { text throws(ValueError) in
      guard !text.isEmpty, text.utf8.allSatisfy(HTTPMethods.isTokenByte) else {
        throw ValueError(
          "\(ConfigurationValues.quoted(text)) is not a method; write its name, such as HEAD, or "
            + "\"*\" for any")
      }
      return text
    }
    let template = section.value("path", example: "/v1/things/{id}", Self.template)
    if section.node("kind") == nil { section.missing("kind", "write the method, such as HEAD") }
    if section.node("path") == nil { section.missing("path", "write the path template") }
    section.finish()
    guard let kind, let template else { return nil }
    return HTTPRule(verb: kind, template: template)
  }

  private static func template(_ text: String) throws(ValueError) -> String {
    do throws(TemplateError) {
      return try PathTemplate(text).text
    } catch {
      throw ValueError("\(ConfigurationValues.quoted(text)): \(error)")
    }
  }
}
