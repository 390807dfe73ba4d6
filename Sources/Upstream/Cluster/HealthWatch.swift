internal import GRPCWire
internal import HTTP2
internal import NIOCore
internal import Time

/// The health that one endpoint reports, by a call of grpc.health.v1.Health/Watch that stays open
/// (gRPC's health-checking.md; the messages are in grpc/health/v1/health.proto).
///
/// An endpoint without that service counts as serving. A watch that ends for another reason is
/// restarted when the endpoint reconnects, or after a backoff.
final class HealthWatch {
  private let service: String
  private let pool: any EndpointPool
  private let eventLoop: any EventLoop
  private let onChange: (Bool) -> Void
  private var call: (any UpstreamCall)?
  private var again: Scheduled<Void>?
  private var isOffered = true
  private var failures = 0
  private var generator = SystemRandomNumberGenerator()

  /// - Parameter onChange: called with each report of whether the endpoint is serving.
  init(
    _ service: String, of pool: any EndpointPool, on eventLoop: any EventLoop,
    onChange: @escaping (Bool) -> Void
  ) {
    self.service = service
    self.pool = pool
    self.eventLoop = eventLoop
    self.onChange = onChange
  }

  /// A connection is ready: the endpoint may be a different process than before.
  func connected() {
    self.isOffered = true
    self.failures = 0
    guard self.call == nil else { return }
    self.watch()
  }

  func stop() {
    self.again?.cancel()
    self.again = nil
    self.call?.cancel()
    self.call = nil
    self.isOffered = false
  }

  private func watch() {
    self.again?.cancel()
    self.again = nil
    guard self.isOffered else { return }
    var request = CallRequest(
      path: "/grpc.health.v1.Health/Watch", message: Self.message(self.service),
      framing: .messages(replyByteLimit: 1 << 10))
    request.options.endsOnDrain = true
    self.call = self.pool.start(request, observer: self)
  }

  /// HealthCheckRequest {string service = 1} in its gRPC frame.
  private static func message(_ service: String) -> ByteBuffer {
    var message = ByteBuffer()
    if !service.isEmpty {
      message.writeInteger(UInt8(0x0A))
      var length = service.utf8.count
      while length > 0x7F {
        message.writeInteger(UInt8(truncatingIfNeeded: length) | 0x80)
        length >>= 7
      }
      message.writeInteger(UInt8(truncatingIfNeeded: length))
      message.writeString(service)
    }
    var frame = ByteBuffer()
    frame.writeInteger(UInt8(0))
    frame.writeInteger(UInt32(message.readableBytes))
    frame.writeBuffer(&message)
    return frame
  }

  /// Whether a HealthCheckResponse {ServingStatus status = 1} reports SERVING (1). Nil if it's not
  /// valid.
  private static func isServing(_ message: ByteBuffer) -> Bool? {
    let bytes = message.readableBytesView
    // An unset field is UNKNOWN (0).
    guard let tag = bytes.first else { return false }
    guard tag == 0x08, bytes.count == 2 else { return nil }
    return bytes.last == 1
  }
}

extension HealthWatch: CallObserver {
  func callReceivedHead(_ metadata: HeaderBlock) {}

  func callReceivedMessage(_ message: ByteBuffer) {
    self.failures = 0
    if let isServing = Self.isServing(message) { self.onChange(isServing) }
  }

  func callEnded(_ status: GRPCStatus, trailers: HeaderBlock) {
    self.call = nil
    if status.code == .unimplemented {
      self.isOffered = false
      self.onChange(true)
      return
    }
    // Connectivity is tracked separately, and the previous health report no longer applies.
    self.onChange(true)
    guard self.isOffered, status.origin != .notConnected else { return }
    self.failures += 1
    let wait = Backoff.standard.delay(afterFailures: self.failures, using: &self.generator)
    self.again = self.eventLoop.assumeIsolated().scheduleTask(in: wait) { self.watch() }
  }
}
