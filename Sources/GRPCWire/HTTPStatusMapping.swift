/// The mapping of HTTP statuses to gRPC's, for responses without `grpc-status`.
package enum HTTPStatusMapping: Sendable {
  /// gRPC's http-grpc-status-mapping.md.
  case grpc
  /// PAI-EAS's, according to its list of status codes.
  case eas
}

extension GRPCStatus {
  /// Creates the status of an error response from a gateway, balancer or processor of PAI-EAS.
  ///
  /// - Parameter text: the start of the body, if it's text; empty otherwise.
  package init(easStatus status: Int, text: String) {
    let code: Code =
      switch status {
      case 400: .invalidArgument
      case 401: .unauthenticated
      case 403: .permissionDenied
      case 404: .notFound
      case 405, 501, 505: .unimplemented
      // 450: the queue of the instance is full.
      case 413, 429, 450: .resourceExhausted
      case 408, 504: .deadlineExceeded
      case 499: .cancelled
      case 500: .internal
      case 502, 503: .unavailable
      default: .unknown
      }
    var message = "the endpoint responded with HTTP status \(status)"
    if let meaning = Self.meaning(ofEAS: status) { message += " (\(meaning))" }
    if !text.isEmpty { message += ": \(text)" }
    self.init(code, message, origin: .endpoint)
    switch status {
    case 429, 450:
      self.wasDropped = true
    case 408:
      // The service's time limit has passed, but it may still be processing the request.
      self.retryPushback = .never
    default:
      break
    }
  }

  /// The meaning of a status that's specific to PAI-EAS.
  private static func meaning(ofEAS status: Int) -> String? {
    switch status {
    case 408: "the service took longer than its rpc.keepalive allows"
    case 429: "over the rate limit"
    case 450: "the queue of the instance is full"
    default: nil
    }
  }
}
