extension Configuration {
  /// Load balancing among the endpoints of a service.
  package struct Balance: Sendable, Equatable {
    package enum Policy: Sendable, Equatable {
      /// Endpoints in turn, by weight.
      case roundRobin
      /// The one with fewer requests of two endpoints picked at random.
      case leastRequests
      /// One endpoint until it's lost: the first reachable one of the list.
      case pickFirst
      /// Consistent hashing: calls with the same value of a metadata field go to the same endpoint.
      case ringHash(header: String)
    }

    /// Default round robin.
    package var policy = Policy.roundRobin
    /// Number of endpoints that this process uses; nil: all. Keeps many bridges from all connecting to
    /// all of many endpoints. Default nil.
    package var subset: Int?

    package init() {}
  }
}

extension Configuration.Balance {
  /// Reads the key `balance` of a service: the name of a policy, or a section. Nil if it's missing or
  /// invalid.
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
      section.fault("header", "only ring_hash uses a header; write policy: ring_hash")
    }
    self.subset = section.integer("subset", example: "20", in: 1...10_000)
    section.finish()
  }

  private static let policies: KeyValuePairs<String, Policy> = [
    "round_robin": .roundRobin, "least_requests": .leastRequests, "pick_first": .pickFirst,
    "ring_hash": .ringHash(header: ""),
  ]
}
