extension Configuration {
  /// An endpoint and its share of the calls.
  package struct WeightedEndpoint: Sendable, Hashable {
    package var endpoint: Endpoint
    /// Calls go out in proportion to it; 0: none.
    package var weight: Int

    /// The largest weight; Envoy and Nacos stay below it.
    package static let most = 1_000_000

    package init(_ endpoint: Endpoint, weight: Int = 1) {
      self.endpoint = endpoint
      self.weight = weight
    }
  }
}
