internal import HTTP2
internal import NIOCore

/// One client request over HTTP/2, as seen by its connection: a `PassThroughCall` for gRPC, an
/// `HTTP2ServerStream` for the rest.
protocol DownstreamStream: AnyObject {
  var stream: HTTP2Stream { get }
  /// The tick at which the current wait times out.
  var deadline: Int64 { get }
  /// The tick at which an idle response stream sends a keepalive.
  var heartbeat: Int64 { get }
  /// Bytes buffered of its request; those of its response are counted by the session.
  var heldBytes: Int { get }

  /// The read that contained its head is processed.
  func begin()
  /// Receives a part of the request.
  func receive(_ bytes: ByteBuffer)
  /// The request is complete.
  func receiveEnd()
  /// The stream or its connection is closed.
  func receiveClosed()
  /// Bytes of the response may have been sent.
  ///
  /// - Returns: whether to be notified again.
  func streamAdvanced() -> Bool
  func deadlinePassed()
  func heartbeatDue()
}
