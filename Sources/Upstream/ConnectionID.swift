/// An identifier of a pool's connection, unique over the life of its `PoolState`. The attempts to open a
/// connection have its identifier as well.
struct ConnectionID: Hashable, Sendable {
  let rawValue: Int

  init(_ rawValue: Int) {
    self.rawValue = rawValue
  }
}
