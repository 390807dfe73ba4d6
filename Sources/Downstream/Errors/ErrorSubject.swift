internal import BridgeConfiguration
internal import GRPCWire
internal import Routing

/// What an error is an answer to, as far as that's known.
struct ErrorSubject {
  /// How errors look there; nil: as google.rpc.Status says.
  var errors: Configuration.Errors?
  var service = ""
  var rpc: String?
  var requestID: [UInt8] = []

  init() {}

  /// - Parameter exchange: nil where no request could be read.
  init(_ exchange: Exchange?, requestID: [UInt8]) {
    guard let service = exchange?.service,
      let errors = service.errors
    else { return }
    self.errors = errors
    self.service = service.name
    self.rpc = exchange?.route?.name
    self.requestID = requestID
  }

  /// Of a service's stream that has begun.
  init(_ service: ServedService, _ route: Route, requestID: String) {
    guard let errors = service.errors else { return }
    self.errors = errors
    self.service = service.name
    self.rpc = route.name
    self.requestID = Array(requestID.utf8)
  }

  /// Nil: the usual one.
  var contentType: String? { self.errors?.contentType }

  func httpStatus(of fault: RequestError) -> Int {
    self.errors?.httpStatus(of: fault.code, usually: fault.httpStatus) ?? fault.httpStatus
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
