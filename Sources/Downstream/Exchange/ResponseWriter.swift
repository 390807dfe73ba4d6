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
  /// The client's; nil for one that's gone, or on a UNIX socket.
  var remoteAddress: SocketAddress? { get }
  /// The connection, where it can become a tunnel or a WebSocket (RFC 9110 §7.8); nil for a stream.
  var upgradableConnection: HTTP1ServerHandler? { get }

  /// Sends `100 Continue` at once.
  func writeContinue()
  /// Queues a head.
  ///
  /// - Parameter closes: whether the connection carries no other response.
  func begin(_ head: borrowing ResponseHead, closes: Bool)
  /// Queues a whole response, whose head says what its length is.
  func write(_ head: borrowing ResponseHead, _ body: borrowing ByteSink, closes: Bool)
  /// Queues a part of the body. Ignored where the head has said that none follows.
  func write(_ bytes: borrowing ByteSink)
  /// Queues a part of the body. One with `ByteBuffer.framingRoom` bytes in front of its reader index is
  /// framed where it lies.
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

extension ByteBuffer {
  /// Bytes that a protocol may need in front of a part of a body: the size of a chunk (RFC 9112 §7.1).
  static let framingRoom = 18

  /// An empty buffer with room in front for `ResponseWriter.write`.
  static var withFramingRoom: ByteBuffer {
    var buffer = ByteBuffer()
    buffer.writeRepeatingByte(0, count: Self.framingRoom)
    buffer.moveReaderIndex(forwardBy: Self.framingRoom)
    return buffer
  }
}
