/// What an HTTP status means where no `grpc-status` says it.
package enum HTTPStatusMapping: Sendable {
  /// gRPC's http-grpc-status-mapping.md.
  case grpc
  /// What PAI-EAS answers with, by its list of status codes.
  case eas
}

extension GRPCStatus {
  /// For what a gateway, a balancer or a processor of PAI-EAS answers with instead of a result.
  ///
  /// - Parameter text: the start of the body, when it's text; empty otherwise.
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
    var message = "the endpoint answered with HTTP status \(status)"
    if let meaning = Self.meaning(ofEAS: status) { message += " (\(meaning))" }
    if !text.isEmpty { message += ": \(text)" }
    self.init(code, message, origin: .endpoint)
    switch status {
    case 429, 450:
      self.wasDropped = true
    case 408:
      // The time of the service has passed over it: what it was at may still go on.
      self.retryPushback = .never
    default:
      break
    }
  }

  /// What isn't said by the status alone.
  private static func meaning(ofEAS status: Int) -> String? {
    switch status {
    case 408: "the service took longer than its rpc.keepalive allows"
    case 429: "over the rate limit"
    case 450: "the queue of the instance is full"
    default: nil
    }
  }
}
