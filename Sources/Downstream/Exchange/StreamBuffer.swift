internal import BridgeConfiguration
internal import Codec
internal import GRPCWire
internal import NIOCore

/// The part of a streamed answer that waits to be written: the head, and messages in one chunk.
///
/// Messages that come in the same turn of the loop share a chunk (RFC 9112 §7.1). Its size is written
/// in eight digits, whose place is reserved when it's opened. Where the body is compressed, a chunk is
/// when it's closed, and ends where what it holds can be inflated by itself.
struct StreamBuffer {
  private var buffer = ByteBuffer()
  /// Where the open chunk's size stands.
  private var chunk: Int?
  /// Whether the body is in chunks; otherwise it ends with the connection (HTTP/1.0).
  private var usesChunks = true
  private var format = StreamFormat.lines
  private var hasMessages = false
  /// Whether each message is the member `result` of an object, and an error the member `error`.
  private var hasEnvelope = false
  /// Nil for a body that isn't compressed.
  private var deflater: SharedDeflater?

  /// Past this many bytes a turn of the loop isn't awaited.
  static let flushByteCount = 32 << 10

  var isEmpty: Bool { self.buffer.readableBytes == 0 }
  var isFull: Bool { self.buffer.readableBytes >= Self.flushByteCount }

  /// Begins an answer with its head.
  ///
  /// - Parameter compression: of the body; only of one in chunks.
  mutating func begin(
    head: ByteBuffer, usesChunks: Bool, format: StreamFormat, hasEnvelope: Bool = false,
    compression: CompressionFormat? = nil
  ) {
    self.buffer = head
    self.chunk = nil
    self.usesChunks = usesChunks
    self.format = format
    self.hasMessages = false
    self.hasEnvelope = hasEnvelope
    self.deflater = compression.map(SharedDeflater.init)
  }

  /// Appends a message, which is one line of JSON or, as bytes, anything.
  mutating func append(message: borrowing ByteSink) {
    // An empty chunk would be the last one.
    if self.format == .bytes && message.count == 0 { return }
    self.openChunk()
    switch self.format {
    case .lines:
      self.write(message)
      self.buffer.writeStaticString("\n")
    case .array:
      self.buffer.writeStaticString(self.hasMessages ? ",\n" : "[")
      self.write(message)
    case .events:
      self.buffer.writeStaticString("data: ")
      self.write(message)
      self.buffer.writeStaticString("\n\n")
    case .bytes:
      self.buffer.write(message)
    }
    self.hasMessages = true
  }

  private mutating func write(_ message: borrowing ByteSink) {
    guard self.hasEnvelope else {
      self.buffer.write(message)
      return
    }
    self.buffer.writeStaticString("{\"result\":")
    self.buffer.write(message)
    self.buffer.writeStaticString("}")
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
      if self.hasEnvelope { self.buffer.writeStaticString("{\"error\":") }
      self.buffer.write(error)
      self.buffer.writeStaticString(self.hasEnvelope ? "}\n\n" : "\n\n")
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
  /// - Parameters:
  ///   - done: what the last event says, where one is configured.
  ///   - trailers: the trailer section, each field with its line end.
  mutating func end(done: String?, trailers: ByteBuffer? = nil) {
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
    self.endChunks(trailers: trailers)
  }

  /// Appends the end of a body behind an error.
  mutating func endChunks(trailers: ByteBuffer? = nil) {
    if self.deflater != nil { self.openChunk() }
    self.closeChunk(isLast: true)
    guard self.usesChunks else { return }
    self.buffer.writeStaticString("0\r\n")
    if let trailers { self.buffer.writeImmutableBuffer(trailers) }
    self.buffer.writeStaticString("\r\n")
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
    self.deflater = nil
  }

  private mutating func openChunk() {
    guard self.usesChunks, self.chunk == nil else { return }
    self.chunk = self.buffer.writerIndex
    self.buffer.writeStaticString("00000000\r\n")
  }

  private mutating func closeChunk(isLast: Bool = false) {
    guard let chunk = self.chunk else { return }
    self.chunk = nil
    if let deflater = self.deflater {
      self.compressChunk(at: chunk + Self.sizeLineByteCount, with: deflater, isLast: isLast)
    }
    var size = self.buffer.writerIndex - chunk - Self.sizeLineByteCount
    for place in (0..<8).reversed() {
      let digit = UInt8(size & 15)
      self.buffer.setInteger(
        digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10,
        at: chunk + place)
      size >>= 4
    }
    self.buffer.writeStaticString("\r\n")
  }

  @inline(never)
  private mutating func compressChunk(at start: Int, with deflater: SharedDeflater, isLast: Bool) {
    guard
      var plain = self.buffer.getSlice(at: start, length: self.buffer.writerIndex - start)
    else { return }
    self.buffer.moveWriterIndex(to: start)
    deflater.deflate(&plain, into: &self.buffer, finishes: isLast)
    if isLast { self.deflater = nil }
  }

  /// `00000000` and the line's end.
  private static let sizeLineByteCount = 10
}

/// A deflater that a copied value can hold.
private final class SharedDeflater {
  private var deflater: Deflater

  init(_ format: CompressionFormat) {
    self.deflater = Deflater(format, level: CompressionFormat.answerLevel)
  }

  func deflate(_ plain: inout ByteBuffer, into output: inout ByteBuffer, finishes: Bool) {
    self.deflater.deflate(&plain, into: &output, finishes: finishes)
  }
}

extension ByteBuffer {
  /// Appends the bytes of a sink.
  mutating func write(_ sink: borrowing ByteSink) {
    self.writeBytes(sink.bytes)
  }
}
