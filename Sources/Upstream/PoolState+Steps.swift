internal import GRPCWire
internal import NIOCore

/// The results of a pool's state: the outcome of a new call, and the actions to perform after every
/// event.
extension PoolState {
  /// The outcome of a new call.
  enum Arrival: Equatable {
    case start(connection: ConnectionID)
    case wait
    case refuse(GRPCStatus)
  }

  /// One action.
  enum Step: Equatable {
    case start(call: CallID, connection: ConnectionID)
    case connect(ConnectionID)
    case fail(call: CallID, GRPCStatus)
    /// End a call, to make room for another one.
    case yield(call: CallID)
    case close(ConnectionID)
  }

  /// The next action; calls start first, connections close last. Nil: nothing is left to do.
  mutating func nextStep(now: NIODeadline) -> Step? {
    if let (call, connection) = self.nextStart() {
      return .start(call: call, connection: connection)
    }
    if let id = self.nextConnect(now: now) { return .connect(id) }
    if let (call, status) = self.nextFailure(now: now) { return .fail(call: call, status) }
    if let call = self.nextYield() { return .yield(call: call) }
    return self.nextClose().map(Step.close)
  }
}
