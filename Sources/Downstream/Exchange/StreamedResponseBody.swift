internal import BridgeConfiguration
internal import Codec
internal import GRPCWire
internal import NIOCore

/// The part of a streamed response's body that is waiting to be written: messages in their format,
/// compressed if the response is.
///
/// Messages that arrive in the same turn of the loop are written together. If the body is compressed,
/// each write can be inflated without the ones after it.
struct StreamedResponseBody {
  /// Without capacity between a `take` and the next message.
  private var buffer = ByteBuffer()
  /// The capacity of the next buffer: about what the last one held.
  private var capacity = Self.leastCapacity
  private var format = StreamFormat.lines
  private var hasMessages = false
  /// Whether each message is the member `result` of an object, and an error the member `error`.
  private var hasEnvelope = false
  /// Nil if the body isn't compressed.
  private var deflater: SharedDeflater?

  /// Above this many bytes, the body is flushed without waiting for the end of the loop's turn.
  static let flushByteCount = 32 << 10
  private static let leastCapacity = 512

  var isEmpty: Bool { self.buffer.readableBytes == 0 }
  var isFull: Bool { self.buffer.readableBytes >= Self.flushByteCount }

  /// Begins a body.
  mutating func begin(
    format: StreamFormat, hasEnvelope: Bool = false, compression: CompressionFormat? = nil
  ) {
    self.buffer = ByteBuffer()
    self.capacity = Self.leastCapacity
    self.format = format
    self.hasMessages = false
    self.hasEnvelope = hasEnvelope
    self.deflater = compression.map(SharedDeflater.init)
  }

  /// Appends a message, which is one line of JSON or, for `.bytes`, arbitrary.
  mutating func append(message: borrowing ByteSink) {
    self.makeBuffer()
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

  private mutating func makeBuffer() {
    if self.buffer.capacity == 0 { self.buffer = .withFramingRoom(capacity: self.capacity) }
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

  /// Appends the JSON of an error, which only the end may follow, in a format that `holdsErrors`.
  mutating func append(error: borrowing ByteSink) {
    self.makeBuffer()
    switch self.format {
    case .lines:
      self.buffer.writeStaticString("{\"error\":")
      self.buffer.write(error)
      self.buffer.writeStaticString("}\n")
    case .array, .bytes:
      assertionFailure("the format can't carry an error")
    case .events:
      self.buffer.writeStaticString("event: error\ndata: ")
      if self.hasEnvelope { self.buffer.writeStaticString("{\"error\":") }
      self.buffer.write(error)
      self.buffer.writeStaticString(self.hasEnvelope ? "}\n\n" : "\n\n")
    }
  }

  /// Appends a comment, which event stream readers ignore.
  mutating func appendHeartbeat() {
    assert(self.format == .events)
    self.makeBuffer()
    self.buffer.writeStaticString(":\n\n")
  }

  /// Appends the end of a complete body.
  ///
  /// - Parameter done: the content of the last event, if configured.
  mutating func end(done: String?) {
    switch self.format {
    case .lines, .bytes:
      break
    case .array:
      self.makeBuffer()
      self.buffer.writeStaticString(self.hasMessages ? "]\n" : "[]\n")
    case .events:
      guard let done else { break }
      self.makeBuffer()
      self.buffer.writeString("data: \(done)\n\n")
    }
  }

  /// Takes the bytes that can be written now; nil if there are none.
  ///
  /// - Parameter isLast: whether the body ends with it.
  mutating func take(isLast: Bool = false) -> ByteBuffer? {
    guard self.buffer.readableBytes > 0 || (isLast && self.deflater != nil) else { return nil }
    var taken = self.buffer
    self.buffer = ByteBuffer()
    self.capacity = min(max(taken.readableBytes, Self.leastCapacity), Self.flushByteCount)
    if let deflater = self.deflater {
      var compressed = ByteBuffer.withFramingRoom(capacity: Self.leastCapacity)
      deflater.deflate(&taken, into: &compressed, finishes: isLast)
      if isLast { self.deflater = nil }
      return compressed
    }
    return taken
  }

  /// Discards everything.
  mutating func removeAll() {
    self.buffer = ByteBuffer()
    self.deflater = nil
  }
}

/// A deflater with reference semantics, for values that are copied.
private final class SharedDeflater {
  private var deflater: Deflater

  init(_ format: CompressionFormat) {
    self.deflater = Deflater(format, level: CompressionFormat.responseLevel)
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
