internal import Codec

/// Converts the methods of a schema to routes, and collects errors and warnings.
struct RouteTableBuilder {
  private(set) var routes: [Route] = []
  private(set) var warnings = WarningList()
  private(set) var clashes: [RouteConflict] = []
  /// Rules that aren't served.
  private(set) var closed: [ClosedRule] = []
  private(set) var tree = RouteTreeBuilder()
  private(set) var faults: [HTTPRuleOverride.Diagnostic]

  private let schema: Schema
  private let outsideRules: [HTTPRuleOverride]
  private let choice: HTTPRuleOverrides
  private let options: RoutingOptions
  /// The rule that each route was built from; nil for a route by name.
  private var rules: [HTTPRule?] = []
  /// The index of each route's rule among the overrides; nil for any other.
  private var overrideIndices: [Int?] = []
  /// The index in `clashes` of two conflicting methods, and pairs of methods already warned about.
  private var conflictIndices: [Pair: Int] = [:]
  private var warned: Set<Pair> = []

  private struct Pair: Hashable {
    var first: String
    var second: String
  }

  init(schema: Schema, rules: [HTTPRuleOverride], options: RoutingOptions) {
    self.schema = schema
    self.outsideRules = rules
    self.choice = HTTPRuleOverrides(rules, schema: schema)
    self.faults = self.choice.faults
    self.options = options
    self.closed = schema.unservedRules.map {
      ClosedRule(rule: $0.rule, method: $0.method, reason: $0.reason)
    }
  }

  /// The tree with the rules that aren't served as well, after all routes.
  var guardedTree: RouteTreeBuilder {
    var tree = self.tree
    for (index, rule) in self.closed.enumerated() {
      // A route with exactly the same paths takes precedence.
      _ = tree.insert(
        self.routes.count + index, method: rule.httpMethod, rule.pattern.template)
    }
    return tree
  }

  /// Adds the routes of a method's HTTP rules: its annotations, or the override that replaces them.
  mutating func addRules(of method: MethodSchema) {
    if let index = self.choice.rule(for: method) {
      self.addOutsideRule(index, of: method)
      return
    }
    for rule in method.httpRules {
      do throws(RuleError) {
        try self.add(rule, of: method)
      } catch {
        let name = "\(method.serviceName)/\(method.name)"
        let pattern = "\(rule.verb) \(rule.template)"
        self.warnings.add(
          "rules that are not served",
          "\(method.file): \(name): \"\(pattern)\" is not served: \(error.reason)")
        if !rule.verb.isEmpty, !rule.template.isEmpty {
          self.closed.append(ClosedRule(rule: rule, method: name, reason: error.reason))
        }
      }
    }
  }

  private mutating func addOutsideRule(_ index: Int, of method: MethodSchema) {
    let rule = self.outsideRules[index]
    for (position, binding) in rule.bindings.enumerated() {
      do throws(RuleError) {
        try self.add(binding, of: method, outsideRule: index)
      } catch {
        self.faults.append(
          HTTPRuleOverride.Diagnostic(
            rule: index, binding: position, part: error.part,
            reason: "\(method.serviceName)/\(method.name): \(error.reason)"))
      }
    }
  }

  /// Adds `POST /package.Service/Method`, unless a rule of the method already has the same effect.
  mutating func addByName(_ method: MethodSchema) {
    let route = Route(
      httpMethod: "POST", template: PathTemplate(literals: [method.serviceName, method.name]),
      method: method, body: .whole, takesHTTPBody: self.schema.isHTTPBody(method.input),
      givesHTTPBody: self.schema.isHTTPBody(method.output), isByName: true)
    self.insert(route, rule: nil)
  }

  /// The reason that a rule can't be served.
  private struct RuleError: Error {
    var part = HTTPRuleOverride.Diagnostic.Part.pattern
    var reason: String
  }

