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

extension ConfigurationReader {
  /// The key `balance`: a policy by name, or a section with its settings.
  func balance(_ service: SectionReader) -> Configuration.Balance? {
    guard let node = service.node("balance") else { return nil }
    var balance = Configuration.Balance()
    guard case .mapping = node.value else {
      guard let policy = service.choice("balance", Self.policies) else { return nil }
      balance.policy = policy
      if case .ringHash = policy {
        service.fault(
          "balance", "ring_hash needs a header; write {policy: ring_hash, header: x-user}")
      }
      return balance
    }
    guard let section = service.section("balance") else { return nil }
    if let policy = section.choice("policy", Self.policies) { balance.policy = policy }
    let header = section.value("header", example: "x-user") { text throws(ValueError) in
      let name = text.lowercased()
      if let reason = MetadataRules.fault(name: name) { throw ValueError(reason) }
      return name
    }
    if case .ringHash = balance.policy {
      if section.node("header") == nil {
        section.missing("header", "write the header whose values go to the same endpoint")
      }
      balance.policy = .ringHash(header: header ?? "")
    } else if section.node("header") != nil {
      section.fault("header", "only ring_hash goes by a header; write policy: ring_hash")
    }
    balance.subset = section.value("subset", example: "20") { text throws(ValueError) in
      try ConfigurationValues.integer(text, in: 1...10_000)
    }
    section.finish()
    return balance
  }

  private static let policies: KeyValuePairs<String, Configuration.Balance.Policy> = [
    "round_robin": .roundRobin, "least_requests": .leastRequests, "pick_first": .pickFirst,
    "ring_hash": .ringHash(header: ""),
  ]
}
