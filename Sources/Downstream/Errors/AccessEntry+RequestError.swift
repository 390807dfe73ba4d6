internal import AccessLogging
internal import Codec
internal import GRPCWire

extension AccessEntry.Failure {
  /// An error caused by the client or by the bridge itself.
  init(_ fault: RequestError) {
    self.init(reason: fault.reason.rawValue, message: fault.message)
  }

  /// How a call ended; nil if it succeeded.
  init?(_ status: GRPCStatus) {
    if status.isOK { return nil }
    if let fault = RequestError(status) {
      self.init(fault)
      return
    }
    let isDetailed = ErrorBody.code(inDetails: status.details) == status.code.rawValue
    let summary = unsafe isDetailed ? StatusSummary(of: status.details.span.bytes) : nil
    self.init(reason: summary?.reason ?? "", message: status.message)
  }
}
