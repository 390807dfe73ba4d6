package import Codec

/// The routes of one configured service, immutable.
///
/// Built from the methods of a schema and their HTTP rules. A rule that can't be served (an invalid
/// template, a field that doesn't exist) is left out with a warning, and the rest is served
/// nevertheless; its requests don't fall through to another method. Of two conflicting rules the
/// first one gets the requests, or they are an error (`RoutingOptions.clashes`).
package final class RouteTable: Sendable {
  package let routes: [Route]
  /// Rules that could not be served and why, one sentence each.
  package let warnings: [String]
  /// Errors in the overrides. A table with such errors is only good for finding more.
  package let faults: [HTTPRuleOverride.Diagnostic]
  private let tree: RouteTree
  /// Rules that aren't served.
  private let closed: [ClosedRule]
  /// `tree` with the closed rules added, indexed after the routes; nil if all rules are served.
  private let guardedTree: RouteTree?

  /// Builds the table of a schema.
  ///
  /// - Parameters:
  ///   - mapsMethodsByName: whether each method is also served as `POST /package.Service/Method`.
  ///   - rules: overrides, which replace the annotations of the methods that they select.
  ///   - options: how paths are read.
  /// - Throws: `RouteConflictError` with all conflicting rules, not just the first.
  package init(
    schema: Schema, mapsMethodsByName: Bool, rules: [HTTPRuleOverride] = [],
    options: RoutingOptions = RoutingOptions()
  ) throws(RouteConflictError) {
    var builder = RouteTableBuilder(schema: schema, rules: rules, options: options)
    for service in schema.services {
      for method in service.methods { builder.addRules(of: method) }
    }
    if mapsMethodsByName {
      for service in schema.services {
        for method in service.methods { builder.addByName(method) }
      }
    }
    guard builder.clashes.isEmpty else {
      throw RouteConflictError(clashes: builder.clashes, faults: builder.faults)
    }
    self.routes = builder.routes
    self.warnings = builder.warnings.texts
    self.faults = builder.faults
    self.closed = builder.closed
    self.tree = builder.tree.freeze(dropsTrailingSlash: options.matchesTrailingSlash)
    self.guardedTree =
      builder.closed.isEmpty
      ? nil : builder.guardedTree.freeze(dropsTrailingSlash: options.matchesTrailingSlash)
  }

  /// The index of a request's route; afterwards `scratch` has the positions of its variables' values.
  ///
  /// - Parameter path: from its leading `/`, without the service's prefix and the query.
  package func match(_ method: String, _ path: RawSpan, _ scratch: inout RouteScratch) -> Int? {
    guard let guarded = self.guardedTree else {
      return self.tree.match(self.tree.method(method), path, &scratch)
    }
    let position = guarded.match(guarded.method(method), path, &scratch)
    guard let position, position >= self.routes.count else { return position }
    if self.closedRule(method, path, &scratch) != nil { return nil }
    return self.tree.match(self.tree.method(method), path, &scratch)
  }

  /// Whether there are rules that aren't served.
  package var hasClosedRules: Bool { self.guardedTree != nil }

  /// The reason, a clause, that a request isn't served though a rule of the schema has its path;
  /// nil if no rule has, or if it's served.
  package func reasonNotServed(
    _ method: String, _ path: RawSpan, _ scratch: inout RouteScratch
  ) -> String? {
    self.guardedTree == nil ? nil : self.closedRule(method, path, &scratch)?.reason
  }

  /// The rule that a request is for and that isn't served, unless another route of the same method
  /// matches it.
  @inline(never)
  private func closedRule(
    _ method: String, _ path: RawSpan, _ scratch: inout RouteScratch
  ) -> ClosedRule? {
    guard let tree = self.guardedTree,
      let position = tree.match(tree.method(method), path, &scratch), position >= self.routes.count
    else { return nil }
    let rule = self.closed[position - self.routes.count]
    guard rule.pattern.matches(path) else { return nil }
    let open = self.tree.match(self.tree.method(method), path, &scratch)
    return open.map { self.routes[$0].callPath == rule.callPath } == true ? nil : rule
  }

  /// The methods that this path has routes for, sorted; empty if it has none.
  package func allowedMethods(_ path: RawSpan, _ scratch: inout RouteScratch) -> [String] {
    let allowed = self.tree.allowedMethods(path, &scratch)
    guard self.guardedTree != nil else { return allowed }
    return allowed.filter { self.closedRule($0, path, &scratch) == nil }
  }

  /// The routes most similar to a request that matched none, the best first; for the 404.
  package func nearest(to path: RawSpan) -> [Route] {
    RouteSuggestion.find(path, in: self.routes)
  }

  /// One line per route, sorted by path: `GET    /v1/shelves/{shelf}  →  library.Shelves/Get`.
  ///
  /// - Parameter prefix: the service's path prefix, which is prepended to each template.
  package func listing(prefix: String = "") -> [String] {
    let sorted = self.routes.sorted {
      ($0.template.text, $0.httpMethod) < ($1.template.text, $1.httpMethod)
    }
    return sorted.map { route in
      let padding = String(repeating: " ", count: max(0, 6 - route.httpMethod.utf8.count))
      let method = route.httpMethod + padding
      let note = Self.note(on: route.method)
      let template = ForeignText.shown(route.template.text, limit: 500)
      return
        "\(method) \(prefix)\(template)  →  \(ForeignText.shown(route.name, limit: 500))\(note)"
    }
  }

  private static func note(on method: MethodSchema) -> String {
    switch (method.isClientStreaming, method.isServerStreaming) {
    case (false, false): ""
    case (true, false): "  (takes a stream)"
    case (false, true): "  (answers with a stream)"
    case (true, true): "  (takes a stream and answers with one)"
    }
  }
}
