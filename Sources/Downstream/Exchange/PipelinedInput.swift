internal import DequeModule
internal import NIOCore

/// Input that arrived after the part being taken: parts of pipelined requests, then the error at which the
/// decoder stopped, or the close of the client's side. Pure.
struct PipelinedInput {
  /// The state of the input after the last part.
  private enum End {
    case open
    /// The client has closed its side.
    case closed
    /// The decoder can't parse what follows. It takes precedence over a close.
    case failed(RequestError)
  }

  /// An action that follows the last part.
  enum Action {
    /// Refuse the rest.
    case fail(RequestError)
    /// Read from the client again.
    case read
    case none
  }

  private var parts: Deque<RequestPart> = []
  /// The number of parts, because querying the queue for each part costs more.
  private var count = 0
  private var end = End.open
  /// Whether a read was suspended while there were parts.
  private var isReadSuspended = false

  /// The most parts that are kept. One read of 64 KiB yields fewer, and reading stops while there are
  /// any; exceeding it is an attempt to exhaust memory.
  static let limit = 16_384

  /// Whether nothing waits: neither parts nor what follows them.
  var isIdle: Bool {
    guard self.count == 0, !self.isReadSuspended, case .open = self.end else { return false }
    return true
  }

  /// Whether no part waits.
  var isEmpty: Bool { self.count == 0 }

  /// Whether the decoder has failed.
  var hasFailed: Bool {
    if case .failed = self.end { true } else { false }
  }

  /// Bytes of bodies in the parts.
  var byteCount: Int {
    self.parts.reduce(0) { sum, part in
      if case .body(let bytes) = part { sum + bytes.readableBytes } else { sum }
    }
  }

  /// Keeps a part until it can be taken.
  ///
  /// - Returns: false if there are too many.
  mutating func append(_ part: RequestPart) -> Bool {
    self.parts.append(part)
    self.count += 1
    return self.count <= Self.limit
  }

  /// The next part to take; nil if there's none.
  mutating func popFirst() -> RequestPart? {
    guard self.count > 0 else { return nil }
    self.count -= 1
    return self.parts.popFirst()
  }

  /// The decoder has failed after the parts. Only the first error counts.
  mutating func fail(_ error: RequestError) {
    if !self.hasFailed { self.end = .failed(error) }
  }

  /// The client has closed its side after the parts.
  mutating func close() {
    if !self.hasFailed { self.end = .closed }
  }

  /// Whether the client's close is due, because all parts before it are taken. True once.
  mutating func takeClose() -> Bool {
    guard self.isEmpty, case .closed = self.end else { return false }
    self.end = .open
    return true
  }

  /// The action that's due once all parts are taken. Each is returned once.
  mutating func takeAction() -> Action {
    guard self.isEmpty else { return .none }
    if case .failed(let error) = self.end {
      self.end = .open
      return .fail(error)
    }
    guard self.isReadSuspended else { return .none }
    self.isReadSuspended = false
    return .read
  }

  /// Whether more may be read from the client now; if not, `takeAction` returns `read` later.
  mutating func mayRead() -> Bool {
    if !self.isEmpty { self.isReadSuspended = true }
    return self.isEmpty
  }

  /// Discards the parts: the client has disconnected.
  mutating func removeAll() {
    self.parts.removeAll()
    self.count = 0
  }
}
