internal import GRPCWire

/// How calls get to the endpoints of a service: the keys `balance`, `connections`, `retry`, `health`.
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

  /// The section `connections`.
  func connections(
    _ section: SectionReader, defaults: Configuration.Connections
  ) -> Configuration.Connections {
    var connections = defaults
    let count = section.value("count", example: "2") { text throws(ValueError) in
      try ConfigurationValues.integer(text, in: 1...64)
    }
    if let count { connections.count = count }
    Self.optional("idle_timeout", in: section, &connections.idleTimeout)
    Self.optional("max_age", in: section, &connections.maxAge)
    Self.optional("keepalive", in: section, &connections.keepaliveTime)
    Self.duration("keepalive_timeout", in: section, &connections.keepaliveTimeout)
    if let always = section.flag("keepalive_without_calls") {
      connections.keepaliveWithoutCalls = always
    }
    section.finish()
    return connections
  }

  /// The section `retry`.
  func retry(_ section: SectionReader) -> Configuration.Retry {
    var retry = Configuration.Retry()
    let attempts = section.value("attempts", example: "3") { text throws(ValueError) in
      // gRFC A6 has 5 as the most; more only make an outage worse.
      try ConfigurationValues.integer(text, in: 2...10)
    }
    if let attempts { retry.attempts = attempts }
    let codes = section.list("on", example: "UNAVAILABLE") { text throws(ValueError) in
      guard
        let code = GRPCStatus.Code.allCases.first(where: { $0.name == text && $0 != .ok })
      else {
        throw ValueError(
          "\(ConfigurationValues.quoted(text)) is not a status code; write one such as UNAVAILABLE, "
            + "RESOURCE_EXHAUSTED or ABORTED")
      }
      return code
    }
    if let codes { retry.codes = Set(codes) }
    Self.duration("backoff", in: section, &retry.backoff)
    Self.duration("backoff_max", in: section, &retry.longestBackoff)
    Self.optional("per_try_timeout", in: section, &retry.timeout)
    if let budget = section.section("budget") {
      let tokens = budget.value("tokens", example: "500") { text throws(ValueError) in
        // gRFC A6 has 1000 as the most.
        try ConfigurationValues.integer(text, in: 1...1000)
      }
      if let tokens { retry.budget.tokens = tokens }
      let ratio = budget.value("ratio", example: "0.1") { text throws(ValueError) in
        try ConfigurationValues.number(text, in: 0...1)
      }
      if let ratio { retry.budget.ratio = ratio }
      budget.finish()
    }
    section.finish()
    return retry
  }

  /// The section `health`.
  func health(_ section: SectionReader) -> Configuration.Health {
    var health = Configuration.Health()
    health.check = section.flag("check")
    let service = section.value("service", example: "inference.GRPCInferenceService") {
      text throws(ValueError) in
      guard text.utf8.count <= 256 else { throw ValueError("a name of more than 256 bytes") }
      return text
    }
    if let service { health.service = service }
    Self.share("panic_threshold", in: section, &health.panicThreshold)
    let failures = section.value("consecutive_failures", example: "5") { text throws(ValueError) in
      try ConfigurationValues.integer(text, in: 0...1000)
    }
    if let failures { health.outliers.consecutiveFailures = failures }
    if let uses = section.flag("success_rate") { health.outliers.usesSuccessRate = uses }
    Self.duration("interval", in: section, &health.outliers.interval)
    Self.duration("ejection_time", in: section, &health.outliers.ejectionTime)
    Self.duration("ejection_time_max", in: section, &health.outliers.longestEjection)
    Self.share("ejected_max", in: section, &health.outliers.mostEjected)
    section.finish()
    return health
  }

  // MARK: Values

  static func duration(_ key: String, in section: SectionReader, _ value: inout Duration) {
    let read = section.value(key, example: "30s") { text throws(ValueError) in
      try ConfigurationValues.duration(text)
    }
    if let read { value = read }
  }

  /// A duration or `off`.
  static func optional(_ key: String, in section: SectionReader, _ value: inout Duration?) {
    let read = section.value(key, example: "30s") { text throws(ValueError) -> Duration? in
      if ["off", "false", "no"].contains(text) { return nil }
      do throws(ValueError) {
        return try ConfigurationValues.duration(text)
      } catch {
        throw ValueError("\(error.reason), or off")
      }
    }
    if let read { value = read }
  }

  private static func share(_ key: String, in section: SectionReader, _ value: inout Double) {
    let read = section.value(key, example: "50%") { text throws(ValueError) in
      try ConfigurationValues.share(text)
    }
    if let read { value = read }
  }
}

extension ConfigurationValues {
  /// A number such as `0.1`.
  static func number(_ text: String, in range: ClosedRange<Double>) throws(ValueError) -> Double {
    guard let number = Double(text), range.contains(number) else {
      throw ValueError(
        "\(quoted(text)) is not a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// A share of a whole, `50%`, as a number from 0 to 1.
  static func share(_ text: String) throws(ValueError) -> Double {
    guard text.hasSuffix("%"), let percent = Double(text.dropLast()), (0...100).contains(percent)
    else {
      throw ValueError("\(quoted(text)) is not a share; write 0% to 100%, such as 50%")
    }
    return percent / 100
  }
}
