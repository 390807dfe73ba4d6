package import NIOCore

/// The upstream of one endpoint group of a service, as the service's owner uses it.
package protocol ServiceUpstream: Upstream {
  /// The reason with which a call would fail now.
  var trouble: String { get }

  /// Whether an endpoint can be reached: a connection is open, or can be opened now. False without an
  /// attempt during the backoff after a failed one.
  func probe() -> EventLoopFuture<Bool>

  /// Reports, on the loop, when the first connection to an endpoint is up (true), and when the last one has
  /// closed (false).
  func followPresence(_ report: @escaping (Bool) -> Void)

  /// Ends all calls with UNAVAILABLE and closes the connections.
  func closeNow()
}
