package import NIOCore
package import Routing

/// The table that is currently served, and the only way to replace it: tables are replaced as a whole.
///
/// When a service changes (its endpoint has another schema, its files were rewritten), the caller
/// builds the new one while the old one is served and passes it here. A service that can't be served is
/// rejected and changes nothing; otherwise all loops serve it when the call returns. Exchanges in
/// progress finish with the table that they began with.
package actor ServingSwitch {
  /// Passes a table to all loops; consecutive tables arrive in order.
  package typealias Apply = @Sendable (ServingTable) -> [EventLoopFuture<Void>]

  package private(set) var table: ServingTable
  private let apply: Apply

  /// - Parameters:
  ///   - table: the table that the loops already serve.
  ///   - apply: `HTTPFront.serve`.
  package init(_ table: ServingTable, apply: @escaping Apply) {
    self.table = table
    self.apply = apply
  }

  /// Replaces one of the services.
  ///
  /// - Parameter index: its position in the table.
  /// - Throws: if its routes conflict with those of another service.
  package func replace(_ index: Int, by service: ServedService) async throws(RouteConflictError) {
    var services = self.table.services
    precondition(services.indices.contains(index), "the service isn't in the table")
    services[index] = service
    let table = try ServingTable(services)
    // No suspension up to here: the next replacement builds on this table.
    self.table = table
    for done in self.apply(table) {
      // A loop that has shut down serves nothing any more.
      try? await done.get()
    }
  }
}
