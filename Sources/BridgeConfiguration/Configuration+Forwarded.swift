extension Configuration {
  /// Handling of a client's `Forwarded` and `X-Forwarded-*` header fields.
  package enum Forwarded: Sendable, CaseIterable {
    /// Passed on, with the client's address appended to `X-Forwarded-For`. A client on this machine that
    /// sends none of them gets none: its address carries no information.
    case append
    /// Dropped.
    case drop
    /// Passed on unchanged.
    case keep
  }
}

extension Configuration.Forwarded {
  /// Reads the key `forwarded` of a service; nil if it's missing or invalid.
  init?(of service: SectionReader) {
    let choice = service.choice(
      "forwarded", ["append": Self.append, "drop": .drop, "keep": .keep])
    guard let choice else { return nil }
    self = choice
  }
}
