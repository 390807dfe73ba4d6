extension Configuration {
  /// A group of endpoints of a service: its own, or one of its `alternatives`.
  package struct EndpointGroup: Sendable {
    /// `default` for the service's own.
    package var name: String
    package var cluster: Cluster
    /// Nil: calls carry no authorization.
    package var auth: Auth?
    /// Nil: gRPC. The same for all groups of a service, except for its path.
    package var transport: HTTPProtobuf?

    package init(
      name: String, cluster: Cluster, auth: Auth? = nil, transport: HTTPProtobuf? = nil
    ) {
      self.name = name
      self.cluster = cluster
      self.auth = auth
      self.transport = transport
    }

    /// Name of the service's own endpoints.
    package static let defaultName = "default"
  }
}

extension Configuration.Service {
  /// The service's own endpoints, then the alternatives in order. Rules refer to them by index.
  package var groups: [Configuration.EndpointGroup] {
    [
      Configuration.EndpointGroup(
        name: Configuration.EndpointGroup.defaultName, cluster: self.cluster, auth: self.auth,
        transport: self.transport)
    ] + self.alternatives
  }

  /// Key path of a group in the configuration file: `services.infer` or
  /// `services.infer.alternatives.canary`.
  package func path(ofGroup index: Int) -> String {
    index == 0
      ? "services.\(self.name)"
      : "services.\(self.name).alternatives.\(self.alternatives[index - 1].name)"
  }
}

extension Configuration.EndpointGroup {
  /// Settings of a service that its alternatives inherit unless they override them.
  struct Defaults {
    var cluster: Configuration.Cluster?
    var auth: Configuration.Auth?
    var transport: TransportSetting
    var metadata: [String]
  }

  /// Reads the section `alternatives` of a service. Groups without a valid endpoint are reported and left
  /// out.
  static func alternatives(of service: SectionReader, _ defaults: Defaults) -> [Self] {
    guard let section = service.section("alternatives") else { return [] }
    if section.members.isEmpty {
      section.faults.add(
        section.location, section.path,
        "the section is empty; write names and endpoints, such as canary: 127.0.0.1:50052")
    }
    var groups: [Self] = []
    for member in section.members {
      let path = section.path(of: member.key)
      if member.key == Self.defaultName {
        section.faults.add(
          member.keyLocation, path,
          "is the name of the service's own endpoint; write another one")
      }
      section.checkName(of: member)
      // A plain address is short for a section with only `endpoint`.
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
        let reader = section.section(of: node, path: path, location: member.keyLocation),
        let group = Self(reader, name: member.key, defaults)
      else { continue }
      groups.append(group)
    }
    return groups
  }

  private init?(_ section: SectionReader, name: String, _ defaults: Defaults) {
    let isHTTP = defaults.transport.isHTTP
    var cluster = Configuration.Cluster(of: section, isHTTP: isHTTP)
    if let own = defaults.cluster {
      if section.node("balance") == nil { cluster?.balance = own.balance }
      if section.node("retry") == nil { cluster?.retry = own.retry }
      if section.node("health") == nil { cluster?.health = own.health }
      if section.node("tls") == nil { cluster?.tls = own.tls }
      cluster?.settle()
    }
    var auth = defaults.auth
    if section.node("auth") != nil {
      auth = Configuration.Auth(of: section, metadata: defaults.metadata, isHTTP: isHTTP)
    }
    let transport = defaults.transport.complete(
      of: section, cluster: &cluster, compression: nil)
    section.finish()
    guard let cluster else { return nil }
    self.init(name: name, cluster: cluster, auth: auth, transport: transport)
  }
}
