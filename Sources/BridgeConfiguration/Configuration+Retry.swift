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

extension ConfigurationReader {
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
}
