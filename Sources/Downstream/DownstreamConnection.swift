/// A client connection of any protocol, as seen by its event loop.
///
/// `ProtocolSelector` until the first bytes arrive, then `HTTP1ServerHandler` (HTTP/1.1) or
/// `HTTP2ServerConnection` (HTTP/2); `WebSocketHandler` after an upgrade. All members are called on the
/// loop.
protocol DownstreamConnection: AnyObject {
  /// Its index in the loop's list of connections; nil when not listed.
  var slot: Int? { get set }
  /// The tick at which the current wait times out.
  var deadline: Int64 { get }
  /// The tick at which an idle response stream sends a keepalive.
  var heartbeat: Int64 { get }
  /// Bytes buffered for this client: of its unanswered requests, and of responses that it hasn't read.
  var heldBytes: Int { get }

  /// Handles an expired `deadline`.
  func deadlinePassed()
  /// Sends a keepalive on responses that were idle until `heartbeat`.
  func heartbeatDue()
  /// Closes an idle connection now, a busy one after its responses: the process is shutting down.
  func drain()
  /// Closes the connection immediately.
  func closeNow()
}

extension DownstreamConnection {
  /// Never, by default.
  var heartbeat: Int64 { .max }

  func heartbeatDue() {}
}
