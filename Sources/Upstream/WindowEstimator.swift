internal import NIOCore

/// How large a stream's window has to be for the way to the endpoint: the product of bandwidth and
/// delay, measured. Pure.
///
/// While much comes, a PING goes out now and then; what has come when its answer does is what the way
/// holds in one round trip. If that is most of a window, the window was what held the sender back, and
/// it's doubled (gRPC's clients do the same). Small replies never cause one, so that they cost nothing;
/// servers of gRPC don't count PINGs that answer their own data as abuse.
struct WindowEstimator {
  /// Of one stream, in bytes.
  private(set) var window: Int
  private let most: Int
  private var bytesSinceSample = 0
  /// When the PING under way went out.
  private var startedAt: NIODeadline?
  /// The best so far, in bytes per second.
  private var bandwidth = 0.0

  /// - Parameters:
  ///   - window: to begin with.
  ///   - most: it never becomes larger, because it's also what one paused stream may make us hold.
  init(window: Int, most: Int) {
    self.window = window
    self.most = most
  }

  /// The data of PINGs that measure the round trip; other PINGs are keepalives.
  static let ping: UInt64 = 0x6272_6964_6765_7770

  /// Payload has come and was taken.
  ///
  /// - Returns: whether a PING is to go out now.
  mutating func receive(_ byteCount: Int, now: () -> NIODeadline) -> Bool {
    self.bytesSinceSample += byteCount
    guard self.startedAt == nil, self.window < self.most, self.bytesSinceSample >= self.window / 2
    else { return false }
    self.startedAt = now()
    self.bytesSinceSample = 0
    return true
  }

  /// The answer to the PING has come.
  ///
  /// - Returns: the new window, if there's one.
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
