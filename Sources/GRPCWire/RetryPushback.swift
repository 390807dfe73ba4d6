package import NIOCore

/// The endpoint's instruction for retries (`grpc-retry-pushback-ms`, gRFC A6).
package enum RetryPushback: Sendable, Equatable {
  /// Retry no sooner than after this time.
  case wait(TimeAmount)
  /// Don't retry: the value was negative or not a number.
  case never

  init(_ milliseconds: Int?) {
    if let milliseconds, milliseconds >= 0 {
      self = .wait(.milliseconds(Int64(milliseconds)))
    } else {
      self = .never
    }
  }
}
