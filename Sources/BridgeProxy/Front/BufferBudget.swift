internal import NIOCore

/// Who has to go when the clients of an event loop make it hold more than
/// `limits.client_buffer_bytes`. Pure.
///
/// Each connection has bounds of its own; this one is for many together. Envoy's overload manager resets
/// the streams that hold most, too.
struct BufferBudget {
  /// Bytes that all connections together may hold.
  let limit: Int

  /// The places of the connections to close, those that hold most first, until what the others hold is
  /// within the limit.
  ///
  /// - Parameter held: what each connection holds, in bytes.
  /// - Returns: none while all is within the limit.
  func excess(of held: [Int]) -> [Int] {
    var total = held.reduce(0, +)
    guard total > self.limit else { return [] }
    var places: [Int] = []
    for place in held.indices.sorted(by: { held[$0] > held[$1] }) {
      guard total > self.limit else { break }
      total -= held[place]
      places.append(place)
    }
    return places
  }
}

extension Channel {
  /// Bytes that were written and that the system hasn't taken yet.
  var waitingBytes: Int {
    (try? self.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
  }
}
