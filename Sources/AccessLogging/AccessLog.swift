internal import Codec
package import GRPCWire
package import NIOCore

/// What the access log says of one request.
package struct AccessEntry: Sendable {
  /// Why a request wasn't answered as it was meant to be.
  package struct Failure: Sendable, Equatable {
    /// As in google.rpc.ErrorInfo; empty where the endpoint gave none.
    package var reason: String
    package var message: String

    package init(reason: String, message: String) {
      self.reason = reason
      self.message = message
    }
  }

  /// As the client sent it.
  package var method: String
  /// The request target without its query (which may hold secrets).
  package var path: String
  /// The service entry's name; empty when none was chosen.
  package var service: String
  /// `/package.Service/Method`; empty when no route was found.
  package var rpc: String
  /// The HTTP status; 499 when the client went away before one was sent.
  package var httpStatus: Int
  /// The gRPC code, whoever made it.
  package var grpcCode: GRPCStatus.Code
  package var requestBytes: Int
  package var responseBytes: Int
  /// From the first byte of the head to the last byte of the reply.
  package var duration: TimeAmount
  /// The request's `X-Request-Id`, its own or the bridge's.
  package var requestID: String
  /// Nil for a request that went well.
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

/// Where the front leaves its access entries, on one event loop. [seam: the writer, a list in tests]
package protocol AccessRecorder: AnyObject {
  func record(_ entry: AccessEntry)
}
