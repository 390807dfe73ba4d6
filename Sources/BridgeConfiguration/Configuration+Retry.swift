package import GRPCWire

extension Configuration {
  /// Which calls that failed are tried again, and how often.
  package struct Retry: Sendable, Equatable {
    /// Keeps retries from multiplying the load of an outage (gRFC A6, retry throttling).
    package struct Budget: Sendable, Equatable {
      /// Failures that half use up; per event loop. Default 500.
      package var tokens = 500
      /// What a call that ends well gives back. Default 0.1.
      package var ratio = 0.1

      package init() {}
    }

    /// Attempts in all. Default 3.
    package var attempts = 3
    /// Statuses that are worth another attempt. Default UNAVAILABLE.
    package var codes: Set<GRPCStatus.Code> = [.unavailable]
    /// Before the second attempt; each further wait is twice as long. Spread by a fifth. Default 25 ms.
    package var backoff: Duration = .milliseconds(25)
    /// The longest wait. Default 1 s.
    package var longestBackoff: Duration = .seconds(1)
    /// When an attempt that got no answer is given up for another; nil: with the call's deadline.
    /// Default nil.
    package var timeout: Duration?
    package var budget = Budget()

    package init() {}
  }
}

extension Configuration.Retry {
  /// The section `retry` of a service.
  init(_ section: SectionReader) {
    self.init()
    // gRFC A6 has 5 as the most; more only make an outage worse.
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
  /// The section `budget` of `retry`.
  fileprivate init(_ section: SectionReader) {
    self.init()
    // gRFC A6 has 1000 as the most.
    section.integer("tokens", into: &self.tokens, example: "500", in: 1...1000)
    let ratio = section.value("ratio", example: "0.1") { text throws(ValueError) in
      try ConfigurationValues.number(text, in: 0...1)
    }
    if let ratio { self.ratio = ratio }
    section.finish()
  }
}
