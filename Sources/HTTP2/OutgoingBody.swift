internal import DequeModule
internal import NIOCore

/// The data that a stream has yet to send: buffers in order, and how it ends.
///
/// The first buffer is outside the queue, because most streams never have a second one and so
/// allocate no queue.
struct OutgoingBody {
  private var first: ByteBuffer?
  private var later: Deque<ByteBuffer> = []
  /// Payload bytes not yet taken.
  private(set) var byteCount = 0
  /// Whether nothing will be appended any more.
  private(set) var isEnded = false
  /// Sent after the last byte; nil: the last DATA frame ends the stream.
  private(set) var trailers: HeaderBlock?
  /// Whether a frame was requested when there were no bytes, and nghttp2 waits for a resume.
  var isDeferred = false
  /// Whether the last byte has been framed, with END_STREAM or with trailers after it.
  private(set) var isSent = false

  /// The next DATA frame.
  enum Frame: Equatable {
    /// There's nothing to send yet.
    case none
    /// This many bytes, with more to follow.
    case middle(Int)
    /// The last bytes, possibly none; trailers follow or the frame ends the stream.
    case last(Int, hasTrailers: Bool)
  }

  /// Appends payload. Nothing may be appended after `end`.
  mutating func append(_ buffer: ByteBuffer) {
    guard buffer.readableBytes > 0 else { return }
    self.byteCount += buffer.readableBytes
    if self.first == nil {
      self.first = buffer
    } else {
      self.later.append(buffer)
    }
  }

  /// Closes the queue.
  mutating func end(trailers: HeaderBlock?) {
    self.isEnded = true
    self.trailers = trailers?.isEmpty == true ? nil : trailers
  }

  /// Records that the header block ended the stream: there is no DATA frame.
  mutating func endWithHead() {
    self.isEnded = true
    self.isSent = true
  }

  /// Determines the next DATA frame; its bytes are then fetched by `take`.
  ///
  /// - Parameter joins: whether one frame may contain bytes of several buffers.
  mutating func nextFrame(limit: Int, joins: Bool) -> Frame {
    let length = min(limit, joins ? self.byteCount : (self.first?.readableBytes ?? 0))
    if self.isEnded && length == self.byteCount {
      self.isSent = true
      return .last(length, hasTrailers: self.trailers != nil)
    }
    if length == 0 {
      self.isDeferred = true
      return .none
    }
    return .middle(length)
  }

  /// Moves the next `count` bytes, which must exist, to the end of `output`. The only copy.
  mutating func take(_ count: Int, into output: inout ByteBuffer) {
    var missing = count
    while missing > 0, var buffer = self.first.take() {
      let length = min(missing, buffer.readableBytes)
      if var slice = buffer.readSlice(length: length) { output.writeBuffer(&slice) }
      missing -= length
      self.byteCount -= length
      self.first = buffer.readableBytes > 0 ? buffer : self.later.popFirst()
    }
    precondition(missing == 0, "more bytes requested than frameLength allows")
  }

  /// Takes the trailers, once.
  mutating func takeTrailers() -> HeaderBlock? {
    self.trailers.take()
  }
}
