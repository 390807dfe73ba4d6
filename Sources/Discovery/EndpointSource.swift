package import BridgeConfiguration

/// A result of an endpoint source.
package enum EndpointUpdate: Sendable, Equatable {
  /// The complete list with weights, which replaces the previous one; endpoints with weight 0 are known
  /// and get no calls. An empty list is valid: the consumer decides whether to keep the previous list.
  case endpoints([Configuration.WeightedEndpoint])
  /// The source couldn't be queried, and why, worded for the author of the configuration (no secrets).
  /// The previous list stays in effect.
  case failure(String)
}

/// A source of a service's endpoints that publishes every change. [seam]
///
/// Contract: `updates` may be called once. The first update is sent as soon as the source has a result or
/// a failure; after a failure the source retries on its own, with a backoff of its choice, and it never
/// ends on its own. It ends when its stream is dropped or its task cancelled, and then releases its
/// resources. It never runs in the path of a request.
package protocol EndpointSource: Sendable {
  func updates() -> AsyncStream<EndpointUpdate>
}
