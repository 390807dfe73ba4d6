internal import BridgeConfiguration

/// Whether a client takes what it's sent: some byte within `limits.response_write_timeout`. Pure.
///
/// Begun when bytes have to wait for the client; at its deadline it's compared what the client has
/// taken since. A slow client that takes some goes on.
struct WriteWatch {
  /// The tick at which it's looked again; `Int64.max` where nothing waits.
  private(set) var deadline = Int64.max
  private var taken = 0

  /// Bytes wait from now on.
  ///
  /// - Parameters:
  ///   - taken: how many bytes the client has taken, counted from anywhere.
  ///   - deadline: when it's looked.
  mutating func begin(taken: Int, until deadline: Int64) {
    guard self.deadline == .max else { return }
    self.taken = taken
    self.deadline = deadline
  }

  /// Nothing waits any more.
  mutating func end() {
    self.deadline = .max
  }

  /// The deadline has passed.
  ///
  /// - Parameter next: when it's looked again, where the client has taken something.
  /// - Returns: whether it has taken nothing.
  mutating func isStalled(taken: Int, next: Int64) -> Bool {
    let isStalled = taken == self.taken
    self.taken = taken
    self.deadline = isStalled ? .max : next
    return isStalled
  }
}

extension LoopContext {
  /// The tick by which a client must have taken something of what waits for it.
  var writeDeadline: Int64 { self.tick(after: self.limits.responseWriteTimeout) }
}
