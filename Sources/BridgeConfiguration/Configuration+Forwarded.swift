extension Configuration {
  /// What becomes of a client's `Forwarded` and `X-Forwarded-*`.
  package enum Forwarded: Sendable, CaseIterable {
    /// They go on, with the client's address at the end of `X-Forwarded-For`. A client on this
    /// machine that sends none of them gets none: its address would say nothing.
    case append
    /// They are left out.
    case drop
    /// They go on as they are.
    case keep
  }
}

extension ConfigurationReader {
  /// The key `forwarded` of a service.
  func forwarded(_ service: SectionReader) -> Configuration.Forwarded? {
    service.choice("forwarded", ["append": .append, "drop": .drop, "keep": .keep])
  }
}
