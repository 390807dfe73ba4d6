internal import NIOCore

/// Estimates the stream window that the path to the endpoint needs: its bandwidth-delay product,
/// measured. Pure.
///
/// While much data arrives, a PING is sent occasionally; the data received until its acknowledgement
/// is what the path carries in one round trip. If that is most of a window, the window limited the
/// sender, and it's doubled (gRPC's clients do the same). Small responses never cause a PING, so that
/// they cost nothing; gRPC servers don't count PINGs in response to their own data as abuse.
struct WindowEstimator {
  /// The window of one stream, in bytes.
  private(set) var window: Int
  private let most: Int
  private var bytesSinceSample = 0
  /// When the PING in flight was sent.
  private var startedAt: NIODeadline?
  /// The highest so far, in bytes per second.
  private var bandwidth = 0.0

  /// - Parameters:
  ///   - window: the initial window.
  ///   - most: the largest window, which is also what one paused stream may make the bridge buffer.
  init(window: Int, most: Int) {
    self.window = window
    self.most = most
  }

  /// The data of PINGs that measure the round trip; other PINGs are keepalives.
  static let ping: UInt64 = 0x6272_6964_6765_7770

  /// Counts received payload that was consumed.
  ///
  /// - Returns: whether to send a PING now.
  mutating func receive(_ byteCount: Int, now: () -> NIODeadline) -> Bool {
    self.bytesSinceSample += byteCount
    guard self.startedAt == nil, self.window < self.most, self.bytesSinceSample >= self.window / 2
    else { return false }
    self.startedAt = now()
    self.bytesSinceSample = 0
    return true
  }

  /// Evaluates the acknowledgement of the PING.
  ///
  /// - Returns: the new window, if it grows.
  mutating func receivePong(now: NIODeadline) -> Int? {
    guard let startedAt = self.startedAt else { return nil }
    self.startedAt = nil
    let sample = self.bytesSinceSample
    self.bytesSinceSample = 0
    let seconds = Double(max(1, (now - startedAt).nanoseconds)) / 1e9
    let bandwidth = Double(sample) / seconds
    guard sample >= self.window / 3 * 2, bandwidth > self.bandwidth else { return nil }
    self.bandwidth = bandwidth
    self.window = min(self.most, max(self.window, sample) * 2)
    return self.window
  }
}
