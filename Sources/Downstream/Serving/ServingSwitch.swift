package import NIOCore
package import Routing

/// What is served at present, and the only way to something else: tables are replaced whole.
///
/// Whoever learns that a service is another one now (its endpoint has another schema, its files were
/// written anew) builds it beside the one that's served and gives it here. What can't be served is
/// refused and changes nothing; what can is on all loops when the call returns. Exchanges under way
/// finish with what they began with.
package actor ServingSwitch {
  /// Hands a table to all loops; those given one after the other arrive in that order.
  package typealias Apply = @Sendable (ServingTable) -> [EventLoopFuture<Void>]

  package private(set) var table: ServingTable
  private let apply: Apply

  /// - Parameters:
  ///   - table: what the loops serve already.
  ///   - apply: `HTTPFront.serve`.
  package init(_ table: ServingTable, apply: @escaping Apply) {
    self.table = table
    self.apply = apply
  }

  /// Serves one of the services in another form.
  ///
  /// - Parameter index: its place in the table.
  /// - Throws: where its routes clash with those of another service.
  package func replace(_ index: Int, by service: ServedService) async throws(RouteConflictError) {
    var services = self.table.services
    precondition(services.indices.contains(index), "a service that isn't in the table")
    services[index] = service
    let table = try ServingTable(services)
    // No suspension up to here: what is given next is built on this one.
    self.table = table
    for done in self.apply(table) {
      // A loop that's gone serves nothing any more.
      try? await done.get()
    }
  }
}
