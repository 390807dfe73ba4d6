extension Configuration {
  /// Which requests of a service go to which of its groups. The first rule that fits a request holds;
  /// where none does, the service's own endpoints get it.
  package struct GroupRule: Sendable, Equatable {
    /// What decides among the groups.
    package enum Target: Sendable, Equatable {
      case group(Int)
      /// Chance, by these weights; at least one isn't 0.
      case weights([Int])
      /// The value of the rule's header, which is a group's name.
      case named
    }

    /// In lower case; nil: whatever the headers are.
    package var header: String?
    /// What the header has to be, to the byte; nil: anything, if it's there.
    package var value: String?
    /// What the path begins with, without the service's `prefix`; nil: anything. Ends at a `/` of the
    /// path, as a prefix of a service does.
    package var pathPrefix: String?
    package var target: Target

    package init(
      header: String? = nil, value: String? = nil, pathPrefix: String? = nil, _ target: Target
    ) {
      self.header = header
      self.value = value
      self.pathPrefix = pathPrefix
      self.target = target
    }
  }
}
