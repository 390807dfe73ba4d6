internal import BridgeConfiguration
internal import Codec
internal import GRPCWire
internal import NIOCore
internal import Routing

/// The one place where a cause is mapped to an HTTP status and a JSON body.
///
/// The body is a `google.rpc.Status` in its JSON form:
///
///     {"code":5,"message":"…","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",…}]}
///
/// The bridge's own errors carry a google.rpc.ErrorInfo with the domain `bridge-proxy`, so that
/// programs can distinguish them from the endpoint's. A service may define another shape (`errors` in
/// its configuration), which then applies to all errors sent to its clients.
enum ErrorBody {
  /// The HTTP status that a gRPC code maps to (google/rpc/code.proto, "HTTP Mapping").
  static func httpStatus(of code: GRPCStatus.Code) -> Int {
    switch code {
    case .ok: 200
    case .cancelled: 499
    case .unknown: 500
    case .invalidArgument: 400
    case .deadlineExceeded: 504
    case .notFound: 404
    case .alreadyExists: 409
    case .permissionDenied: 403
    case .resourceExhausted: 429
    case .failedPrecondition: 400
    case .aborted: 409
    case .outOfRange: 400
    case .unimplemented: 501
    case .internal: 500
    case .unavailable: 503
    case .dataLoss: 500
    case .unauthenticated: 401
    }
  }

  /// Appends the body of an error.
  static func write(
    _ error: RequestError, _ subject: ErrorSubject = ErrorSubject(), to sink: inout ByteSink
  ) {
    if let template = subject.errors?.body {
      Self.write(error, subject, by: template, to: &sink)
      return
    }
    Self.writeHead(error.code, error.message, to: &sink)
    sink.append(",\"details\":")
    Self.writeDetails(of: error, to: &sink)
    sink.append("}")
  }

  /// Appends google.rpc.ErrorInfo and, if there's a violation, google.rpc.BadRequest.
  private static func writeDetails(of error: RequestError, to sink: inout ByteSink) {
    sink.append(
      "[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"")
    sink.append(string: error.reason.rawValue)
    sink.append("\",\"domain\":\"")
    sink.append(string: Self.domain)
    sink.append("\"}")
    if let violation = error.violation {
      sink.append(
        ",{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\",\"fieldViolations\":[{\"field\":"
      )
      JSONText.append(violation.field, to: &sink)
      sink.append(",\"description\":")
      JSONText.append(violation.description, to: &sink)
      sink.append("}]}")
    }
    sink.append("]")
  }

  /// Appends the body of a status that an endpoint sent: its rich form if the details are a
  /// google.rpc.Status of the same code that can be printed, else only code and message.
  static func write(
    _ status: GRPCStatus, of service: ServedService, _ subject: ErrorSubject,
    _ transcoder: Transcoder, to sink: inout ByteSink
  ) {
    if let template = subject.errors?.body {
      Self.write(status, of: service, subject, by: template, transcoder, to: &sink)
      return
    }
    if Self.append(detailsOf: status, service, selecting: nil, transcoder, to: &sink) { return }
    Self.writeHead(status.code, status.message, to: &sink)
    sink.append("}")
  }

  /// Appends the google.rpc.Status that came with a status, or one field of it; returns false, and
  /// appends nothing, if there's none that can be printed.
  private static func append(
    detailsOf status: GRPCStatus, _ service: ServedService, selecting field: FieldPath?,
    _ transcoder: Transcoder, to sink: inout ByteSink
  ) -> Bool {
    guard Self.code(inDetails: status.details) == status.code.rawValue,
      let type = service.statusMessage
    else { return false }
    let start = sink.count
    var options = service.decode
    // Details may originate anywhere, so unknown types are printed regardless of the service's setting.
    options.printsUnknownAnyAsBase64 = true
    do throws(CodecError) {
      try unsafe transcoder.decode(
        status.details.span.bytes, as: type, of: service.schema, responseBody: field,
        options: options, into: &sink)
      return true
    } catch {
      sink.truncate(to: start)
      return false
    }
  }

  /// The delay of google.rpc.RetryInfo among the details of a status, in whole seconds, rounded up.
  static func retryDelay(of status: GRPCStatus) -> Int64? {
    guard Self.code(inDetails: status.details) == status.code.rawValue else { return nil }
    return unsafe StatusSummary(of: status.details.span.bytes).retryDelay
  }

  /// `{"code":5,"message":"…"`, left open.
  private static func writeHead(
    _ code: GRPCStatus.Code, _ message: String, to sink: inout ByteSink
  ) {
    sink.append("{\"code\":")
    sink.append(string: String(code.rawValue))
    sink.append(",\"message\":")
    JSONText.append(message, to: &sink)
  }

  /// Field 1 of a serialized google.rpc.Status, if it's the first field, as every encoder writes it;
  /// nil otherwise. Details are only valid for the status that they came with.
  static func code(inDetails details: [UInt8]) -> Int? {
    guard details.count >= 2, details[0] == 0x08, details[1] < 0x80 else { return nil }
    return Int(details[1])
  }
}

// MARK: Service-specific error shapes

extension ErrorBody {
  /// `domain` of google.rpc.ErrorInfo in the bridge's own errors.
  private static let domain = "bridge-proxy"

