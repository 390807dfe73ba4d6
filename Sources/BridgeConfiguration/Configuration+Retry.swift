package import GRPCWire

extension Configuration {
  /// Retry policy for failed calls.
  package struct Retry: Sendable, Equatable {
    /// Retry throttling (gRFC A6): keeps retries from multiplying the load during an outage.
    package struct Budget: Sendable, Equatable {
      /// Maximum token count, per event loop; a failure takes one, and retries stop at half. Default 500.
      package var tokens = 500
      /// Tokens returned by a successful call. Default 0.1.
      package var ratio = 0.1

      package init() {}
    }

    /// Maximum number of attempts in total. Default 3.
    package var attempts = 3
    /// Retryable statuses. Default UNAVAILABLE.
    package var codes: Set<GRPCStatus.Code> = [.unavailable]
    /// Backoff before the second attempt; doubled for each further one. Jitter 20%. Default 25 ms.
    package var backoff: Duration = .milliseconds(25)
    /// Maximum backoff. Default 1 s.
    package var longestBackoff: Duration = .seconds(1)
    /// Timeout of an attempt without a response; nil: the call's deadline. Default nil.
    package var timeout: Duration?
    package var budget = Budget()

    package init() {}
  }
}

extension Configuration.Retry {
  /// Reads the section `retry` of a service.
  init(_ section: SectionReader) {
    self.init()
    // gRFC A6 limits it to 5; more only make an outage worse.
    section.integer("attempts", into: &self.attempts, example: "3", in: 2...10)
    let codes = section.list("on", example: "UNAVAILABLE", Self.code)
    if let codes { self.codes = Set(codes) }
    section.duration("backoff", into: &self.backoff)
    section.duration("backoff_max", into: &self.longestBackoff)
    section.optionalDuration("per_try_timeout", into: &self.timeout)
    if let budget = section.section("budget").map(Budget.init) { self.budget = budget }
    section.finish()
  }

  private static func code(_ text: String) throws(ValueError) -> GRPCStatus.Code {
    guard let code = GRPCStatus.Code.allCases.first(where: { $0.name == text && $0 != .ok })
    else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not a status code; write one such as UNAVAILABLE, "
          + "RESOURCE_EXHAUSTED or ABORTED")
    }
    return code
  }
}

extension Configuration.Retry.Budget {
  /// Reads the section `budget` of `retry`.
  fileprivate init(_ section: SectionReader) {
    self.init()
    // The maximum of gRFC A6.
    section.integer("tokens", into: &self.tokens, example: "500", in: 1...1000)
    let ratio = section.value("ratio", example: "0.1") { text throws(ValueError) in
      try ConfigurationValues.number(text, in: 0...1)
    }
    if let ratio { self.ratio = ratio }
    section.finish()
  }
}
