internal import Codec
internal import GRPCWire

/// An error with which the bridge itself responds to a request: the cause, which `ErrorBody` writes.
///
/// Everything that a client can do wrong, and everything that the bridge can't do for it, is one of
/// these; statuses that an endpoint sent are `GRPCStatus` values.
struct RequestError: Error, Equatable {
  /// The invalid part of the message: google.rpc.BadRequest.FieldViolation.
  struct Violation: Equatable {
    /// The field path, in JSON names or, if the service prints those, in proto names.
    var field: String
    var description: String

    init(field: String, description: String) {
      self.field = EchoedText.shortened(field, to: 1024)
      self.description = EchoedText.shortened(description)
    }
  }

  var code: GRPCStatus.Code
  var httpStatus: Int
  /// The constant that programs compare: `reason` of google.rpc.ErrorInfo.
  var reason: Reason
  /// The problem and its fix, as a sentence without a full stop.
  var message: String
  var violation: Violation?
  /// Methods for `Allow`.
  var allow: [String] = []
  /// Codings for `Accept-Encoding`.
  var acceptEncoding: String?
  /// For `Sec-WebSocket-Version` (RFC 6455 §4.2.2).
  var webSocketVersion: String?
  /// Seconds for `Retry-After`.
  var retryAfter: Int?
  /// Whether the bytes that follow on the connection can't be trusted to be a request.
  var endsConnection = false

  /// The causes, as google.rpc.ErrorInfo spells them.
  enum Reason: String, CaseIterable {
    case malformedRequest = "MALFORMED_REQUEST"
    case unsupportedVersion = "UNSUPPORTED_HTTP_VERSION"
    case unknownMethod = "METHOD_NOT_IMPLEMENTED"
    case notAProxy = "CONNECT_NOT_SUPPORTED"
    case noService = "SERVICE_NOT_FOUND"
    case noSchema = "SCHEMA_NOT_LOADED"
    case noRoute = "ROUTE_NOT_FOUND"
    case methodNotAllowed = "METHOD_NOT_ALLOWED"
    case originNotAllowed = "ORIGIN_NOT_ALLOWED"
    case hostNotTrusted = "HOST_NOT_TRUSTED"
    case unknownGroup = "ENDPOINT_NOT_FOUND"
    case notAcceptable = "NOT_ACCEPTABLE"
    case unsupportedContentType = "UNSUPPORTED_CONTENT_TYPE"
    case unsupportedContentEncoding = "UNSUPPORTED_CONTENT_ENCODING"
    case unsupportedTransferEncoding = "UNSUPPORTED_TRANSFER_ENCODING"
    case damagedBody = "DAMAGED_BODY"
    case bodyTooLarge = "BODY_TOO_LARGE"
    case inflatedBodyTooLarge = "INFLATED_BODY_TOO_LARGE"
    case inflationRatio = "INFLATION_RATIO_TOO_HIGH"
    case targetTooLong = "TARGET_TOO_LONG"
    case headTooLarge = "HEAD_TOO_LARGE"
    case expectationFailed = "EXPECTATION_FAILED"
    case readTimeout = "REQUEST_READ_TIMEOUT"
    case invalidHeader = "INVALID_HEADER"
    case invalidEscape = "INVALID_PERCENT_ENCODING"
    case unexpectedBody = "UNEXPECTED_BODY"
    case invalidMessage = "INVALID_MESSAGE"
    case invalidReply = "INVALID_REPLY"
    case notConnected = "ENDPOINT_NOT_REACHABLE"
    case shed = "TOO_MANY_CALLS"
    case deadline = "DEADLINE_EXCEEDED"
    case loop = "LOOP_DETECTED"
    case transport = "ENDPOINT_PROTOCOL_ERROR"
  }

  /// Creates an error with the HTTP status that its code maps to, or a more specific one. A message
  /// longer than `EchoedText.messageByteLimit` is shortened in the middle, whatever it quotes.
  init(_ code: GRPCStatus.Code, http: Int? = nil, _ reason: Reason, _ message: String) {
    self.code = code
    self.httpStatus = http ?? ErrorBody.httpStatus(of: code)
    self.reason = reason
    self.message = EchoedText.shortened(message)
  }

  /// The standard HTTP methods that a route can have.
  static let allMethods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]

  /// An error after which the connection is closed.
  static func fatal(
    _ code: GRPCStatus.Code, http: Int? = nil, _ reason: Reason, _ message: String
  ) -> RequestError {
    var error = RequestError(code, http: http, reason, message)
    error.endsConnection = true
    return error
  }
}
