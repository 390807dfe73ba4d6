extension Configuration {
  /// Endpoints that calls of a service go to: its own, or those of one of its `alternatives`.
  package struct EndpointGroup: Sendable {
    /// `default` for the service's own.
    package var name: String
    package var cluster: Cluster
    /// Nil: calls aren't authorised.
    package var auth: Auth?
    /// Nil: gRPC. All groups of a service have the same, but for its path.
    package var transport: HTTPProtobuf?

    package init(
      name: String, cluster: Cluster, auth: Auth? = nil, transport: HTTPProtobuf? = nil
    ) {
      self.name = name
      self.cluster = cluster
      self.auth = auth
      self.transport = transport
    }

    /// The service's own endpoints.
    package static let defaultName = "default"
  }

  /// Which requests of a service go to which of its groups. The first rule that fits a request holds;
  /// where none does, the service's own endpoints get it.
  package struct GroupRule: Sendable, Equatable {
    /// What decides among the groups.
    package enum Target: Sendable, Equatable {
      case group(Int)
      /// Chance, by these weights; at least one isn't 0.
      case weights([Int])
      /// The value of the rule's header, which is a group's name.
      case named
    }

    /// In lower case; nil: whatever the headers are.
    package var header: String?
    /// What the header has to be, to the byte; nil: anything, if it's there.
    package var value: String?
    /// What the path begins with, without the service's `prefix`; nil: anything. Ends at a `/` of the
    /// path, as a prefix of a service does.
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

extension Configuration.Service {
  /// The service's own endpoints first, then the alternatives in their order: rules name them by their
  /// places in this list.
  package var groups: [Configuration.EndpointGroup] {
    [
      Configuration.EndpointGroup(
        name: Configuration.EndpointGroup.defaultName, cluster: self.cluster, auth: self.auth,
        transport: self.transport)
    ] + self.alternatives
  }

  /// Where the configuration file has a group: `services.infer` or `services.infer.alternatives.canary`.
  package func path(ofGroup index: Int) -> String {
    index == 0
      ? "services.\(self.name)"
      : "services.\(self.name).alternatives.\(self.alternatives[index - 1].name)"
  }
}
