internal import NIOCore

/// Selects the client connections to close when all of an event loop together hold more than
/// `limits.client_buffer_bytes`. Pure.
///
/// Each connection has bounds of its own; this one bounds their sum. Envoy's overload manager likewise
/// resets the streams that hold the most.
struct BufferBudget {
  /// Bytes that all connections together may hold.
  let limit: Int

  /// Indices of the connections to close: those that hold the most, until the rest is within the limit.
  ///
  /// - Parameter held: bytes that each connection holds.
  /// - Returns: largest first; empty while the total is within the limit.
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
  /// Bytes written to the channel that the kernel hasn't accepted yet.
  var waitingBytes: Int {
    (try? self.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
  }
}
