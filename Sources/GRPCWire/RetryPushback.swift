package import NIOCore

/// What the endpoint wants of those who'd try again (`grpc-retry-pushback-ms`, gRFC A6).
package enum RetryPushback: Sendable, Equatable {
  /// Not before this time has passed.
  case wait(TimeAmount)
  /// Not at all: the value was negative or no number.
  case never

  init(_ milliseconds: Int?) {
    if let milliseconds, milliseconds >= 0 {
      self = .wait(.milliseconds(Int64(milliseconds)))
    } else {
      self = .never
    }
  }
}
