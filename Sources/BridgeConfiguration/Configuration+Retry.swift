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
