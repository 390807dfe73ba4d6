internal import Codec

/// Two HTTP rules that match the same requests; if several routes of the same two methods conflict,
/// one represents all.
package struct RouteConflict: Sendable, Equatable, CustomStringConvertible {
  /// One side of a conflict.
  package struct Side: Sendable, Equatable {
    /// `package.Service/Method`.
    package var method: String
    package var template: String
    /// The file that declares it, with line and column for an override.
    package var file: String

    package init(method: String, template: String, file: String) {
      self.method = method
      self.template = template
      self.file = file
    }
  }

  /// The services of the two sides, if two services conflict.
  package struct Services: Sendable, Equatable {
    /// The name of the one that comes first.
    package var first: String
    /// The index of the other one in the table.
    package var second: Int

    package init(first: String, second: Int) {
      self.first = first
      self.second = second
    }
  }

  package var httpMethod: String
  package var first: Side
  package var second: Side
  /// The number of further conflicting routes of the same two methods.
  package var more = 0
  package var services: Services?
  /// If one of the two is an override: its index among them.
  package var rule: Int?

  package init(
    httpMethod: String, first: Side, second: Side, more: Int = 0, services: Services? = nil,
    rule: Int? = nil
  ) {
    self.httpMethod = httpMethod
    self.first = first
    self.second = second
    self.more = more
    self.services = services
    self.rule = rule
  }

  package var description: String {
    let route = "\(self.httpMethod) \(Self.shown(self.second.template))"
    let second = Self.shown(self.second.method)
    let first = Self.shown(self.first.method)
    let more = self.more == 0 ? "" : " and \(self.more) more"
    if let services = self.services {
      let other = first == second ? "" : " (\(first))"
      return
        "\(route)\(more) (\(second)) \(self.more == 0 ? "matches" : "match") the same requests as "
        + "service \(services.first)\(other) does; set hosts or prefix for one of the two services, or "
        + "give one other paths with http_rules"
    }
    let isSameTemplate = self.first.template == self.second.template
    let template = isSameTemplate ? "" : "\(Self.shown(self.first.template)) "
    let isSameFile = self.first.file == self.second.file
    let files =
      isSameFile ? "" : " (\(Self.shown(self.first.file)) and \(Self.shown(self.second.file)))"
    return
      "\(route)\(more) of \(second) and \(template)of \(first) match the same requests\(files); "
      + "give one of them another path with http_rules"
  }

  private static func shown(_ text: String) -> String { ForeignText.shown(text, limit: 100) }
}

/// All conflicts of a table, one per line.
package struct RouteConflictError: Error, Sendable, Equatable, CustomStringConvertible {
  package var clashes: [RouteConflict]
  /// Errors in overrides that were found as well.
  package var faults: [HTTPRuleOverride.Diagnostic] = []

  package init(clashes: [RouteConflict], faults: [HTTPRuleOverride.Diagnostic] = []) {
    self.clashes = clashes
    self.faults = faults
  }

  package var description: String {
    self.clashes.map(\.description).joined(separator: "\n")
  }
}
