/// The end of a call: the code, the message, and their origin.
package struct GRPCStatus: Sendable, Equatable {
  /// The status codes of gRPC, by their numbers (google.rpc.Code).
  package enum Code: Int, Sendable, CaseIterable {
    case ok = 0
    case cancelled = 1
    case unknown = 2
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case alreadyExists = 6
    case permissionDenied = 7
    case resourceExhausted = 8
    case failedPrecondition = 9
    case aborted = 10
    case outOfRange = 11
    case unimplemented = 12
    case `internal` = 13
    case unavailable = 14
    case dataLoss = 15
    case unauthenticated = 16

    /// `INVALID_ARGUMENT`, as google.rpc.Code spells it.
    package var name: String {
      switch self {
      case .ok: "OK"
      case .cancelled: "CANCELLED"
      case .unknown: "UNKNOWN"
      case .invalidArgument: "INVALID_ARGUMENT"
      case .deadlineExceeded: "DEADLINE_EXCEEDED"
      case .notFound: "NOT_FOUND"
      case .alreadyExists: "ALREADY_EXISTS"
      case .permissionDenied: "PERMISSION_DENIED"
      case .resourceExhausted: "RESOURCE_EXHAUSTED"
      case .failedPrecondition: "FAILED_PRECONDITION"
      case .aborted: "ABORTED"
      case .outOfRange: "OUT_OF_RANGE"
      case .unimplemented: "UNIMPLEMENTED"
      case .internal: "INTERNAL"
      case .unavailable: "UNAVAILABLE"
      case .dataLoss: "DATA_LOSS"
      case .unauthenticated: "UNAUTHENTICATED"
      }
    }
  }

  /// The origin of a status.
  package enum Origin: Sendable, Equatable {
    /// The endpoint, by `grpc-status` or by an HTTP status that amounts to the same.
    case endpoint
    /// The bridge: no connection was available in time (the call was never sent).
    case notConnected
    /// The bridge: too many calls wait for this endpoint (the call was never sent).
    case shed
    /// The bridge: the deadline passed.
    case deadline
    /// The bridge: the stream or connection ended early, or the response wasn't gRPC.
    case transport
  }

  package var code: Code
  package var message: String
  /// `grpc-status-details-bin` decoded from base64: a serialized google.rpc.Status. Empty if absent.
  package var details: [UInt8]
  package var origin: Origin
  /// The endpoint's instruction for retries, if any.
  package var retryPushback: RetryPushback?
  /// Whether the endpoint rejected the call before any processing, so that any retry policy may retry
  /// it.
  package var wasDropped = false

  package init(
    _ code: Code, _ message: String = "", details: [UInt8] = [], origin: Origin = .endpoint
  ) {
    self.code = code
    self.message = message
    self.details = details
    self.origin = origin
  }

  package var isOK: Bool { self.code == .ok }
}
