internal import BridgeConfiguration
internal import GRPCWire
internal import Routing

/// The request or stream that an error responds to, as far as it's known.
struct ErrorSubject {
  /// The configured shape of its errors; nil: google.rpc.Status.
  var errors: Configuration.Errors?
  var service = ""
  var rpc: String?
  var requestID: [UInt8] = []

  init() {}

  /// - Parameter exchange: nil if no request could be parsed.
  init(_ exchange: Exchange?, requestID: [UInt8]) {
    guard let service = exchange?.service,
      let errors = service.errors
    else { return }
    self.errors = errors
    self.service = service.name
    self.rpc = exchange?.route?.name
    self.requestID = requestID
  }

  /// The subject of an error in a service's stream that has begun.
  init(_ service: ServedService, _ route: Route, requestID: String) {
    guard let errors = service.errors else { return }
    self.errors = errors
    self.service = service.name
    self.rpc = route.name
    self.requestID = Array(requestID.utf8)
  }

  /// Nil: the default one.
  var contentType: String? { self.errors?.contentType }

  func httpStatus(of error: RequestError) -> Int {
    self.errors?.httpStatus(of: error.code, usually: error.httpStatus) ?? error.httpStatus
  }

  func httpStatus(of status: GRPCStatus) -> Int {
    let usual = ErrorBody.httpStatus(of: status.code)
    return self.errors?.httpStatus(of: status.code, usually: usual) ?? usual
  }

  func values(
    _ code: GRPCStatus.Code, _ httpStatus: Int, _ message: String
  ) -> ErrorValues {
    ErrorValues(
      code: code, httpStatus: httpStatus, message: message, requestID: self.requestID,
      rpc: self.rpc, service: self.service)
  }
}
