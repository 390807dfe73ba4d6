internal import Codec
internal import HTTP2
internal import NIOCore

/// Frames the responses of one exchange after the other by the protocol of their client, and knows what
/// the client takes. [seam: `HTTP1ServerHandler`, `HTTP2ServerStream`]
///
/// What `begin`, `write` and `finish` take is queued; `flush` sends it. A response is `begin`, any number
/// of `write`, then `finish`; one that ends without `finish` is broken off, so that no client takes it
/// for whole. Confined to the loop of its connection.
protocol ResponseWriter: AnyObject {
  /// Whether the client takes what's sent; false while more waits than its socket or window holds.
  var isWritable: Bool { get }
  /// Bytes queued so far, of all responses, heads included.
  var writtenByteCount: Int { get }
  /// Of those, the bytes that wait for the client.
  var unsentByteCount: Int { get }
  /// The client's address; nil after it has disconnected, and on a UNIX socket.
  var remoteAddress: SocketAddress? { get }
  /// The connection, where it can become a tunnel or a WebSocket (RFC 9110 §7.8); nil for a stream.
  var upgradableConnection: HTTP1ServerHandler? { get }

  /// Sends `100 Continue` at once.
  func writeContinue()
  /// Queues a head.
  ///
  /// - Parameter closes: whether the connection carries no other response.
  func begin(_ head: borrowing ResponseHead, closes: Bool)
  /// Queues a whole response whose head announces its length.
  func write(_ head: borrowing ResponseHead, _ body: borrowing ByteSink, closes: Bool)
  /// Queues a part of the body; ignored if the head announces none. One with `ByteBuffer.framingRoom`
  /// bytes before its reader index is framed in place.
  func write(_ bytes: consuming ByteBuffer)
  /// Queues the end of the response.
  ///
  /// - Parameter trailers: fields behind the body; only of one whose length the head doesn't say.
  func finish(_ trailers: HeaderBlock)
  /// Whether the last response of a connection is on its way.
  var isWritingLast: Bool { get }
  /// Sends what's queued, in the middle of a response.
  func flush()
  /// Sends what's queued at a response's end, and does with the connection what follows.
  func flush(_ after: ExchangeState.After)
  /// Reads on.
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
    var buffer = ByteBuffer.withFramingRoom
    buffer.reserveCapacity(minimumWritableBytes: bytes.count)
    buffer.write(bytes)
    self.write(buffer)
  }
}

extension ByteBuffer {
  /// Bytes that a protocol may need before a part of a body: the size of a chunk (RFC 9112 §7.1).
  static let framingRoom = 18

  /// An empty buffer with that room before its content.
  static var withFramingRoom: ByteBuffer {
    var buffer = ByteBuffer()
    buffer.writeRepeatingByte(0, count: Self.framingRoom)
    buffer.moveReaderIndex(forwardBy: Self.framingRoom)
    return buffer
  }
}
