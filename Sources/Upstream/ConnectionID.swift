/// An identifier of a pool's connection, unique over the life of its `PoolState`. The attempts to open a
/// connection have its identifier as well.
package struct ConnectionID: Hashable, Sendable {
  package let rawValue: Int

  package init(_ rawValue: Int) {
    self.rawValue = rawValue
  }
}