  private mutating func add(
    _ rule: HTTPRule, of method: MethodSchema, outsideRule: Int? = nil
  ) throws(RuleError) {
    guard !rule.verb.isEmpty, !rule.template.isEmpty else {
      throw RuleError(reason: "it has no method or no path")
    }
    guard HTTPMethods.isReachable(rule.verb) else {
      throw RuleError(reason: HTTPMethods.reason(rule.verb))
    }
    if !HTTPMethods.isReachableByHTTP1(rule.verb) {
      self.warnings.add(
        "rules that can only be reached over HTTP/2",
        "\(method.file): \(method.serviceName)/\(method.name): \"\(rule.verb) \(rule.template)\" "
          + "can only be reached over HTTP/2: the HTTP/1.1 parser doesn't know the method")
    }
    let template: PathTemplate
    do throws(TemplateError) {
      template = try PathTemplate(rule.template)
    } catch {
      throw RuleError(reason: error.description)
    }
    var variables: [Route.Variable] = []
    for variable in template.variables {
      variables.append(
        Route.Variable(
          field: try self.resolve(.pattern) { schema throws(SchemaError) in
            try schema.pathVariable(variable.fieldPath, in: method.input)
          },
          segments: variable.segments,
          scope: variable.isMultiSegment ? self.options.multiSegmentScope : .everything))
    }
    for (index, variable) in variables.enumerated() {
      for other in variables[..<index]
      where self.schema.excludesEachOther(other.field, variable.field) {
        throw RuleError(
          reason:
            "the variables \"\(other.field.text)\" and \"\(variable.field.text)\" are members "
            + "of one oneof, of which only one can be set")
      }
    }
    let body: BodyRule
    switch rule.body {
    case "":
      body = .none
    case "*":
      body = .whole
    default:
      let path = try self.resolve(.body) { schema throws(SchemaError) in
        try schema.fieldPath(rule.body, in: method.input)
      }
      // The body always sets the field, if only to its default.
      if let rival = variables.first(where: { self.schema.excludesEachOther($0.field, path) }) {
        throw RuleError(
          part: .body,
          reason: "the variable \"\(rival.field.text)\" and the body's field \"\(path.text)\" are "
            + "members of one oneof, of which only one can be set")
      }
      let fillsMask =
        self.options.fillsPatchMask && rule.verb == "PATCH" && !method.isClientStreaming
      body = .field(fillsMask ? path.fillingMask(of: self.schema) : path)
    }
    var responseBody: FieldPath?
    if !rule.responseBody.isEmpty {
      // google/api/http.proto: the field "must be present at the top-level of the message".
      guard !rule.responseBody.contains(".") else {
        throw RuleError(
          part: .responseBody,
          reason: "response_body \(rule.responseBody) must name a field of the response message "
            + "itself")
      }
      responseBody = try self.resolve(.responseBody) { schema throws(SchemaError) in
        try schema.fieldPath(rule.responseBody, in: method.output)
      }
    }
    let takesHTTPBody =
      switch body {
      case .none: false
      case .whole: self.schema.isHTTPBody(method.input)
      case .field(let path): self.schema.isHTTPBody(path)
      }
    let givesHTTPBody =
      responseBody.map(self.schema.isHTTPBody) ?? self.schema.isHTTPBody(method.output)
    let route = Route(
      httpMethod: rule.verb, template: template, method: method, body: body,
      responseBody: responseBody, variables: variables, takesHTTPBody: takesHTTPBody,
      givesHTTPBody: givesHTTPBody,
      source: outsideRule.map { self.outsideRules[$0].source })
    self.insert(route, rule: rule, outsideRule: outsideRule)
  }

  private func resolve(
    _ part: HTTPRuleOverride.Diagnostic.Part,
    _ resolution: (Schema) throws(SchemaError) -> FieldPath
  ) throws(RuleError) -> FieldPath {
    do throws(SchemaError) {
      return try resolution(self.schema)
    } catch {
      throw RuleError(part: part, reason: error.description)
    }
  }

  private mutating func insert(_ route: Route, rule: HTTPRule?, outsideRule: Int? = nil) {
    let earlier = self.tree.insert(
      self.routes.count, method: route.httpMethod, route.template)
    guard let earlier else {
      self.routes.append(route)
      self.rules.append(rule)
      self.overrideIndices.append(outsideRule)
      return
    }
    let other = self.routes[earlier]
    // The same rule twice on one method is harmless, and so is a rule equivalent to the route by name.
    if other.callPath == route.callPath, rule == nil || self.rules[earlier] == rule { return }
    let pair = Pair(first: other.callPath, second: route.callPath)
    let outside = outsideRule ?? self.overrideIndices[earlier]
    guard self.isRefused(route, isFromOutside: outside != nil) else {
      if self.warned.insert(pair).inserted { self.warn(of: route, behind: other) }
      return
    }
    if let position = self.conflictIndices[pair] {
      self.clashes[position].more += 1
      return
    }
    self.conflictIndices[pair] = self.clashes.count
    self.clashes.append(
      RouteConflict(
        httpMethod: route.httpMethod, first: Self.side(other), second: Self.side(route),
        rule: outside))
  }

  /// Whether a route that already belongs to another method is an error. A route by name never is.
  private func isRefused(_ route: Route, isFromOutside: Bool) -> Bool {
    if route.isByName { return false }
    switch self.options.clashes {
    case .refuse: return true
    case .first: return false
    case nil: return isFromOutside
    }
  }

  private mutating func warn(of route: Route, behind other: Route) {
    let path = "\(route.httpMethod) \(ForeignText.shown(route.template.text))"
    let name = ForeignText.shown(route.name)
    self.warnings.add(
      "methods that don't get their requests",
      route.isByName
        ? "\(path) calls \(other.name) by its rule, not \(name) by its name"
        : "\(path) calls \(other.name), which is declared first, and not \(name); give one of them "
          + "another path with http_rules")
  }

  private static func side(_ route: Route) -> RouteConflict.Side {
    RouteConflict.Side(method: route.name, template: route.template.text, file: route.source)
  }
}
