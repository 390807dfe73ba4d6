package import BridgeConfiguration

/// Follows one source for all event loops, and keeps the last good list. Pure except for `run`.
///
/// An empty list is accepted only if no list was known before: it's mostly caused by a wrong query, and
/// calls to endpoints that no longer exist fail soon enough on their own.
package struct EndpointWatch {
  /// The change to apply to the clusters.
  package enum Action: Equatable {
    case update([Configuration.WeightedEndpoint])
    case failed(String)
    /// No change.
    case nothing
  }

  private var last: [Configuration.WeightedEndpoint]?

  package init() {}

  /// Handles an update of the source.
  package mutating func receive(_ update: EndpointUpdate) -> Action {
    switch update {
    case .failure(let reason):
      return .failed(reason)
    case .endpoints(let endpoints):
      let hasAny = endpoints.contains { $0.weight > 0 }
      if !hasAny, let last = self.last, !last.isEmpty {
        return .failed("the list of endpoints is empty; the previous one stays in effect")
      }
      guard endpoints != self.last else { return .nothing }
      self.last = endpoints
      return .update(endpoints)
    }
  }

  /// Follows a source until the task is cancelled.
  package static func run(
    _ source: any EndpointSource, _ act: @Sendable (Action) -> Void
  ) async {
    var watch = EndpointWatch()
    for await update in source.updates() {
      let action = watch.receive(update)
      if action != .nothing { act(action) }
    }
  }
}
