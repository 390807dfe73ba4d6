extension Configuration {
  /// A rule that assigns requests of a service to its groups. The first rule that matches a request
  /// applies; if none does, the request goes to the service's own endpoints.
  package struct GroupRule: Sendable, Equatable {
    /// How a rule selects the group.
    package enum Target: Sendable, Equatable {
      case group(Int)
      /// At random by these weights, of which at least one isn't 0.
      case weights([Int])
      /// By name: the value of the rule's header.
      case named
    }

    /// Header name in lower case; nil: any request.
    package var header: String?
    /// Required value of the header, compared byte by byte; nil: any value.
    package var value: String?
    /// Path prefix after the service's `prefix`, of whole segments like that one; nil: any path.
    package var pathPrefix: String?
    package var target: Target

    package init(
      header: String? = nil, value: String? = nil, pathPrefix: String? = nil, _ target: Target
    ) {
      self.header = header
      self.value = value
      self.pathPrefix = pathPrefix
      self.target = target
    }
  }
}

extension Configuration.GroupRule {
  /// Reads the key `choose` of a service: the rules that select among its groups.
  ///
  /// - Parameter names: the names of the alternatives.
  static func list(of service: SectionReader, among names: [String]) -> [Self] {
    guard let node = service.node("choose") else {
      if let first = names.first {
        service.fault(
          "alternatives",
          "no rule selects them; write rules that do, such as choose: [{header: x-canary, to: "
            + "\(first)}]")
      }
      return []
    }
    guard case .list(let nodes) = node.value, !nodes.isEmpty else {
      service.fault("choose", "expected a list of rules, such as [{header: x-canary, to: canary}]")
      return []
    }
    let path = service.path(of: "choose")
    let groups = [Configuration.EndpointGroup.defaultName] + names
    return nodes.enumerated().compactMap { index, node in
      service.section(of: node, path: "\(path)[\(index)]")
        .flatMap { Self($0, groups, isLast: index == nodes.count - 1) }
    }
  }

  private init?(_ section: SectionReader, _ groups: [String], isLast: Bool) {
    let header = section.value("header", example: "x-canary") { text throws(ValueError) in
      let name = text.lowercased()
      // RFC 9110 §5.6.2: token.
      guard !name.isEmpty, name.isAlphanumeric(or: "!#$%&'*+-.^_`|~") else {
        throw ValueError("\(ConfigurationValues.quoted(text)) is not a header field name")
      }
      return name
    }
    let value = section.value("value", example: "canary") { $0 }
    let prefix = section.value("path_prefix", example: "/v2", ConfigurationValues.prefix)
    let target = Target(section, groups)
    section.finish()
    if section.node("value") != nil, section.node("header") == nil {
      section.fault("value", "requires a header; write header too")
    }
    if target == .named {
      if section.node("header") == nil {
        section.missing("header", "by_name uses the value of a header; write which")
      }
      if section.node("value") != nil {
        section.fault("value", "by_name takes the name of any of the endpoints; keep one of them")
      }
    }
    let isForAll = section.node("header") == nil && section.node("path_prefix") == nil
    if isForAll, !isLast {
      section.faults.add(
        section.location, section.path,
        "matches every request, so the rules after it never apply; write it last")
    }
    guard let target else { return nil }
    self.init(header: header, value: value, pathPrefix: prefix, target)
  }
}

extension Configuration.GroupRule.Target {
  /// Exactly one of `to`, `weights` and `by_name`.
  fileprivate init?(_ section: SectionReader, _ groups: [String]) {
    let keys = ["to", "weights", "by_name"].filter { section.node($0) != nil }
    guard let key = keys.first else {
      section.missing(
        "to", "write one of \(groups.joined(separator: ", ")), or weights, or by_name")
      return nil
    }
    if keys.count > 1 { section.fault(keys[1], "\(key) is set too; keep one of them") }
    let find = { (name: String) throws(ValueError) in
      guard let index = groups.firstIndex(of: name) else {
        throw ValueError(
          "\(ConfigurationValues.quoted(name)) is not one of the alternatives; write one of "
            + groups.joined(separator: ", "))
      }
      return index
    }
    let target: Self?
    switch key {
    case "to":
      target = section.value("to", example: "canary", find).map { .group($0) }
    case "by_name":
      if section.flag("by_name") == false {
        section.fault("by_name", "leave it out, or write on")
      }
      target = .named
    default:
      target = section.section("weights").flatMap { Self.weights($0, groups, find) }
    }
    guard let target else { return nil }
    self = target
  }

  private static func weights(
    _ section: SectionReader, _ groups: [String], _ find: (String) throws(ValueError) -> Int
  ) -> Self? {
    var weights = [Int](repeating: 0, count: groups.count)
    let faultsBefore = section.faults.list.count
    for member in section.members {
      do throws(ValueError) {
        let index = try find(member.key)
        section.integer(member.key, into: &weights[index], example: "5", in: 0...1_000_000)
      } catch {
        section.faults.add(member.keyLocation, section.path(of: member.key), error.reason)
      }
    }
    guard section.faults.list.count == faultsBefore else { return nil }
    if weights.allSatisfy({ $0 == 0 }) {
      section.faults.add(
        section.location, section.path, "all are 0; write such as {default: 95, canary: 5}")
      return nil
    }
    return .weights(weights)
  }
}
