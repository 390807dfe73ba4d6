internal import GRPCWire
internal import NIOCore

/// The pool's view of a call.
protocol PooledCall: AnyObject, SendableMetatype {
  var id: CallID { get }
  var deadline: NIODeadline? { get }
  /// The status with which it would end at its deadline now.
  var deadlineStatus: GRPCStatus { get }
  /// Whether its client may have disconnected.
  var isSheddable: Bool { get }

  /// Ends it without a response of the endpoint.
  func fail(_ status: GRPCStatus)
  /// Ends it at its deadline.
  func expire()
}

/// The pool's view of a connection, which is a dialer's attempt until it succeeds.
protocol PooledConnection: DialAttempt, SendableMetatype {
  var id: ConnectionID { get }

  /// Closes it soon. It has no calls.
  func close()
}
