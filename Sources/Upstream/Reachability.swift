/// Whether an endpoint can be reached from one event loop.
package enum Reachability: Equatable {
  /// There's a connection.
  case reached
  /// There's none, and nothing is wrong.
  case idle
  /// The last connection broke, or none can be had: a sentence.
  case lost(String)
  /// It's no endpoint of the service any more.
  case left
}
