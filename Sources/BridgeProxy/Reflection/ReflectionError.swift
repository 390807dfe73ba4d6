internal import BridgeConfiguration
internal import Codec
internal import GRPCWire

/// Why an endpoint's schema can't be had by reflection.
package struct ReflectionError: Error, Sendable, Equatable {
  package enum Code: Sendable, Equatable {
    /// The endpoint has no such service, in neither version.
    case notOffered
    /// No connection, or none in time: nothing was learned of the endpoint.
    case unreachable
    /// The call ended with an error.
    case failed
    /// What came isn't what the protocol says.
    case malformed
    /// More than the bridge takes.
    case limit
    /// Nothing that could be served is there.
    case empty
  }

  package var code: Code
  /// What happened, a clause whose subject is the endpoint: "offers no server reflection".
  package var reason: String

  package init(_ code: Code, _ reason: String) {
    self.code = code
    self.reason = reason
  }

  /// What a call's end means that came too early.
  init(_ status: GRPCStatus) {
    let reported = status.message.isEmpty ? "" : ": \(Self.shown(status.message))"
    switch status.origin {
    case .notConnected, .shed:
      self.init(.unreachable, status.message)
    // Either side may be the first to notice.
    case _ where status.code == .deadlineExceeded:
      self.init(.failed, "didn't answer questions about its schema in time")
    case .deadline, .endpoint, .transport:
      self.init(
        .failed, "ended the questions about its schema with \(status.code.name)\(reported)")
    }
  }

  /// A text of the endpoint's: bounded, in one line.
  static func shown(_ text: String) -> String {
    ForeignText.shown(text)
  }

  /// For people.
  ///
  /// - Parameter endpoint: what was asked.
  package func sentence(about endpoint: String) -> String {
    switch self.code {
    case .unreachable:
      return self.reason
    case .notOffered:
      return
        "\(endpoint) offers no server reflection; give --schema (in a file: schemas with paths), "
        + "or turn reflection on in the server: reflection.Register in Go, ProtoReflectionServiceV1 "
        + "in Java, enable_server_reflection in Python, AddGrpcReflection in .NET"
    case .failed, .malformed, .limit, .empty:
      return "\(endpoint) \(self.reason)"
    }
  }
}

extension Configuration.EndpointKind {
  /// Whoever answered, as the subject of a sentence.
  var server: String {
    guard case .dns(let dns) = self else { return self.description }
    return "the server at \(dns.authority)"
  }
}
