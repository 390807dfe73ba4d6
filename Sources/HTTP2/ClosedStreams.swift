/// The closed streams of a connection, by how they ended. Classifies HEADERS that arrive for them
/// (RFC 9113 §5.1, state "closed", and §5.1.1). Pure.
///
/// nghttp2 forgets a closed stream and ignores frames for it. That's correct only for a stream that
/// this side reset, because the peer may not have seen the reset yet. Only streams for which the
/// default verdict is wrong are recorded, so that a connection without resets costs nothing.
struct ClosedStreams {
  /// How a stream ended.
  enum End {
    /// Both sides ended it.
    case complete
    case resetByPeer
    case resetByUs
  }

  /// The classification of HEADERS for a closed stream.
  enum Verdict: Equatable {
    /// They were in flight when the stream was reset.
    case late
    /// A stream error of type STREAM_CLOSED.
    case streamError
    case connectionError(code: UInt32)
  }

  private struct Exception {
    var id: Int32
    var verdict: Verdict
  }

  /// Whether the peer is the client and opens the streams.
  private let isServer: Bool
  private var highest: Int32 = -1
  private var exceptions: [Exception] = []
  private var nextException = 0
  /// Identifiers that the client skipped, which closes them (RFC 9113 §5.1.1).
  private var skipped: [ClosedRange<Int32>] = []

  /// More than the number of resets that can be in flight at the same time.
  private static let exceptionLimit = 1024
  /// Clients skip no identifiers, or only those before their first one.
  private static let skippedLimit = 16

  init(isServer: Bool) {
    self.isServer = isServer
  }

  /// Whether a client's stream with this identifier would be new.
  func isNew(_ id: Int32) -> Bool { id > self.highest }

  /// Records that the client opens a stream, even one that is rejected.
  mutating func opened(_ id: Int32) {
    guard id > self.highest else { return }
    if id > self.highest + 2, self.skipped.count < Self.skippedLimit {
      self.skipped.append(self.highest + 2...id - 2)
    }
    self.highest = id
  }

  /// Records that a stream closed.
  mutating func closed(_ id: Int32, _ end: End) {
    switch end {
    // HEADERS from a server after it ended the stream are an error. Any other stream that the client
    // opened may have been reset, so HEADERS for it are late.
    case .complete:
      if !self.isServer { self.except(id, .connectionError(code: HTTP2ErrorCode.streamClosed)) }
    case .resetByPeer:
      self.except(id, .streamError)
    case .resetByUs:
      if self.isServer { self.except(id, .late) }
    }
  }

  /// Classifies HEADERS for a stream that is neither open nor new.
  func judge(_ id: Int32) -> Verdict {
    if let exception = self.exceptions.last(where: { $0.id == id }) { return exception.verdict }
    guard self.isServer else { return .late }
    let wasSkipped = self.skipped.contains { $0.contains(id) }
    return .connectionError(
      code: wasSkipped ? HTTP2ErrorCode.protocolError : HTTP2ErrorCode.streamClosed)
  }

  private mutating func except(_ id: Int32, _ verdict: Verdict) {
    let exception = Exception(id: id, verdict: verdict)
    guard self.exceptions.count == Self.exceptionLimit else {
      self.exceptions.append(exception)
      return
    }
    self.exceptions[self.nextException] = exception
    self.nextException = (self.nextException + 1) % Self.exceptionLimit
  }
}
