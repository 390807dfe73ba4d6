internal import Codec
package import GRPCWire
package import NIOCore

/// An access log entry, for one request.
package struct AccessEntry: Sendable {
  /// The error of a failed request.
  package struct Failure: Sendable, Equatable {
    /// As in google.rpc.ErrorInfo; empty if the endpoint gave none.
    package var reason: String
    package var message: String

    package init(reason: String, message: String) {
      self.reason = reason
      self.message = message
    }
  }

  /// As the client sent it.
  package var method: String
  /// The request target without its query (which may contain secrets).
  package var path: String
  /// The service entry's name; empty when none was chosen.
  package var service: String
  /// `/package.Service/Method`; empty when no route was found.
  package var rpc: String
  /// The HTTP status; 499 if the client disconnected before one was sent.
  package var httpStatus: Int
  /// The gRPC code, whether from the endpoint or the bridge.
  package var grpcCode: GRPCStatus.Code
  package var requestBytes: Int
  package var responseBytes: Int
  /// From the first byte of the request head to the last byte of the response.
  package var duration: TimeAmount
  /// The request's `X-Request-Id`, from the client or generated.
  package var requestID: String
  /// Nil for a successful request.
  package var failure: Failure?

  package init(
    method: String, path: String, service: String, rpc: String, httpStatus: Int,
    grpcCode: GRPCStatus.Code, requestBytes: Int, responseBytes: Int, duration: TimeAmount,
    requestID: String = "", failure: Failure? = nil
  ) {
    self.method = method
    self.path = path
    self.service = service
    self.rpc = rpc
    self.httpStatus = httpStatus
    self.grpcCode = grpcCode
    self.requestBytes = requestBytes
    self.responseBytes = responseBytes
    self.duration = duration
    self.requestID = requestID
    self.failure = failure
  }
}

/// Receives access entries on one event loop. [seam: the writer, a list in tests]
package protocol AccessRecorder: AnyObject {
  func record(_ entry: AccessEntry)
}
