internal import Codec
internal import NIOCore

/// The part of a streamed answer that waits to be written: the head, and lines of JSON in one chunk.
///
/// Lines that come in the same turn of the loop share a chunk (RFC 9112 §7.1). Its size is written in
/// eight digits, whose place is reserved when it's opened.
struct StreamBuffer {
  private var buffer = ByteBuffer()
  /// Where the open chunk's size stands.
  private var chunk: Int?
  /// Whether the body is in chunks; otherwise it ends with the connection (HTTP/1.0).
  private var usesChunks = true

  /// Past this many bytes a turn of the loop isn't awaited.
  static let flushByteCount = 32 << 10

  var isEmpty: Bool { self.buffer.readableBytes == 0 }
  var isFull: Bool { self.buffer.readableBytes >= Self.flushByteCount }

  /// Begins an answer with its head.
  mutating func begin(head: ByteBuffer, usesChunks: Bool) {
    self.buffer = head
    self.chunk = nil
    self.usesChunks = usesChunks
  }

  /// Appends a line; its end is added.
  mutating func append(line: borrowing ByteSink) {
    if self.usesChunks, self.chunk == nil {
      self.chunk = self.buffer.writerIndex
      self.buffer.writeStaticString("00000000\r\n")
    }
    self.buffer.write(line)
    self.buffer.writeInteger(UInt8(ascii: "\n"))
  }

  /// Appends the end of the body.
  mutating func end() {
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
