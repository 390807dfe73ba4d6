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
