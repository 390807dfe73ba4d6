/// Whether an endpoint can be reached from one event loop.
package enum Reachability: Equatable {
  /// There's a connection.
  case reached
  /// There's none, without an error.
  case idle
  /// The last connection broke, or none can be established; the reason as a sentence.
  case lost(String)
  /// It's no longer an endpoint of the service.
  case left
}
