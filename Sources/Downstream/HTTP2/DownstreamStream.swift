internal import HTTP2
internal import NIOCore

/// One request of a client over HTTP/2, to the connection that it came on. [two kinds:
/// `PassThroughCall` for gRPC, `HTTP2ServerStream` for the rest]
protocol DownstreamStream: AnyObject {
  var stream: HTTP2Stream { get }
  /// The ticks by which what's waited for must have come, and by which a silent answer gets a sign of
  /// life.
  var deadline: Int64 { get }
  var heartbeat: Int64 { get }
  /// Bytes of its request that are held; those of its answer are the session's.
  var heldBytes: Int { get }

  /// The read that brought its head is over.
  func begin()
  /// A part of the request.
  func receive(_ bytes: ByteBuffer)
  /// The request is complete.
  func receiveEnd()
  /// The stream is gone, or its connection.
  func receiveClosed()
  /// Bytes of the answer may have been sent.
  ///
  /// - Returns: whether there's something left to wait for.
  func streamAdvanced() -> Bool
  func deadlinePassed()
  func heartbeatDue()
}
