internal import Codec

/// The keys `alternatives` and `choose` of a service: further endpoints, and which requests go there.
extension ConfigurationReader {
  /// What a service has that its alternatives have as well, unless they say otherwise.
  struct GroupDefaults {
    var cluster: Configuration.Cluster?
    var auth: Configuration.Auth?
    var transport: Transport
    var metadata: [String]
  }

  /// The groups beside the service's own; each has an endpoint, or else a fault.
  func alternatives(
    _ service: SectionReader, folder: String, _ defaults: GroupDefaults
  ) -> [Configuration.EndpointGroup] {
    guard let section = service.section("alternatives") else { return [] }
    if section.members.isEmpty {
      section.faults.add(
        section.location, section.path,
        "none are there; write their names and endpoints, such as canary: 127.0.0.1:50052")
    }
    var groups: [Configuration.EndpointGroup] = []
    for member in section.members {
      let path = section.path(of: member.key)
      if member.key == Configuration.EndpointGroup.defaultName {
        section.faults.add(
          member.keyLocation, path,
          "is what the service's own endpoint is called; write another name")
      }
      self.checkName(member.key, location: member.keyLocation, path: path, faults: section.faults)
      // An address alone is short for a section with it.
      let node =
        if case .mapping = member.value.value {
          member.value
        } else {
          YAMLNode(
            value: .mapping([
              YAMLNode.Entry(key: "endpoint", keyLocation: member.keyLocation, value: member.value)
            ]), location: member.value.location)
        }
      guard
        let reader = SectionReader(
          node, path: path, location: member.keyLocation, faults: section.faults),
        let group = self.alternative(reader, name: member.key, folder: folder, defaults)
      else { continue }
      groups.append(group)
    }
    return groups
  }

  private func alternative(
    _ section: SectionReader, name: String, folder: String, _ defaults: GroupDefaults
  ) -> Configuration.EndpointGroup? {
    var cluster = self.cluster(section, folder: folder, isHTTP: defaults.transport.isHTTP)
    if let own = defaults.cluster {
      if section.node("balance") == nil { cluster?.balance = own.balance }
      if section.node("retry") == nil { cluster?.retry = own.retry }
      if section.node("health") == nil { cluster?.health = own.health }
      if section.node("tls") == nil { cluster?.tls = own.tls }
      cluster?.settle()
    }
    var auth = defaults.auth
    if section.node("auth") != nil {
      auth = self.auth(
        section, folder: folder, metadata: defaults.metadata, isHTTP: defaults.transport.isHTTP)
    }
    let transport = self.complete(
      defaults.transport, of: section, cluster: &cluster, compression: nil)
    section.finish()
    return cluster.map {
      Configuration.EndpointGroup(name: name, cluster: $0, auth: auth, transport: transport)
    }
  }

  /// The rules that choose among the groups.
  ///
  /// - Parameter names: of the alternatives.
  func choose(_ service: SectionReader, among names: [String]) -> [Configuration.GroupRule] {
    guard let node = service.node("choose") else {
      if let first = names.first {
        service.fault(
          "alternatives",
          "nothing leads there; write rules that do, such as choose: [{header: x-canary, to: "
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
      SectionReader(
        node, path: "\(path)[\(index)]", location: node.location, faults: service.faults
      ).flatMap { self.groupRule($0, groups, isLast: index == nodes.count - 1) }
    }
  }

  private func groupRule(
    _ section: SectionReader, _ groups: [String], isLast: Bool
  ) -> Configuration.GroupRule? {
    let header = section.value("header", example: "x-canary") { text throws(ValueError) in
      let name = text.lowercased()
      // RFC 9110 §5.6.2: token.
      let isName = name.allSatisfy { letter in
        letter.isASCII && (letter.isLetter || letter.isNumber || "!#$%&'*+-.^_`|~".contains(letter))
      }
      guard !name.isEmpty, isName else {
        throw ValueError("\(ConfigurationValues.quoted(text)) is no name of a header field")
      }
      return name
    }
    let value = section.value("value", example: "canary") { $0 }
    let prefix = section.value("path_prefix", example: "/v2", ConfigurationValues.prefix)
    let target = self.target(section, groups)
    section.finish()
    if section.node("value") != nil, section.node("header") == nil {
      section.fault("value", "of which header? write header beside it")
    }
    if target == .named {
      if section.node("header") == nil {
        section.missing("header", "by_name goes by the value of a header; write which")
      }
      if section.node("value") != nil {
        section.fault("value", "by_name takes the name of any of the endpoints; keep one of them")
      }
    }
    let isForAll = section.node("header") == nil && section.node("path_prefix") == nil
    if isForAll, !isLast {
      section.faults.add(
        section.location, section.path,
        "fits every request, so that the rules behind it never hold; write it last")
    }
    guard let target else { return nil }
    return Configuration.GroupRule(header: header, value: value, pathPrefix: prefix, target)
  }

  /// Exactly one of `to`, `weights` and `by_name`.
  private func target(
    _ section: SectionReader, _ groups: [String]
  ) -> Configuration.GroupRule.Target? {
    let keys = ["to", "weights", "by_name"].filter { section.node($0) != nil }
    guard let key = keys.first else {
      section.missing(
        "to", "write one of \(groups.joined(separator: ", ")), or weights, or by_name")
      return nil
    }
    if keys.count > 1 { section.fault(keys[1], "\(key) is there as well; keep one of them") }
    let find = { (name: String) throws(ValueError) in
      guard let index = groups.firstIndex(of: name) else {
        throw ValueError(
          "\(ConfigurationValues.quoted(name)) is none of the alternatives; write one of "
            + groups.joined(separator: ", "))
      }
      return index
    }
    switch key {
    case "to":
      return section.value("to", example: "canary", find).map { .group($0) }
    case "by_name":
      if section.flag("by_name") == false {
        section.fault("by_name", "leave it out, or write on")
      }
      return .named
    default:
      return section.section("weights").flatMap { self.weights($0, groups, find) }
    }
  }

  private func weights(
    _ section: SectionReader, _ groups: [String], _ find: (String) throws(ValueError) -> Int
  ) -> Configuration.GroupRule.Target? {
    var weights = [Int](repeating: 0, count: groups.count)
    let faultsBefore = section.faults.list.count
    for member in section.members {
      do throws(ValueError) {
        let index = try find(member.key)
        let weight = section.value(member.key, example: "5") { text throws(ValueError) in
          try ConfigurationValues.integer(text, in: 0...1_000_000)
        }
        if let weight { weights[index] = weight }
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
