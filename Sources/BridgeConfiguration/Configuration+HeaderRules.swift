internal import HTTPFields

extension Configuration {
  /// Which of a client's header fields are sent as metadata. Fields that the bridge adds or that are
  /// configured aren't affected.
  package struct HeaderRules: Sendable, Equatable {
    /// A name, or a prefix of names: `x-team`, `x-team-*`, `*`.
    package struct Pattern: Sendable, Equatable {
      /// In lower case.
      let bytes: [UInt8]
      let isPrefix: Bool

      /// Parses a name, or a prefix followed by `*`.
      package init(_ text: String) throws(ValueError) {
        self.isPrefix = text.hasSuffix("*")
        self.bytes = (self.isPrefix ? text.dropLast() : text[...]).utf8.map(ASCII.lowercased)
        guard HeaderName.isMetadata(self.bytes), self.isPrefix || !self.bytes.isEmpty else {
          throw ValueError(
            "\(ConfigurationValues.quoted(text)) is not a header name; write letters, digits, -, "
              + "_ or ., and at most one * at the end, such as x-team or x-team-*")
        }
      }

      /// Whether a name in lower case matches.
      func matches(_ name: some Collection<UInt8>) -> Bool {
        self.isPrefix ? name.starts(with: self.bytes) : name.elementsEqual(self.bytes)
      }
    }

    /// Nil: all.
    package var allow: [Pattern]?
    /// Takes precedence over `allow`.
    package var deny: [Pattern] = []
    /// Whether metadata are mapped as by grpc-gateway: a client's `Grpc-Metadata-X` becomes the metadata
    /// `x`, and `x` of a reply is returned as `Grpc-Metadata-X`. Default no.
    package var usesGRPCMetadata = false

    package init() {}

    /// Whether all fields are passed on.
    package var isEmpty: Bool { self.allow == nil && self.deny.isEmpty }

    /// Whether a field of this name, in lower case, is passed on.
    package func permits(_ name: some Collection<UInt8>) -> Bool {
      if self.denies(name) { return false }
      guard let allow = self.allow else { return true }
      return allow.contains { $0.matches(name) }
    }

    /// Whether a name, in lower case, is listed in `deny` in full, not by a prefix.
    func denies(byName name: String) -> Bool {
      self.deny.contains { !$0.isPrefix && $0.bytes.elementsEqual(name.utf8) }
    }

    /// Whether a name matches `deny`.
    package func denies(_ name: some Collection<UInt8>) -> Bool {
      self.deny.contains { $0.matches(name) }
    }
  }
}

extension Configuration.HeaderRules {
  /// Reads the section `headers` of a service.
  init(_ section: SectionReader) {
    self.init()
    let pattern = { (text: String) throws(ValueError) in try Pattern(text) }
    self.allow = section.list("allow", example: "x-team-*", pattern)
    self.deny = section.list("deny", example: "cookie", pattern) ?? []
    section.flag("grpc_metadata", into: &self.usesGRPCMetadata)
    section.finish()
  }
}
