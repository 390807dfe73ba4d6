package import BridgeConfiguration

/// Follows one source for all event loops, and keeps the last good list. Pure but for `run`.
///
/// A source that says that there is no endpoint at all is believed only where nothing was known: an
/// empty answer is mostly a fault of what was asked, and calls to endpoints that are gone fail soon
/// enough by themselves.
package struct EndpointWatch {
  /// What the clusters are to be told.
  package enum Action: Equatable {
    case update([Configuration.WeightedEndpoint])
    case failed(String)
    /// Nothing has changed.
    case nothing
  }

  private var last: [Configuration.WeightedEndpoint]?

  package init() {}

  /// Something was learned.
  package mutating func receive(_ update: EndpointUpdate) -> Action {
    switch update {
    case .failure(let reason):
      return .failed(reason)
    case .endpoints(let endpoints):
      let hasAny = endpoints.contains { $0.weight > 0 }
      if !hasAny, let last = self.last, !last.isEmpty {
        return .failed("the list of endpoints is empty; the last one holds")
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
