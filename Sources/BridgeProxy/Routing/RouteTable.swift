package import Codec

/// The routes of one service entry, frozen.
///
/// Made from the methods of a schema and their HTTP rules. A rule that can't be served (a faulty
/// template, a field that doesn't exist) is left out with a warning, and the rest is served all the
/// same; two rules that clash are an error, because a request could only reach one of them.
package final class RouteTable: Sendable {
  package let routes: [Route]
  /// Rules that could not be served and why, one sentence each.
  package let warnings: [String]
  /// What's wrong with the rules from outside. A table with such faults is only good for finding more.
  package let faults: [OutsideRule.Fault]
  private let tree: RouteTree

  /// Builds the table of a schema.
  ///
  /// - Parameters:
  ///   - mapsMethodsByName: whether each method is served as `POST /package.Service/Method` as well.
  ///   - rules: rules that hold instead of the annotations of the methods that they select.
  ///   - options: how paths are read.
  /// - Throws: `RouteClashes` with all rules that clash, not just the first.
  package init(
    schema: Schema, mapsMethodsByName: Bool, rules: [OutsideRule] = [],
    options: RoutingOptions = RoutingOptions()
  ) throws(RouteClashes) {
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
      throw RouteClashes(clashes: builder.clashes, faults: builder.faults)
    }
    self.routes = builder.routes
    self.warnings = builder.warnings
    self.faults = builder.faults
    self.tree = builder.tree.freeze(dropsTrailingSlash: options.matchesTrailingSlash)
  }

  /// The route of a request; afterwards `scratch` knows where its variables' values are.
  ///
  /// - Parameter path: from its leading `/`, the service's prefix stripped, without the query.
  package func match(_ method: String, _ path: RawSpan, _ scratch: inout RouteScratch) -> Int? {
    self.tree.match(self.tree.method(method), path, &scratch)
  }

  /// The methods that this path has routes for, sorted; empty where it has none.
  package func allowedMethods(_ path: RawSpan, _ scratch: inout RouteScratch) -> [String] {
    self.tree.allowedMethods(path, &scratch)
  }

  /// The routes that look most like a request that matched none, the most similar first; for the 404.
  package func nearest(to path: RawSpan) -> [Route] {
    NearestRoutes.find(path, in: self.routes)
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
      return "\(method) \(prefix)\(route.template)  →  \(route.name)\(note)"
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

/// Two HTTP rules that the same requests would match.
package struct RouteClash: Sendable, Equatable, CustomStringConvertible {
  /// One side of a clash.
  package struct Side: Sendable, Equatable {
    /// `package.Service/Method`.
    package var method: String
    package var template: String
    /// The file that declares it, with line and column for a rule from outside.
    package var file: String
  }

  package var httpMethod: String
  package var first: Side
  package var second: Side
  /// The place of the second one's service in the table, where two services clash.
  package var service: Int?
  /// Where one of the two is a rule from outside: its place among them.
  package var rule: Int?

  package var description: String {
    let first = "\(self.httpMethod) \(self.first.template) of \(self.first.method)"
    let second = "\(self.httpMethod) \(self.second.template) of \(self.second.method)"
    return "\(first) (\(self.first.file)) and \(second) (\(self.second.file)) match the same "
      + "requests; change one of the templates"
  }
}

/// All clashes of a table, one a line.
package struct RouteClashes: Error, Sendable, Equatable, CustomStringConvertible {
  package var clashes: [RouteClash]
  /// What's wrong with rules from outside as well.
  package var faults: [OutsideRule.Fault] = []

  package var description: String {
    self.clashes.map(\.description).joined(separator: "\n")
  }
}
