internal import BridgeConfiguration
internal import Codec
internal import GRPCWire

/// Reason why an endpoint's schema isn't available by reflection.
package struct ReflectionError: Error, Sendable, Equatable {
  package enum Code: Sendable, Equatable {
    /// The endpoint doesn't implement the reflection service, in either version.
    case notOffered
    /// No connection, or none in time: nothing is known about the endpoint.
    case unreachable
    /// The call ended with an error.
    case failed
    /// A response violates the protocol.
    case malformed
    /// A limit of the bridge was exceeded.
    case limit
    /// The schema contains nothing that can be served.
    case empty
  }

  package var code: Code
  /// A clause whose subject is the endpoint: "offers no server reflection".
  package var reason: String

  package init(_ code: Code, _ reason: String) {
    self.code = code
    self.reason = reason
  }

  /// The error for a call that ended too early.
  init(_ status: GRPCStatus) {
    let reported = status.message.isEmpty ? "" : ": \(Self.shown(status.message))"
    switch status.origin {
    case .notConnected, .shed:
      self.init(.unreachable, status.message)
    // Either side may detect it first.
    case _ where status.code == .deadlineExceeded:
      self.init(.failed, "didn't respond to reflection requests in time")
    case .deadline, .endpoint, .transport:
      self.init(
        .failed, "ended the reflection call with \(status.code.name)\(reported)")
    }
  }

  /// Text from the endpoint, truncated and on one line.
  static func shown(_ text: String) -> String {
    ForeignText.shown(text)
  }

  /// The error as a sentence for display.
  ///
  /// - Parameter endpoint: the queried endpoint.
  package func sentence(about endpoint: String) -> String {
    switch self.code {
    case .unreachable:
      return self.reason
    case .notOffered:
      return
        "\(endpoint) offers no server reflection; give --schema (in a file: schemas with paths), "
        + "or enable reflection in the server: reflection.Register in Go, ProtoReflectionServiceV1 "
        + "in Java, enable_server_reflection in Python, AddGrpcReflection in .NET"
    case .failed, .malformed, .limit, .empty:
      return "\(endpoint) \(self.reason)"
    }
  }
}

extension Configuration.EndpointKind {
  /// The responding server, as the subject of a sentence.
  var server: String {
    guard case .dns(let dns) = self else { return self.description }
    return "the server at \(dns.authority)"
  }
}
