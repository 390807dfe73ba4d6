internal import GRPCWire
package import NIOCore
internal import Time

/// How long a call may take, and what says so: for the message of one that takes longer.
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

  /// The shorter of a setting of the service and what the request asks for.
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
  /// - Parameter key: the service's place in the configuration.
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
  /// A call's deadline has passed, by the bridge's clock or by the endpoint's.
  ///
  /// - Parameters:
  ///   - missing: what was waited for: "no answer from 10.0.0.1:50051".
  ///   - limit: of the call; nil for one of the bridge's own.
  ///   - key: the service's place in the configuration.
  static func deadlineExceeded(
    _ missing: String, _ limit: CallLimit?, key: String
  ) -> GRPCStatus {
    let words = limit.map { " \($0.words(for: key))" } ?? " in time"
    return GRPCStatus(.deadlineExceeded, missing + words, origin: .deadline)
  }
}

extension TimeAmount {
  /// As a configuration spells it: `30s`, `1500ms`; what's shorter than a millisecond in microseconds.
  var text: String {
    let microseconds = self.nanoseconds / 1000
    return microseconds < 1000
      ? "\(max(0, microseconds))us" : DurationText.of(.microseconds(microseconds))
  }
}
