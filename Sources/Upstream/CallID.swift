/// An identifier of a pool's call: its index in the pool's table, reused after the call has ended.
struct CallID: Hashable, Sendable {
  let rawValue: Int

  init(_ rawValue: Int) {
    self.rawValue = rawValue
  }
}
