internal import Codec
internal import HTTP2
internal import NIOCore

/// Frames the responses of consecutive exchanges for the client's protocol, and tracks how much the
/// client takes. [seam: `HTTP1ServerHandler`, `HTTP2ServerStream`]
///
/// `begin`, `write` and `finish` queue their arguments; `flush` sends them. A response is `begin`, any
/// number of `write`, then `finish`; one that ends without `finish` is aborted, so that no client takes
/// it for complete. Confined to the loop of its connection.
protocol ResponseWriter: AnyObject {
  /// Whether the client takes more; false while more is queued than its socket or window can hold.
  var isWritable: Bool { get }
  /// Bytes queued so far, of all responses, heads included.
  var writtenByteCount: Int { get }
  /// The bytes of those that are still waiting for the client.
  var unsentByteCount: Int { get }
  /// The client's address; nil after it has disconnected, and on a UNIX socket.
  var remoteAddress: SocketAddress? { get }
  /// The connection, if it can become a tunnel or a WebSocket (RFC 9110 §7.8); nil for a stream.
  var upgradableConnection: HTTP1ServerHandler? { get }

  /// Sends `100 Continue` at once.
  func writeContinue()
  /// Queues a head.
  ///
  /// - Parameter closes: whether the connection carries no other response.
  func begin(_ head: borrowing ResponseHead, closes: Bool)
  /// Queues a whole response whose head declares its length.
  func write(_ head: borrowing ResponseHead, _ body: borrowing ByteSink, closes: Bool)
  /// Queues a part of the body; ignored if the head declares none. A part with `ByteBuffer.framingRoom`
  /// bytes before its reader index is framed in place.
  func write(_ bytes: consuming ByteBuffer)
  /// Queues the end of the response.
  ///
  /// - Parameter trailers: fields after the body; only if the head doesn't declare its length.
  func finish(_ trailers: HeaderBlock)
  /// Whether the last response of a connection is being written.
  var isWritingLast: Bool { get }
  /// Sends what's queued, in the middle of a response.
  func flush()
  /// Sends what's queued at a response's end, and does what follows to the connection.
  func flush(_ after: ExchangeState.After)
  /// Resumes reading.
  func read()
  /// Closes the connection, or resets the stream.
  func closeNow()
}

extension ResponseWriter {
  func write(_ head: borrowing ResponseHead, _ body: borrowing ByteSink, closes: Bool) {
    self.begin(head, closes: closes)
    self.write(body)
    self.finish(HeaderBlock())
  }

  /// Queues a part of the body.
  func write(_ bytes: borrowing ByteSink) {
    var buffer = ByteBuffer.withFramingRoom(capacity: bytes.count)
    buffer.write(bytes)
    self.write(buffer)
  }
}

extension ByteBuffer {
  /// Bytes that a protocol may need before a part of a body: for the size of a chunk (RFC 9112 §7.1).
  static let framingRoom = 18

  /// An empty buffer with this room before its content.
  ///
  /// - Parameter capacity: of the content, in bytes.
  static func withFramingRoom(capacity: Int) -> ByteBuffer {
    // Two bytes for the end of a chunk.
    var buffer = ByteBufferAllocator().buffer(capacity: Self.framingRoom + capacity + 2)
    buffer.writeRepeatingByte(0, count: Self.framingRoom)
    buffer.moveReaderIndex(forwardBy: Self.framingRoom)
    return buffer
  }
}
