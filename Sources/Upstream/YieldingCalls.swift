internal import DequeModule

/// The calls of a pool whose clients may have disconnected, because they have closed their sending
/// side: they keep their slots only until another call needs one. Part of `PoolState`; pure.
struct YieldingCalls {
  /// Those that wait for a connection.
  private(set) var waiting: Set<CallID> = []
  /// Those on connections, the oldest first.
  private var open: Deque<CallID> = []
  /// Calls that were ended for others and whose streams haven't closed yet.
  private(set) var endedCount = 0

  var isEmpty: Bool { self.waiting.isEmpty && self.open.isEmpty }

  /// The number of calls that could be ended for others.
  var count: Int { self.waiting.count + self.open.count }

  mutating func insertWaiting(_ call: CallID) {
    self.waiting.insert(call)
  }

  mutating func insertOpen(_ call: CallID) {
    if !self.open.contains(call) { self.open.append(call) }
  }

  /// A waiting call started.
  mutating func started(_ call: CallID) {
    if self.waiting.remove(call) != nil { self.open.append(call) }
  }

  /// A call on a connection was queued again.
  mutating func putBack(_ call: CallID) {
    if self.removeOpen(call) { self.waiting.insert(call) }
  }

  mutating func removeWaiting(_ call: CallID) {
    if !self.waiting.isEmpty { self.waiting.remove(call) }
  }

  /// - Returns: whether the call was one of them.
  @discardableResult
  mutating func removeOpen(_ call: CallID) -> Bool {
    guard !self.open.isEmpty, let index = self.open.firstIndex(of: call) else { return false }
    self.open.remove(at: index)
    return true
  }

  /// Removes the oldest call on a connection; its stream counts as open until `streamClosed`.
  mutating func endOldest() -> CallID? {
    guard let call = self.open.popFirst() else { return nil }
    self.endedCount += 1
    return call
  }

  /// A stream has closed.
  mutating func streamClosed() {
    if self.endedCount > 0 { self.endedCount -= 1 }
  }

  /// Streams have closed with their connection; `callsInFlight` are left on others.
  mutating func connectionClosed(callsInFlight: Int) {
    self.endedCount = min(self.endedCount, callsInFlight)
  }
}
