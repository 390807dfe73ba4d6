/// Which streams of a connection are over and how, to judge HEADERS that come for them (RFC 9113 §5.1,
/// state "closed", and §5.1.1). Pure.
///
/// nghttp2 forgets a closed stream and passes over what comes for it. That's right only for a stream that
/// was reset by this side, because the peer may not have heard of it yet. Only streams for which the
/// common verdict is wrong are remembered, so that a connection without resets costs nothing.
struct ClosedStreams {
  /// How a stream ended.
  enum End {
    /// Both sides ended it.
    case complete
    case resetByPeer
    case resetByUs
  }

  /// What HEADERS for a closed stream are.
  enum Verdict: Equatable {
    /// They were under way when the stream was reset.
    case late
    /// A stream error of type STREAM_CLOSED.
    case streamError
    case connectionError(code: UInt32)
  }

  private struct Exception {
    var id: Int32
    var verdict: Verdict
  }

  /// Whether the peer opens the streams (it's a client).
  private let isServer: Bool
  private var highest: Int32 = -1
  private var exceptions: [Exception] = []
  private var nextException = 0
  /// Numbers that the client passed over, which closes them (RFC 9113 §5.1.1).
  private var skipped: [ClosedRange<Int32>] = []

  /// More resets than can be on their way at the same time.
  private static let exceptionLimit = 1024
  /// Clients pass over no numbers, or those before their first one.
  private static let skippedLimit = 16

  init(isServer: Bool) {
    self.isServer = isServer
  }

  /// Whether a client's stream with this number would be new.
  func isNew(_ id: Int32) -> Bool { id > self.highest }

  /// The client opens a stream, whatever becomes of it.
  mutating func opened(_ id: Int32) {
    guard id > self.highest else { return }
    if id > self.highest + 2, self.skipped.count < Self.skippedLimit {
      self.skipped.append(self.highest + 2...id - 2)
    }
    self.highest = id
  }

  /// A stream is over.
  mutating func closed(_ id: Int32, _ end: End) {
    switch end {
    // A server's HEADERS behind its end are its fault. Any other stream of a client's own may have been
    // reset, so what comes for it is late.
    case .complete:
      if !self.isServer { self.except(id, .connectionError(code: HTTP2ErrorCode.streamClosed)) }
    case .resetByPeer:
      self.except(id, .streamError)
    case .resetByUs:
      if self.isServer { self.except(id, .late) }
    }
  }

  /// Judges HEADERS for a stream that isn't there and that isn't new.
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
