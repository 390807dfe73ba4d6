internal import HTTP2

/// Statuses for responses that carry none: HTTP status codes and resets.
extension GRPCStatus {
  /// Creates the status of an HTTP response without a usable `grpc-status` (gRPC's
  /// http-grpc-status-mapping.md).
  ///
  /// - Parameters:
  ///   - contentType: the content type, if it's not gRPC's; nil if it's gRPC's or missing.
  ///   - text: the start of the body, if it's text; empty otherwise.
  ///   - claimsSuccess: whether there was a `grpc-status` of 0, after a body that isn't gRPC.
  ///   - mapping: the mapping of this endpoint's HTTP statuses.
  package init(
    httpStatus: Int, contentType: String?, text: String, claimsSuccess: Bool = false,
    mapping: HTTPStatusMapping = .grpc
  ) {
    if mapping == .eas, httpStatus >= 400 {
      self.init(easStatus: httpStatus, text: text)
      return
    }
    let code: Code =
      switch httpStatus {
      case 400: .internal
      case 401: .unauthenticated
      case 403: .permissionDenied
      case 404: .unimplemented
      case 429, 502, 503, 504: .unavailable
      default: .unknown
      }
    var message = "the endpoint responded with HTTP status \(httpStatus)"
    if let contentType { message += " and content-type \"\(contentType)\"" }
    message += claimsSuccess ? ", which contradicts its grpc-status 0" : " and no grpc-status"
    if !text.isEmpty { message += ": \(text)" }
    self.init(code, message, origin: .transport)
  }

  /// Creates the status of a stream on which the endpoint violated HTTP/2.
  ///
  /// - Parameter violation: the error code that it was sent, and the reason.
  package init(violation: String) {
    self.init(.internal, "the endpoint's reply violates HTTP/2: \(violation)", origin: .transport)
  }

  /// Creates the status of a stream that the endpoint reset (gRPC's PROTOCOL-HTTP2.md, "HTTP2
  /// Transport Mapping").
  package init(resetCode: UInt32) {
    let code: Code =
      switch resetCode {
      case HTTP2ErrorCode.refusedStream: .unavailable
      case HTTP2ErrorCode.cancel: .cancelled
      case HTTP2ErrorCode.enhanceYourCalm: .resourceExhausted
      case HTTP2ErrorCode.inadequateSecurity: .permissionDenied
      default: .internal
      }
    self.init(
      code, "the stream was reset with \(HTTP2ErrorCode.name(resetCode))", origin: .transport)
  }
}