  @inline(never)
  private static func write(
    _ error: RequestError, _ subject: ErrorSubject, by template: ErrorTemplate,
    to sink: inout ByteSink
  ) {
    var values = subject.values(error.code, subject.httpStatus(of: error), error.message)
    values.summary.reason = error.reason.rawValue
    values.summary.domain = Self.domain
    values.summary.field = error.violation?.field
    if template.uses(.details) {
      var details = ByteSink()
      Self.writeDetails(of: error, to: &details)
      values.details = details.array
    }
    template.write(values, to: &sink)
  }

  @inline(never)
  private static func write(
    _ status: GRPCStatus, of service: ServedService, _ subject: ErrorSubject,
    by template: ErrorTemplate, _ transcoder: Transcoder, to sink: inout ByteSink
  ) {
    var values = subject.values(status.code, subject.httpStatus(of: status), status.message)
    if template.uses(.reason, .domain, .field),
      Self.code(inDetails: status.details) == status.code.rawValue
    {
      values.summary = unsafe StatusSummary(of: status.details.span.bytes)
    }
    if template.uses(.details), let field = service.statusDetails {
      var details = ByteSink()
      if Self.append(detailsOf: status, service, selecting: field, transcoder, to: &details) {
        values.details = details.array
      }
    }
    template.write(values, to: &sink)
  }
}

// MARK: Causes

extension RequestError {
  /// A status that the bridge made because the call couldn't be completed.
  init?(_ status: GRPCStatus) {
    switch status.origin {
    case .endpoint:
      return nil
    case .notConnected:
      self.init(status.code, .notConnected, status.message)
      self.retryAfter = 1
    case .shed:
      self.init(status.code, http: 503, .shed, status.message)
      self.retryAfter = 1
    case .deadline:
      self.init(status.code, .deadline, status.message)
    case .transport:
      self.init(status.code, .transport, status.message)
    }
  }

  /// A request that doesn't fit the method's request type.
  ///
  /// - Parameter body: the JSON text that the error's offset refers to.
  init(_ error: CodecError, in body: RawSpan) {
    var message = error.message(in: body)
    if error.code == .parameterUnderBody {
      message +=
        "; to accept it, set the service's http.query_under_body to ignore or merge"
    }
    switch error.code {
    case .tooLarge:
      self.init(.resourceExhausted, http: 413, .bodyTooLarge, message)
    default:
      self.init(.invalidArgument, .invalidMessage, message)
      if !error.path.isEmpty {
        self.violation = Violation(field: error.path, description: error.reason)
      }
    }
  }

  /// A reply that can't be printed according to the schema.
  static func invalidReply(_ error: CodecError, of route: Route) -> RequestError {
    RequestError(
      .internal, .invalidReply,
      "the reply of \(route.name) doesn't match its schema: \(error.description); "
        + "does the endpoint use another version of the schema?")
  }

  /// A unary call that succeeded with a number of messages other than one.
  static func messageCount(_ count: Int, of route: Route) -> RequestError {
    let number = count == 0 ? "no message" : "more than one message"
    return RequestError(
      .internal, .invalidReply,
      "the endpoint sent \(number) for \(route.name); a unary response has exactly one")
  }
}
