extension Configuration {
  /// How calls are shared out among endpoints.
  package struct Balance: Sendable, Equatable {
    package enum Policy: Sendable, Equatable {
      /// In turn, by weight.
      case roundRobin
      /// The less busy one of two that chance picks.
      case leastRequests
      /// One, until it's lost: the first of the list that can be reached.
      case pickFirst
      /// Calls with the same value of a metadata field go to the same endpoint.
      case ringHash(header: String)
    }

    /// Default round robin.
    package var policy = Policy.roundRobin
    /// How many of the endpoints this process uses; nil: all. Keeps many bridges from holding
    /// connections to all of many endpoints. Default nil.
    package var subset: Int?

    package init() {}
  }
}

extension Configuration.Balance {
  /// The key `balance` of a service: a policy by name, or a section with its settings. Nil where it isn't
  /// there or can't be read.
  init?(of service: SectionReader) {
    guard let node = service.node("balance") else { return nil }
    self.init()
    guard case .mapping = node.value else {
      guard let policy = service.choice("balance", Self.policies) else { return nil }
      self.policy = policy
      if case .ringHash = policy {
        service.fault(
          "balance", "ring_hash needs a header; write {policy: ring_hash, header: x-user}")
      }
      return
    }
    guard let section = service.section("balance") else { return nil }
    section.choice("policy", into: &self.policy, Self.policies)
    let header = section.metadataName("header", example: "x-user")
    if case .ringHash = self.policy {
      if section.node("header") == nil {
        section.missing("header", "write the header whose values go to the same endpoint")
      }
      self.policy = .ringHash(header: header ?? "")
    } else if section.node("header") != nil {
      section.fault("header", "only ring_hash goes by a header; write policy: ring_hash")
    }
    self.subset = section.integer("subset", example: "20", in: 1...10_000)
    section.finish()
  }

  private static let policies: KeyValuePairs<String, Policy> = [
    "round_robin": .roundRobin, "least_requests": .leastRequests, "pick_first": .pickFirst,
    "ring_hash": .ringHash(header: ""),
  ]
}
