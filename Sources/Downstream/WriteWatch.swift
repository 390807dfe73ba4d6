internal import BridgeConfiguration

/// Detects a client that reads nothing of its response for `limits.response_write_timeout`. Pure.
///
/// It begins when bytes have to wait for the client; at the deadline, it checks whether the client has
/// taken any since. A slow client that takes some bytes continues.
struct WriteWatch {
  /// The tick of the next check; `Int64.max` when no bytes wait.
  private(set) var deadline = Int64.max
  private var taken = 0

  /// Starts watching, if it isn't already: bytes wait for the client.
  ///
  /// - Parameters:
  ///   - taken: bytes that the client has taken, relative to any fixed origin.
  ///   - deadline: the tick of the first check.
  mutating func begin(taken: Int, until deadline: Int64) {
    guard self.deadline == .max else { return }
    self.taken = taken
    self.deadline = deadline
  }

  /// Stops watching: no bytes wait any more.
  mutating func end() {
    self.deadline = .max
  }

  /// Checks the client's progress after the deadline has passed.
  ///
  /// - Parameter next: the tick of the next check, if the client has taken any bytes.
  /// - Returns: whether the client has taken none.
  mutating func isStalled(taken: Int, next: Int64) -> Bool {
    let isStalled = taken == self.taken
    self.taken = taken
    self.deadline = isStalled ? .max : next
    return isStalled
  }
}

extension LoopContext {
  /// The tick by which a client must have taken some of the bytes that wait for it.
  var writeDeadline: Int64 { self.tick(after: self.limits.responseWriteTimeout) }
}
