package import BridgeConfiguration
package import GRPCWire
package import HTTP2
package import NIOCore

/// A carrier of gRPC calls to one group of endpoints, on one event loop. [seam]
///
/// Implemented by pools and clusters; tests use canned responses, so that the front is tested without
/// HTTP/2. Confined to the event loop that owns the upstream: calls are started there, and their
/// events arrive there.
package protocol Upstream: AnyObject {
  /// Starts a call. Events reach `observer` later, never from within this function, and always end
  /// with exactly one `callEnded`, also without an endpoint or at the deadline.
  func start(_ request: consuming CallRequest, observer: any CallObserver) -> any UpstreamCall
}

/// The connections to one endpoint on one event loop, as the cluster of a service uses them. [seam]
///
/// `HTTP2Pool` implements gRPC over HTTP/2. A pool opens connections on demand; a call that can't
/// reach the endpoint ends with UNAVAILABLE and the origin `notConnected`, which indicates that
/// nothing was sent.
package protocol EndpointPool: ServiceUpstream {
  var endpoint: Configuration.Endpoint { get }

  /// Called on the loop with each change of connectivity. Of the functions that the owner calls, only
  /// `connect`, `start` and `probe` may call it before they return.
  var onConnectivity: ((Connectivity) -> Void)? { get set }

  /// Called when the endpoint's reachability changes or another attempt has failed.
  var onReachability: ((Reachability) -> Void)? { get set }

  /// Opens a connection if none is open or being opened, unless the last attempt failed recently.
  ///
  /// - Parameter isUrgent: whether to try even then.
  func connect(isUrgent: Bool)

  /// Rejects new calls, lets those in flight and waiting finish, then closes the connections.
  ///
  /// - Returns: completes when nothing is left.
  func drain() -> EventLoopFuture<Void>
}

extension EndpointPool {
  package func followPresence(_ report: @escaping (Bool) -> Void) {
    var isPresent = false
    self.onConnectivity = { connectivity in
      guard (connectivity == .ready) != isPresent else { return }
      isPresent.toggle()
      report(isPresent)
    }
  }
}

/// The connectivity of one endpoint, in the terms of gRPC's connectivity-semantics-and-api.md.
package enum Connectivity: Equatable {
  /// No connection, and none was requested.
  case idle
  case connecting
  /// At least one connection takes calls.
  case ready
  /// The last attempt failed, for this reason.
  case failing(String)
}

/// The owner's handle of a call in flight.
package protocol UpstreamCall: AnyObject {
  /// Sends a further message in its gRPC frame, or none where the buffer is empty; `isLast` closes
  /// the request side. A call that has ended ignores it.
  func send(_ message: ByteBuffer, isLast: Bool)

  /// Bytes given to the call and not yet sent to the endpoint. An owner with many bytes to send waits
  /// while these are more than `WriteBufferWaterMark.high`, until `callCanSend`.
  var unsentBytes: Int { get }

  /// Ends the call with RST_STREAM CANCEL. The observer gets no event after this, not even
  /// `callEnded`.
  func cancel()

  /// Stops delivering messages and returning the stream's HTTP/2 window, so that a slow client
  /// applies back pressure to its endpoint. The stream window bounds what is buffered meanwhile (and
  /// the message in progress by `CallRequest.framing`).
  func pauseReading()

  /// Resumes after `pauseReading`.
  func resumeReading()

  /// Marks the client as possibly disconnected: the call continues, but if other calls would wait or
  /// be rejected, it's the first to be ended to make room, with UNAVAILABLE and the origin `shed`.
  func markSheddable()
}

extension UpstreamCall {
  /// No-op, for upstreams without a limit on calls.
  package func markSheddable() {}
}

/// Receives the events of one call, on the loop that started it.
package protocol CallObserver: AnyObject {
  /// The response headers, without gRPC's own (not called for a Trailers-Only response).
  func callReceivedHead(_ metadata: HeaderBlock)

  /// One message without its prefix, decompressed; for a raw call, the next bytes unchanged.
  func callReceivedMessage(_ message: ByteBuffer)

  /// `unsentBytes` exceeded `WriteBufferWaterMark.high` after a send, and has fallen to half of it.
  func callCanSend()

  /// The end, successful or not; nothing follows. `trailers` without gRPC's own headers except
  /// `grpc-status-details-bin`, which is in `status.details`.
  func callEnded(_ status: GRPCStatus, trailers: HeaderBlock)
}

extension CallObserver {
  /// No-op, for owners that give the whole request at once.
  package func callCanSend() {}
}
