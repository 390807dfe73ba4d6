internal import AccessLogging
internal import GRPCWire
internal import NIOCore
internal import NIOHTTP1
internal import Routing

/// Entries of the access log.
extension ExchangeDriver {
  /// Logs the exchange, or input that isn't a request, if there's an access log.
  func record(status: Int, _ code: GRPCStatus.Code) {
    guard let recorder = self.loop.recorder else { return }
    recorder.record(self.entry(status: status, code))
    self.failure = nil
    self.refusedLine = nil
  }

  func note(_ error: RequestError) {
    guard self.loop.recorder != nil else { return }
    self.failure = AccessEntry.Failure(error)
  }

  func note(_ status: GRPCStatus) {
    guard self.loop.recorder != nil else { return }
    self.failure = AccessEntry.Failure(status)
  }

  /// The access log entry of the exchange.
  func entry(status: Int, _ code: GRPCStatus.Code) -> AccessEntry {
    let exchange = self.exchange
    let target = exchange?.target ?? self.refusedLine?.target ?? ""
    let path = target.utf8.prefix { $0 != UInt8(ascii: "?") }
    return AccessEntry(
      method: exchange?.method.rawValue ?? self.refusedLine?.method ?? "",
      path: String(Substring(path)),
      service: exchange?.service?.name ?? "", rpc: exchange?.route?.callPath ?? "",
      httpStatus: status, grpcCode: code, requestBytes: exchange?.requestByteCount ?? 0,
      responseBytes: exchange.map {
        (self.writer?.writtenByteCount ?? $0.writtenBefore) - $0.writtenBefore
      } ?? 0,
      duration: exchange?.start.map { .now() - $0 } ?? .zero,
      requestID: exchange == nil ? "" : String(decoding: self.requestID, as: UTF8.self),
      failure: self.failure)
  }
}
