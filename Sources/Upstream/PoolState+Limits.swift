internal import NIOCore

extension PoolState {
  /// Limits, all of them per event loop.
  struct Limits {
    /// Calls on connections; more wait.
    var callsInFlight: Int
    /// Calls that wait; more are shed.
    var callsWaiting: Int
    /// Connections that take calls or are being opened, except those that are about to be replaced.
    var connections: Int
    /// Connections that are opened as soon as there are calls, and share them evenly. Further ones
    /// are opened when streams run short.
    var spread = 1
    /// Connections that may be opening at the same time. One, if each carries many calls.
    var opening = 1
    /// A connection without calls is closed after this; nil: never.
    var idleTimeout: TimeAmount?
    /// A connection is replaced after this, with a jitter of a tenth; nil: never.
    var maxAge: TimeAmount?
  }
}
