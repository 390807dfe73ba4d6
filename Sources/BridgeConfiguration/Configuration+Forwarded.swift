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

extension Configuration.Forwarded {
  /// The key `forwarded` of a service; nil where it isn't there or can't be read.
  init?(of service: SectionReader) {
    let choice = service.choice(
      "forwarded", ["append": Self.append, "drop": .drop, "keep": .keep])
    guard let choice else { return nil }
    self = choice
  }
}
