internal import Codec
internal import NIOCore

/// The part of a streamed answer that waits to be written: the head, and messages in one chunk.
///
/// Messages that come in the same turn of the loop share a chunk (RFC 9112 §7.1). Its size is written
/// in eight digits, whose place is reserved when it's opened.
struct StreamBuffer {
  private var buffer = ByteBuffer()
  /// Where the open chunk's size stands.
  private var chunk: Int?
  /// Whether the body is in chunks; otherwise it ends with the connection (HTTP/1.0).
  private var usesChunks = true
  private var format = StreamFormat.lines
  private var hasMessages = false

  /// Past this many bytes a turn of the loop isn't awaited.
  static let flushByteCount = 32 << 10

  var isEmpty: Bool { self.buffer.readableBytes == 0 }
  var isFull: Bool { self.buffer.readableBytes >= Self.flushByteCount }

  /// Begins an answer with its head.
  mutating func begin(head: ByteBuffer, usesChunks: Bool, format: StreamFormat) {
    self.buffer = head
    self.chunk = nil
    self.usesChunks = usesChunks
    self.format = format
    self.hasMessages = false
  }

  /// Appends a message, which is one line of JSON or, as bytes, anything.
  mutating func append(message: borrowing ByteSink) {
    // An empty chunk would be the last one.
    if self.format == .bytes && message.count == 0 { return }
    self.openChunk()
    switch self.format {
    case .lines:
      self.buffer.write(message)
      self.buffer.writeStaticString("\n")
    case .array:
      self.buffer.writeStaticString(self.hasMessages ? ",\n" : "[")
      self.buffer.write(message)
    case .events:
      self.buffer.writeStaticString("data: ")
      self.buffer.write(message)
      self.buffer.writeStaticString("\n\n")
    case .bytes:
      self.buffer.write(message)
    }
    self.hasMessages = true
  }

  /// Appends the JSON of an error, behind which only the end follows, in a format that `holdsErrors`.
  mutating func append(error: borrowing ByteSink) {
    self.openChunk()
    switch self.format {
    case .lines:
      self.buffer.writeStaticString("{\"error\":")
      self.buffer.write(error)
      self.buffer.writeStaticString("}\n")
    case .array, .bytes:
      assertionFailure("what has no place for an error is broken off")
    case .events:
      self.buffer.writeStaticString("event: error\ndata: ")
      self.buffer.write(error)
      self.buffer.writeStaticString("\n\n")
    }
  }

  /// Appends a comment, which readers of events pass over.
  mutating func appendHeartbeat() {
    assert(self.format == .events)
    self.openChunk()
    self.buffer.writeStaticString(":\n\n")
  }

  /// Appends the end of a body that's whole.
  ///
  /// - Parameter done: what the last event says, where one is configured.
  mutating func end(done: String?) {
    switch self.format {
    case .lines, .bytes:
      break
    case .array:
      self.openChunk()
      self.buffer.writeStaticString(self.hasMessages ? "]\n" : "[]\n")
    case .events:
      guard let done else { break }
      self.openChunk()
      self.buffer.writeString("data: \(done)\n\n")
    }
    self.endChunks()
  }

  /// Appends the end of a body behind an error.
  mutating func endChunks() {
    self.closeChunk()
    if self.usesChunks { self.buffer.writeStaticString("0\r\n\r\n") }
  }

  /// Takes what can be written now; nil where there's nothing.
  mutating func take() -> ByteBuffer? {
    guard self.buffer.readableBytes > 0 else { return nil }
    self.closeChunk()
    let taken = self.buffer
    self.buffer = ByteBuffer()
    return taken
  }

  /// Forgets everything.
  mutating func removeAll() {
    self.buffer = ByteBuffer()
    self.chunk = nil
  }

  private mutating func openChunk() {
    guard self.usesChunks, self.chunk == nil else { return }
    self.chunk = self.buffer.writerIndex
    self.buffer.writeStaticString("00000000\r\n")
  }

  private mutating func closeChunk() {
    guard let chunk = self.chunk else { return }
    self.chunk = nil
    var size = self.buffer.writerIndex - chunk - 10
    for place in (0..<8).reversed() {
      let digit = UInt8(size & 15)
      self.buffer.setInteger(
        digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10,
        at: chunk + place)
      size >>= 4
    }
    self.buffer.writeStaticString("\r\n")
  }
}

extension ByteBuffer {
  /// Appends the bytes of a sink.
  mutating func write(_ sink: borrowing ByteSink) {
    self.writeBytes(sink.bytes)
  }
}
