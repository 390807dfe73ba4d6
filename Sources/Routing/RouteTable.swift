package import Codec

/// The routes of one service entry, frozen.
///
/// Made from the methods of a schema and their HTTP rules. A rule that can't be served (a faulty
/// template, a field that doesn't exist) is left out with a warning, and the rest is served all the
/// same; its requests reach no other method. Of two rules that clash the first one gets the requests, or
/// they are an error (`RoutingOptions.clashes`).
package final class RouteTable: Sendable {
  package let routes: [Route]
  /// Rules that could not be served and why, one sentence each.
  package let warnings: [String]
  /// What's wrong with the rules from outside. A table with such faults is only good for finding more.
  package let faults: [HTTPRuleOverride.Diagnostic]
  private let tree: RouteTree
  /// Rules that aren't served.
  private let closed: [ClosedRule]
  /// `tree` with the closed rules in it, their places behind those of the routes; nil where all are
  /// served.
  private let guardedTree: RouteTree?

  /// Builds the table of a schema.
  ///
  /// - Parameters:
  ///   - mapsMethodsByName: whether each method is served as `POST /package.Service/Method` as well.
  ///   - rules: rules that hold instead of the annotations of the methods that they select.
  ///   - options: how paths are read.
  /// - Throws: `RouteConflictError` with all rules that clash, not just the first.
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

  /// The route of a request; afterwards `scratch` knows where its variables' values are.
  ///
  /// - Parameter path: from its leading `/`, the service's prefix stripped, without the query.
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

  /// Why a request reaches nothing though a rule of the schema has its path, a clause; nil where none
  /// has, or where it's served.
  package func reasonNotServed(
    _ method: String, _ path: RawSpan, _ scratch: inout RouteScratch
  ) -> String? {
    self.guardedTree == nil ? nil : self.closedRule(method, path, &scratch)?.reason
  }

  /// The rule that a request is for and that isn't served, unless another route of the same method takes
  /// it.
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

  /// The methods that this path has routes for, sorted; empty where it has none.
  package func allowedMethods(_ path: RawSpan, _ scratch: inout RouteScratch) -> [String] {
    let allowed = self.tree.allowedMethods(path, &scratch)
    guard self.guardedTree != nil else { return allowed }
    return allowed.filter { self.closedRule($0, path, &scratch) == nil }
  }

  /// The routes that look most like a request that matched none, the most similar first; for the 404.
  package func nearest(to path: RawSpan) -> [Route] {
    RouteSuggestion.find(path, in: self.routes)
  }

  /// One line a route, sorted by path: `GET    /v1/shelves/{shelf}  →  library.Shelves/Get`.
  ///
  /// - Parameter prefix: the service's path prefix, which is printed in front of each template.
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
