package import NIOCore

/// The owner of an `HTTP2ConnectionDriver`: a client or server connection.
package protocol HTTP2ConnectionOwner: AnyObject {
  /// Handles events of the session. It may queue frames, which adds no events.
  ///
  /// - Parameter bytes: the read to which the ranges of `data` events refer.
  func receive(_ events: [HTTP2Event], of bytes: ByteBuffer)
  /// The events are cleared.
  func eventsCleared()
  /// Bytes of a watched stream may have been sent.
  ///
  /// - Returns: whether to be notified again.
  func streamAdvanced(_ stream: HTTP2Stream) -> Bool
  /// Queued frames are written, as far as the channel takes them.
  ///
  /// - Parameter hasWritten: whether there were any.
  func flushed(hasWritten: Bool)
  /// The session has ended and its output is written: the channel is to be closed.
  func sessionEnded()
}

/// The I/O of one HTTP/2 connection: passes received bytes to the session, its events to the owner, and
/// its output to the channel.
///
/// Confined to its loop. Frames queued during a tick are written together at its end, and only while the
/// channel is writable. Reading and writing aren't reentrant: a flush requested meanwhile follows later.
package final class HTTP2ConnectionDriver: DeferredFlush {
  /// Whether bytes may pass.
  private enum Phase {
    /// Not yet: the socket connects, or TLS shakes hands. Valid transitions: open, ended.
    case opening
    /// Valid transition: ended.
    case open
    /// Not any more.
    case ended
  }

  package let session: HTTP2Session
  /// Nil before the channel exists and after it has closed.
  package private(set) var context: ChannelHandlerContext?
  /// Bytes passed to the channel so far.
  package private(set) var writtenByteCount = 0
  package var isFlushDue = false
  private let flushQueue: FlushQueue
  /// Set together with `context`, so that the cycle ends with the channel.
  private var owner: (any HTTP2ConnectionOwner)?
  private var phase = Phase.opening
  /// As last reported by the channel: asking it costs more than a call's share of a write.
  private var isWritable = true
  /// Streams whose calls wait until bytes have been sent.
  private var watched: [HTTP2Stream] = []
  /// Whether events are being handled or bytes written, further up the stack.
  private var isBusy = false
  /// Whether a flush was requested meanwhile.
  private var isFlushRequested = false

  package init(_ session: HTTP2Session, flushQueue: FlushQueue) {
    self.session = session
    self.flushQueue = flushQueue
  }

  // MARK: Channel

  /// The owner was added to the channel's pipeline.
  package func attach(_ context: ChannelHandlerContext, to owner: any HTTP2ConnectionOwner) {
    self.context = context
    self.owner = owner
    self.isWritable = context.channel.isWritable
  }

  /// The owner was removed from the pipeline.
  package func detach() {
    self.context = nil
    self.owner = nil
  }

  /// Bytes may be sent from now on; those already queued follow at the end of the tick.
  package func open() {
    guard self.phase == .opening else { return }
    self.phase = .open
    self.scheduleFlush()
  }

  /// Passes neither bytes nor events from now on, except those being handled.
  package func end() {
    self.phase = .ended
    self.watched = []
  }

  package func receive(_ bytes: ByteBuffer) {
    guard self.phase != .ended else { return }
    self.session.receive(bytes)
    self.handleEvents(of: bytes)
  }

  /// The channel's writability has changed.
  ///
  /// - Returns: whether it's writable; what is queued has been written then.
  @discardableResult
  package func writabilityChanged() -> Bool {
    guard let context = self.context else { return false }
    self.isWritable = context.channel.isWritable
    if self.isWritable { self.flush() }
    return self.isWritable
  }

  package func readComplete() {
    guard self.phase != .ended else { return }
    if self.session.wantsWrite || self.session.isDone { self.scheduleFlush() }
  }

  // MARK: Writing

  /// Writes the session's output at the end of the current tick.
  package func scheduleFlush() {
    self.flushQueue.add(self)
  }

  /// Notifies the owner whenever bytes have been sent, until it declines.
  package func watch(_ stream: HTTP2Stream) {
    if !self.watched.contains(stream) { self.watched.append(stream) }
  }

  /// Writes the session's output while the channel is writable.
  package func flush() {
    guard self.phase == .open, let context = self.context, let owner = self.owner else { return }
    guard !self.isBusy else {
      self.isFlushRequested = true
      return
    }
    var hasMore = true
    var hasWritten = false
    while hasMore && self.isWritable && self.phase == .open {
      hasMore = self.session.drain()
      let byteCount = self.session.output.readableBytes
      if byteCount > 0 {
        hasWritten = true
        self.writtenByteCount &+= byteCount
        self.isBusy = true
        context.writeAndFlush(NIOAny(self.session.output), promise: nil)
        self.session.clearOutput()
        self.isBusy = false
      }
      if !self.watched.isEmpty {
        self.notifyWatched(owner)
        hasMore = hasMore || self.session.wantsWrite
      }
      self.handleEvents(of: ByteBuffer())
    }
    self.isFlushRequested = false
    if self.session.isDone {
      owner.sessionEnded()
    } else {
      owner.flushed(hasWritten: hasWritten)
    }
  }

  private func notifyWatched(_ owner: any HTTP2ConnectionOwner) {
    let watched = self.watched
    self.watched.removeAll(keepingCapacity: true)
    for stream in watched where owner.streamAdvanced(stream) { self.watch(stream) }
  }

  // MARK: Events

  private func handleEvents(of bytes: ByteBuffer) {
    guard !self.session.events.isEmpty, let owner = self.owner else { return }
    self.isBusy = true
    owner.receive(self.session.events, of: bytes)
    self.session.clearEvents()
    owner.eventsCleared()
    self.isBusy = false
    guard self.isFlushRequested else { return }
    self.isFlushRequested = false
    self.scheduleFlush()
  }
}
