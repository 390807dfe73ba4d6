package import NIOCore

/// What the access log says of one request.
package struct AccessEntry: Sendable {
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

  package init(
    method: String, path: String, service: String, rpc: String, httpStatus: Int,
    grpcCode: GRPCStatus.Code, requestBytes: Int, responseBytes: Int, duration: TimeAmount,
    requestID: String = ""
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
  }
}

/// Where the front leaves its access entries, on one event loop. [seam: the writer, a list in tests]
package protocol AccessRecorder: AnyObject {
  func record(_ entry: AccessEntry)
}
