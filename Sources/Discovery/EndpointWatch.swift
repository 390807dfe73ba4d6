internal import BridgeConfiguration

/// Follows one source for all event loops, and keeps a known list when the source reports an empty one.
/// Pure except for `run`.
///
/// An empty list is accepted only if no list was known before: it's mostly caused by a wrong query, and
/// calls to endpoints that no longer exist fail soon enough on their own.
package struct EndpointWatch {
  private var knowsEndpoints = false

  package init() {}

  /// Handles an update of the source.
  ///
  /// - Returns: the update to apply to the clusters.
  package mutating func receive(_ update: EndpointUpdate) -> EndpointUpdate {
    guard case .endpoints(let endpoints) = update else { return update }
    let hasAny = endpoints.contains { $0.weight > 0 }
    if !hasAny, self.knowsEndpoints {
      return .failure("the list of endpoints is empty; the previous one stays in effect")
    }
    self.knowsEndpoints = !endpoints.isEmpty
    return update
  }

  /// Follows a source until the task is cancelled.
  package static func run(
    _ source: any EndpointSource, _ apply: @Sendable (EndpointUpdate) -> Void
  ) async {
    var watch = EndpointWatch()
    for await update in source.updates() { apply(watch.receive(update)) }
  }
}
