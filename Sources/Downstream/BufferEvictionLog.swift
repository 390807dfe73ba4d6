internal import NIOCore

/// Rate-limits the log line about client connections that were closed for the bytes they held: at most one
/// line in ten seconds, with the count since the previous one. Pure.
struct BufferEvictionLog {
  private var connectionCount = 0
  private var byteCount = 0
  private var silentUntil = Int64.min

  /// Ticks between two lines.
  static let interval: Int64 = 10_000 / (LoopContext.tickInterval.nanoseconds / 1_000_000)

  /// Counts closed connections.
  ///
  /// - Parameters:
  ///   - byteCount: the bytes they held in total.
  ///   - limit: `limits.client_buffer_bytes`, for the line.
  ///   - tick: the loop's current tick.
  /// - Returns: the line to log; nil within ten seconds of the previous one.
  mutating func closed(connectionCount: Int, byteCount: Int, limit: Int, tick: Int64) -> String? {
    self.connectionCount += connectionCount
    self.byteCount += byteCount
    guard tick >= self.silentUntil else { return nil }
    self.silentUntil = tick + Self.interval
    defer {
      self.connectionCount = 0
      self.byteCount = 0
    }
    let clients =
      self.connectionCount == 1
      ? "a client connection that buffered"
      : "\(self.connectionCount) client connections that buffered"
    return "closed \(clients) \(self.byteCount) bytes of bodies and unread responses: "
      + "the limit for all connections of an event loop is \(limit) (limits.client_buffer_bytes)"
  }
}
