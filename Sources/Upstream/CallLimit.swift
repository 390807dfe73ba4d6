internal import GRPCWire
package import NIOCore
internal import Time

/// The time limit of a call and its source, for the message of a call that exceeds it.
package struct CallLimit: Sendable, Equatable {
  package enum Source: UInt8, Sendable {
    /// `timeout` of the service.
    case service
    /// `stream.timeout` of the service.
    case stream
    /// The request: `grpc-timeout`, `X-Server-Timeout` or `Request-Timeout`.
    case client
  }

  package var time: TimeAmount
  package var source: Source

  package init(_ time: TimeAmount, _ source: Source) {
    self.time = time
    self.source = source
  }

  /// Creates the shorter of the service's setting and the request's own timeout.
  package init(
    _ time: TimeAmount, isStreaming: Bool, client: TimeAmount?
  ) {
    if let client, client < time {
      self.init(client, .client)
    } else {
      self.init(time, isStreaming ? .stream : .service)
    }
  }

  /// `within 2s (services.bench.timeout)`.
  ///
  /// - Parameter key: the service's path in the configuration.
  func words(for key: String) -> String {
    let setting =
      switch self.source {
      case .service: "\(key).timeout"
      case .stream: "\(key).stream.timeout"
      case .client: "the request's own timeout"
      }
    return "within \(self.time.text) (\(setting))"
  }
}

extension GRPCStatus {
  /// Creates the status of a call whose deadline has passed, by the bridge's clock or by the
  /// endpoint's.
  ///
  /// - Parameters:
  ///   - missing: what didn't arrive, such as "no response from 10.0.0.1:50051".
  ///   - limit: the call's; nil for a call of the bridge's own.
  ///   - key: the service's path in the configuration.
  static func deadlineExceeded(
    _ missing: String, _ limit: CallLimit?, key: String
  ) -> GRPCStatus {
    let words = limit.map { " \($0.words(for: key))" } ?? " in time"
    return GRPCStatus(.deadlineExceeded, missing + words, origin: .deadline)
  }
}

extension TimeAmount {
  /// The configuration's spelling, such as `30s` or `1500ms`; below a millisecond in microseconds.
  var text: String {
    let microseconds = self.nanoseconds / 1000
    return microseconds < 1000
      ? "\(max(0, microseconds))us" : DurationText.of(.microseconds(microseconds))
  }
}
