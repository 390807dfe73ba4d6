internal import HTTPFields

extension Configuration {
  /// Which of a client's header fields become metadata. What the bridge makes and what is
  /// configured isn't the client's.
  package struct HeaderRules: Sendable, Equatable {
    /// One name, or all that begin alike: `x-team`, `x-team-*`, `*`.
    package struct Pattern: Sendable, Equatable {
      /// In lower case.
      let bytes: [UInt8]
      let isPrefix: Bool

      /// Reads a name, or the beginning of one with `*` behind it.
      package init(_ text: String) throws(ValueError) {
        self.isPrefix = text.hasSuffix("*")
        self.bytes = (self.isPrefix ? text.dropLast() : text[...]).utf8.map(ASCII.lowercased)
        guard HeaderName.isMetadata(self.bytes), self.isPrefix || !self.bytes.isEmpty else {
          throw ValueError(
            "\(ConfigurationValues.quoted(text)) is not a header name; write letters, digits, -, "
              + "_ or ., and at most one * at the end, such as x-team or x-team-*")
        }
      }

      /// Whether a name in lower case is meant.
      func matches(_ name: some Collection<UInt8>) -> Bool {
        self.isPrefix ? name.starts(with: self.bytes) : name.elementsEqual(self.bytes)
      }
    }

    /// Nil: all.
    package var allow: [Pattern]?
    /// Stronger than `allow`.
    package var deny: [Pattern] = []
    /// Whether metadata have the names that grpc-gateway gives them: a client's `Grpc-Metadata-X` is the
    /// metadata `x`, and a reply's `x` comes back as `Grpc-Metadata-X`. Default no.
    package var usesGRPCMetadata = false

    package init() {}

    /// Whether they keep nothing back.
    package var isEmpty: Bool { self.allow == nil && self.deny.isEmpty }

    /// Whether a field of this name, in lower case, goes on.
    package func permits(_ name: some Collection<UInt8>) -> Bool {
      if self.denies(name) { return false }
      guard let allow = self.allow else { return true }
      return allow.contains { $0.matches(name) }
    }

    /// Whether a name, in lower case, is one of `deny`, and not only by `*`.
    func denies(byName name: String) -> Bool {
      self.deny.contains { !$0.isPrefix && $0.bytes.elementsEqual(name.utf8) }
    }

    /// Whether a name is one of `deny`.
    package func denies(_ name: some Collection<UInt8>) -> Bool {
      self.deny.contains { $0.matches(name) }
    }
  }
}

extension Configuration.HeaderRules {
  /// The section `headers` of a service.
  init(_ section: SectionReader) {
    self.init()
    let pattern = { (text: String) throws(ValueError) in try Pattern(text) }
    self.allow = section.list("allow", example: "x-team-*", pattern)
    self.deny = section.list("deny", example: "cookie", pattern) ?? []
    section.flag("grpc_metadata", into: &self.usesGRPCMetadata)
    section.finish()
  }
}
