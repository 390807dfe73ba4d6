package import BridgeConfiguration
package import GRPCWire
package import HTTP2
package import NIOCore

/// Something that carries gRPC calls to one endpoint group, on one event loop. [seam]
///
/// The pool is the real one; tests give canned replies, so that the front is tested without HTTP/2.
/// Everything here happens on the event loop that owns the upstream: a call is started there, its
/// events arrive there, and nothing may be touched from elsewhere.
package protocol Upstream: AnyObject {
  /// Starts a call. Events reach `observer` later, never from within this function, and always end
  /// with exactly one `callEnded`, whatever happens (no endpoint, deadline, cancellation included).
  func start(_ request: consuming CallRequest, observer: any CallObserver) -> any UpstreamCall
}

/// The connections to one endpoint on one event loop, as the cluster of a service uses them. [seam]
///
/// `HTTP2Pool` speaks gRPC over HTTP/2. A pool opens what it needs when calls need it; a call that can't get
/// there at all ends with UNAVAILABLE and the origin `notConnected`, which says that nothing was sent.
package protocol EndpointPool: Upstream {
  var endpoint: Configuration.Endpoint { get }

  /// Called with each change of `connectivity`, on the loop, never from within a function that its owner
  /// calls in the same turn but `connect`, `start` and `probe`.
  var onConnectivity: ((Connectivity) -> Void)? { get set }

  /// Called when the endpoint becomes reachable or unreachable, and when another attempt has failed.
  var onReachability: ((Reachability) -> Void)? { get set }

  /// Why a call wouldn't get there now: the reason that it would end with.
  var trouble: String { get }

  /// Opens a connection where none is there or under way, unless the last attempt failed a moment ago.
  ///
  /// - Parameter isUrgent: whether it's to be tried now all the same.
  func connect(isUrgent: Bool)

  /// Whether the endpoint can be reached: a connection is up, or comes up now. False without an
  /// attempt during the backoff after a failed one.
  func probe() -> EventLoopFuture<Bool>

  /// Takes no new calls, lets those under way and waiting finish, then closes the connections.
  ///
  /// - Returns: when nothing is left.
  func drain() -> EventLoopFuture<Void>

  /// Ends all calls with UNAVAILABLE and closes the connections.
  func closeNow()
}

/// What can be said of one endpoint (gRPC's connectivity-semantics-and-api.md has the same words).
package enum Connectivity: Equatable {
  /// No connection, and none was asked for.
  case idle
  case connecting
  /// At least one connection takes calls.
  case ready
  /// The last attempt failed, for this reason.
  case failing(String)
}

/// A call under way, to its owner.
package protocol UpstreamCall: AnyObject {
  /// Sends a further message in its gRPC frame, or none where the buffer is empty; `isLast` closes
  /// the request side. A call that has ended ignores it.
  func send(_ message: ByteBuffer, isLast: Bool)

  /// Bytes given to the call that haven't left for the endpoint. An owner that would give many holds
  /// back while these are more than `WriteBufferWaterMark.high`, until `callCanSend`.
  var unsentBytes: Int { get }

  /// Ends the call with RST_STREAM CANCEL. The observer gets no event after this, not even
  /// `callEnded`.
  func cancel()

  /// Stops handing out messages and stops returning the stream's HTTP/2 window, so that a slow
  /// client holds back its endpoint. What is buffered meanwhile is bounded by the stream window
  /// (and the message in progress by `CallRequest.framing`).
  func pauseReading()

  /// Goes on after `pauseReading`.
  func resumeReading()

  /// Says that the client may be gone: the call goes on, but where calls of others would wait or be
  /// refused, it's the first to make room for them, with UNAVAILABLE and the origin `shed`.
  func markSheddable()
}

extension UpstreamCall {
  /// Nothing, where there are no places to run short of.
  package func markSheddable() {}
}

/// Receives the events of one call, on the loop that started it.
package protocol CallObserver: AnyObject {
  /// The response headers (not sent for a trailers-only reply). Metadata without gRPC's own headers.
  func callReceivedHead(_ metadata: HeaderBlock)

  /// One message without its prefix, decompressed; of a raw call the next bytes as they came.
  func callReceivedMessage(_ message: ByteBuffer)

  /// `unsentBytes` were more than `WriteBufferWaterMark.high` after bytes were given, and have fallen to
  /// half of it.
  func callCanSend()

  /// The end, good or bad; nothing follows. `trailers` without gRPC's own headers except
  /// `grpc-status-details-bin`, which is in `status.details`.
  func callEnded(_ status: GRPCStatus, trailers: HeaderBlock)
}

extension CallObserver {
  /// Nothing to do for an owner that gives the whole request at once.
  package func callCanSend() {}
}
