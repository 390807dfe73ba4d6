internal import CNghttp2
package import NIOCore

/// An HTTP/2 connection without its socket: bytes in, events and bytes out.
///
/// Either side, client or server. The session does no I/O: the owner passes it received bytes
/// (`receive`), handles `events`, and sends `output` after `drain`. After each receive: handle the
/// events, drain, write, and close the socket if `isDone`; that's the only sign of a peer that
/// violated the protocol (RFC 9113 §5.4.1: nghttp2 queues the GOAWAY and stops wanting to read).
///
/// Confined to one thread. nghttp2 is never called from within its own callbacks except to look up or
/// set a stream's user data, which it allows: callbacks append events, and the owner acts on
/// those after nghttp2 has returned.
@safe
package final class HTTP2Session {
  /// Which side of the connection this is.
  package enum Role {
    case client
    case server
  }

  /// Options of a session. The defaults suit a client of a gRPC server.
  package struct Options {
    /// Largest header list accepted, in bytes as RFC 9113 §6.5.2 counts them; announced as
    /// SETTINGS_MAX_HEADER_LIST_SIZE and enforced. Stops a peer from filling memory with fields.
    package var headerByteLimit = 64 << 10
    /// Bytes that one stream may send before it's read (SETTINGS_INITIAL_WINDOW_SIZE). 1 MiB: enough
    /// for 1 GB/s at 1 ms round trip, and the limit on what is buffered for a paused stream.
    package var streamWindow = 1 << 20
    /// How much the windows of all streams together may grow beyond `streamWindow`; see
    /// `setStreamWindow`. 16 MiB.
    package var windowByteLimit = 16 << 20
    /// Bytes that all streams may send together. 16 MiB, far above one stream's window, and returned
    /// immediately: a fast stream must never wait for it while another is paused.
    package var connectionWindow = 16 << 20
    /// Streams that the peer may have open (SETTINGS_MAX_CONCURRENT_STREAMS), for servers. 1024.
    package var concurrentStreams = 1024
    /// Whether one DATA frame may contain several messages; if not, each buffer begins a frame.
    package var joinsBuffers = true
    /// The clock of the client's fault budget.
    package var now: () -> NIODeadline = { .now() }

    package init() {}

    /// The size beyond which the rest of a too large header block isn't read at all. A block may
    /// reference one large field of the dynamic table thousands of times (RFC 7541 §7.3), at a byte
    /// each.
    var headerByteBound: Int { max(4 * self.headerByteLimit, 256 << 10) }
  }

  /// The session's state of a stream.
  struct StreamEntry {
    /// 0: the slot is free.
    var id: Int32
    var body = OutgoingBody()
    /// Payload bytes handled by the owner and not yet returned to the stream's window.
    var owedWindow = 0
    /// Payload bytes returned to its window so far.
    var returnedBytes = 0
    /// The growth of its window, in bytes.
    var windowBytesAdded = 0
    /// Whether the owner has reset it.
    var isReset = false
    /// Whether the peer has violated the protocol on it, and it's about to be reset for that.
    var isFaulty = false
  }

  let role: Role
  let options: Options
  let handle: OpaquePointer
  /// Events since `clearEvents`, oldest first.
  package internal(set) var events: [HTTP2Event] = []
  /// The fields that header events point into.
  package internal(set) var headers = HeaderBlock()
  /// Bytes from `drain`, to be written.
  package internal(set) var output = ByteBuffer()
  /// nghttp2's objection to the peer, in its words. For log and error messages.
  package internal(set) var complaint: String?

  /// Total payload returned to the windows of its streams, in bytes.
  package internal(set) var returnedBytes = 0

  /// The size to which a stream's window grows once enough of its payload has been consumed.
  var grownWindow: Int
  /// The growth of the windows of all open streams together.
  var windowBytesAdded = 0
  var streams: [StreamEntry] = []
  /// Slots of closed streams; reused once no event refers to them.
  var freeSlots: [Int] = []
  var closedSlots: [Int] = []
  /// Streams whose last DATA frame has been framed and whose trailers must follow it.
  var dueTrailers: [HTTP2Stream] = []
  /// Payload queued in all streams together.
  package var queuedBytes = 0
  /// How far `drain` may fill `output`.
  var outputLimit = 0
  /// Whether `drain` stopped at its limit.
  var isOutputFull = false
  /// The start of the bytes of the current `receive`; nil outside of it.
  var receiveBase: UnsafePointer<UInt8>?
  /// Payload of the current `receive`.
  var receivedPayload = 0
  /// The header block being received, which may take several reads: whether there is one, its first
  /// field, its size so far, whether it's too large.
  var isBlockOpen = false
  var blockStart = 0
  var blockSize = 0
  var isBlockTooLarge = false
  /// The stream of the last lookup: frames arrive in runs.
  var lastFound = HTTP2Stream(id: 0, slot: 0)
  /// The stream of the last request that could not be sent.
  var unsentRequest: Int32 = 0
  /// The stream that the peer reset last.
  var peerReset: Int32 = 0
  /// How the peer violated the protocol on streams, since `clearEvents`.
  var violations: [Int32: String] = [:]
  /// The client's remaining fault budget.
  var faults = FaultBudget()
  var closedStreams: ClosedStreams
  /// Closed streams for which RST_STREAM is due.
  var dueResets: [Int32] = []
  /// Whether GOAWAY was sent: frames for streams beyond its last one are ignored.
  var hasSaidGoodbye = false
  /// The error code with which to end the connection immediately; nil: it continues.
  var givenUp: UInt32?
  /// Name-value pairs for one submit call.
  var fieldScratch: UnsafeMutablePointer<nghttp2_nv>
  var fieldCapacity = 32
  /// Whether nghttp2 failed (out of memory, flooded, no HTTP/2 preface); it must not be called any
  /// more.
  var isBroken = false

  /// Creates a session and queues its preface and SETTINGS.
  package init(role: Role, options: Options = Options()) {
    self.role = role
    self.options = options
    self.grownWindow = options.streamWindow
    self.closedStreams = ClosedStreams(isServer: role == .server)
    unsafe self.handle = Self.makeHandle(role)
    unsafe self.fieldScratch = .allocate(capacity: self.fieldCapacity)
    unsafe nghttp2_session_set_user_data(
      self.handle, Unmanaged.passUnretained(self).toOpaque())
    self.submitSettings()
  }

  deinit {
    unsafe nghttp2_session_del(self.handle)
    unsafe self.fieldScratch.deallocate()
  }

  // MARK: Receiving

  /// Processes received bytes. The results are in `events`; handle them before the next call.
  package func receive(_ bytes: ByteBuffer) {
    guard !self.isBroken else { return }
    let count = unsafe bytes.withUnsafeReadableBytes { raw -> Int in
      let base = unsafe raw.bindMemory(to: UInt8.self).baseAddress
      unsafe self.receiveBase = base
      return unsafe nghttp2_session_mem_recv(self.handle, base, raw.count)
    }
    unsafe self.receiveBase = nil
    if count < 0 {
      // NGHTTP2_ERR_NOMEM, _BAD_CLIENT_MAGIC, _FLOODED, _CALLBACK_FAILURE (`givenUp`).
      if self.complaint == nil {
        self.complaint = unsafe String(cString: nghttp2_strerror(Int32(count)))
      }
      let isFlooded = count == Int(NGHTTP2_ERR_FLOODED.rawValue)
      self.breakOff(
        self.givenUp ?? (isFlooded ? HTTP2ErrorCode.enhanceYourCalm : HTTP2ErrorCode.protocolError))
    } else {
      if self.receivedPayload > 0 {
        _ = unsafe nghttp2_session_consume_connection(self.handle, self.receivedPayload)
      }
      if !self.dueResets.isEmpty { self.submitDueResets() }
    }
    self.receivedPayload = 0
  }

  /// Removes the events and their fields, and keeps the memory. The fields of an incomplete block
  /// stay.
  package func clearEvents() {
    self.events.removeAll(keepingCapacity: true)
    if !self.violations.isEmpty { self.violations.removeAll() }
    if self.isBlockOpen {
      self.headers.removeFields(before: self.blockStart)
      self.blockStart = 0
    } else {
      self.headers.removeAll()
    }
    if !self.closedSlots.isEmpty {
      self.freeSlots.append(contentsOf: self.closedSlots)
      self.closedSlots.removeAll(keepingCapacity: true)
    }
  }

  /// Returns bytes of a stream's payload, which have been consumed, to its window.
  ///
  /// WINDOW_UPDATE is sent in steps of a quarter of the window, so that a small response costs no
  /// call and no frame. Not calling it applies back pressure to a fast peer. A stream with enough
  /// bytes returned gets a larger window (`setStreamWindow`).
  package func returnWindow(_ stream: HTTP2Stream, byteCount: Int) {
    guard self.isKnown(stream), !self.isBroken else { return }
    self.returnedBytes &+= byteCount
    let entry = self.streams[stream.slot]
    let owed = entry.owedWindow + byteCount
    guard owed >= (self.options.streamWindow + entry.windowBytesAdded) / 4 else {
      self.streams[stream.slot].owedWindow = owed
      return
    }
    self.streams[stream.slot].owedWindow = 0
    self.streams[stream.slot].returnedBytes += owed
    _ = unsafe nghttp2_session_consume_stream(self.handle, stream.id, owed)
    if self.grownWindow > self.options.streamWindow { self.growWindow(of: stream) }
  }

  // MARK: Writing

  /// Frames queued data and appends it to `output`, up to about `limit` bytes. Streams may close in
  /// the process: handle the events afterwards.
  ///
  /// - Returns: whether more could be sent now.
  package func drain(limit: Int = 256 << 10) -> Bool {
    guard !self.isBroken else { return false }
    let hasMore = self.fillOutput(limit: limit)
    guard let code = self.givenUp else { return hasMore }
    self.breakOff(code)
    return false
  }

  private func fillOutput(limit: Int) -> Bool {
    self.outputLimit = limit
    self.isOutputFull = false
    if self.queuedBytes > 0 {
      self.output.reserveCapacity(
        minimumWritableBytes: min(self.queuedBytes, limit) + Self.framingReserve)
    }
    while true {
      var chunk: UnsafePointer<UInt8>?
      let count = unsafe nghttp2_session_mem_send(self.handle, &chunk)
      if count < 0 {
        // NGHTTP2_ERR_NOMEM (_CALLBACK_FAILURE: the callbacks for sending never fail).
        self.isBroken = true
        return false
      }
      if count > 0 {
        unsafe self.output.writeBytes(UnsafeRawBufferPointer(start: chunk, count: count))
        if self.output.readableBytes >= limit { return self.wantsWrite }
      } else if self.isOutputFull {
        return true
      } else if !self.submitDueTrailers() {
        return false
      }
    }
  }

  /// Clears `output` after it was written, and keeps its memory unless it grew large.
  package func clearOutput() {
    if self.output.capacity > Self.keptOutputBytes {
      self.output = ByteBuffer()
    } else {
      self.output.clear()
    }
  }

  /// Whether `drain` would produce output.
  package var wantsWrite: Bool {
    guard !self.isBroken, self.givenUp == nil else { return !self.isBroken }
    return unsafe nghttp2_session_want_write(self.handle) != 0 || !self.dueTrailers.isEmpty
  }

  /// Whether the connection has ended and its socket must be closed, once `output` is written.
  package var isDone: Bool {
    guard !self.isBroken else { return true }
    let wantsRead = unsafe nghttp2_session_want_read(self.handle) != 0
    return !wantsRead && !self.wantsWrite
  }

  // MARK: Streams

  /// Whether the stream is open. A stale value (its stream closed) is not.
  package func isKnown(_ stream: HTTP2Stream) -> Bool {
    stream.slot < self.streams.count && self.streams[stream.slot].id == stream.id
  }

  /// Whether all of this side of the stream has been framed.
  package func isSent(_ stream: HTTP2Stream) -> Bool {
    !self.isKnown(stream) || self.streams[stream.slot].body.isSent
  }

  /// Whether all of this side of the stream has been framed, including any trailers.
  package func isFinished(_ stream: HTTP2Stream) -> Bool {
    guard self.isKnown(stream) else { return true }
    let body = self.streams[stream.slot].body
    return body.isSent && body.trailers == nil
  }

  /// Payload of the stream that isn't framed yet, in bytes.
  package func unsentBytes(_ stream: HTTP2Stream) -> Int {
    self.isKnown(stream) ? self.streams[stream.slot].body.byteCount : 0
  }

  /// Streams that the peer allows to be open at a time (its SETTINGS_MAX_CONCURRENT_STREAMS).
  package var peerConcurrentStreams: Int {
    let value = unsafe nghttp2_session_get_remote_settings(
      self.handle, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
    return Int(value)
  }

  /// The initial window of a stream to the peer (its SETTINGS_INITIAL_WINDOW_SIZE), in bytes.
  package var peerStreamWindow: Int {
    let value = unsafe nghttp2_session_get_remote_settings(
      self.handle, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE)
    return Int(value)
  }

  /// How the peer violated the protocol on a stream, for which this side closes it; nil if it didn't.
  /// Available for as long as the stream's `closed` or `invalidRequest` event.
  package func violation(on stream: HTTP2Stream) -> String? {
    self.violations.isEmpty ? nil : self.violations[stream.id]
  }

  /// Finds the slot of a stream that nghttp2 knows.
  func find(_ id: Int32) -> HTTP2Stream? {
    if self.lastFound.id == id { return self.lastFound }
    guard
      let tag = unsafe nghttp2_session_get_stream_user_data(self.handle, id)
    else { return nil }
    let stream = HTTP2Stream(id: id, slot: Int(bitPattern: tag) - 1)
    self.lastFound = stream
    return stream
  }

  /// Takes a free slot. Its stream has no identifier yet.
  func takeSlot() -> Int {
    if let slot = self.freeSlots.popLast() { return slot }
    self.streams.append(StreamEntry(id: 0))
    return self.streams.count - 1
  }

  /// The user data of a stream in nghttp2: its slot, never nil.
  static func tag(_ slot: Int) -> UnsafeMutableRawPointer? {
    unsafe UnsafeMutableRawPointer(bitPattern: slot + 1)
  }

  /// Room for frame headers and header blocks beside the payload, in bytes.
  private static let framingReserve = 4 << 10
  /// An output buffer larger than this isn't reused.
  private static let keptOutputBytes = 512 << 10
}
