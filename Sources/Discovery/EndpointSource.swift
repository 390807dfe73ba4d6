package import BridgeConfiguration

/// What a source has learned of a service's endpoints.
package enum EndpointUpdate: Sendable, Equatable {
  /// All of them, with their weights; those with weight 0 are known and get no calls. It replaces the
  /// list before it. An empty list is a valid thing to say: whoever takes it decides what becomes of
  /// the list before.
  case endpoints([Configuration.WeightedEndpoint])
  /// It couldn't be asked, and why, in words for the person who wrote the configuration (no secrets).
  /// The list before it holds.
  case failure(String)
}

/// Something that finds out where a service's endpoints are, and says so again when it changes. [seam]
///
/// The contract: `updates` may be called once. The first update comes as soon as the source knows
/// anything, good or bad; a source that fails goes on trying by itself, with a backoff that it chooses,
/// and never ends by itself. It ends when its stream is dropped or its task cancelled, and gives back
/// what it holds. Nothing of it runs on the way of a request.
package protocol EndpointSource: Sendable {
  func updates() -> AsyncStream<EndpointUpdate>
}
