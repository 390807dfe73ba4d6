/// One client connection to the loop that it lives on, whatever protocol it speaks.
///
/// `ProtocolSelector` until the first bytes are there, then `HTTP1ServerHandler` (HTTP/1.1) or
/// `HTTP2ServerConnection` (HTTP/2); `WebSocketHandler` where an exchange has become one. All is called on the
/// loop.
protocol DownstreamConnection: AnyObject {
  /// Its place in the loop's list of connections; nil when it's in none.
  var slot: Int? { get set }
  /// The tick by which what's waited for must have come.
  var deadline: Int64 { get }
  /// The tick by which a silent response gets a keepalive.
  var heartbeat: Int64 { get }
  /// Bytes in memory that wait for this client: what it sent of requests that aren't answered yet, and
  /// what it hasn't taken of their answers.
  var heldBytes: Int { get }

  /// What's waited for hasn't come in time.
  func deadlinePassed()
  /// An answer was silent until `heartbeat`.
  func heartbeatDue()
  /// The process is about to end: an idle connection closes, a busy one after its answers.
  func drain()
  /// Closes it, whatever it's doing.
  func closeNow()
}

extension DownstreamConnection {
  /// Never: for protocols with keepalives of their own.
  var heartbeat: Int64 { .max }

  func heartbeatDue() {}
}
