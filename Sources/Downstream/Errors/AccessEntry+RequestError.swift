internal import AccessLogging
internal import Codec
internal import GRPCWire

extension AccessEntry.Failure {
  /// An error caused by the client or by the bridge itself.
  init(_ error: RequestError) {
    self.init(reason: error.reason.rawValue, message: error.message)
  }

  /// How a call ended; nil if it succeeded.
  init?(_ status: GRPCStatus) {
    if status.isOK { return nil }
    if let error = RequestError(status) {
      self.init(error)
      return
    }
    let isDetailed = ErrorBody.code(inDetails: status.details) == status.code.rawValue
    let summary = unsafe isDetailed ? StatusSummary(of: status.details.span.bytes) : nil
    self.init(reason: summary?.reason ?? "", message: status.message)
  }
}
