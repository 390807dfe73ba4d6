extension Configuration {
  /// How calls are shared out among endpoints.
  package struct Balance: Sendable, Equatable {
    package enum Policy: Sendable, Equatable {
      /// In turn, by weight.
      case roundRobin
      /// The less busy one of two that chance picks.
      case leastRequests
      /// One, until it's lost: the first of the list that can be reached.
      case pickFirst
      /// Calls with the same value of a metadata field go to the same endpoint.
      case ringHash(header: String)
    }

    /// Default round robin.
    package var policy = Policy.roundRobin
    /// How many of the endpoints this process uses; nil: all. Keeps many bridges from holding
    /// connections to all of many endpoints. Default nil.
    package var subset: Int?

    package init() {}
  }
}
