internal import NIOCore

/// Selects the client connections to close when all of an event loop together hold more than
/// `limits.client_buffer_bytes`. Pure.
///
/// Each connection has bounds of its own; this one is for many together. Envoy's overload manager resets
/// the streams that hold most, too.
struct BufferBudget {
  /// Bytes that all connections together may hold.
  let limit: Int

  /// Indices of the connections to close: those that hold most, until what the others hold is within the
  /// limit.
  ///
  /// - Parameter held: what each connection holds, in bytes.
  /// - Returns: the largest first; empty while the total is within the limit.
  func excess(of held: [Int]) -> [Int] {
    var total = held.reduce(0, +)
    guard total > self.limit else { return [] }
    var indices: [Int] = []
    for index in held.indices.sorted(by: { held[$0] > held[$1] }) {
      guard total > self.limit else { break }
      total -= held[index]
      indices.append(index)
    }
    return indices
  }
}

extension Channel {
  /// Bytes that were written and that the system hasn't taken yet.
  var waitingBytes: Int {
    (try? self.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
  }
}
