internal import AccessLogging
internal import BridgeConfiguration
internal import Codec
internal import GRPCWire
internal import HTTP2
internal import NIOCore
internal import Upstream

/// A gRPC call that is passed through: connects a client's stream with a raw call of an upstream. A thin
/// shell around `PassThroughState`.
final class PassThroughCall: DownstreamStream {
  let stream: HTTP2Stream
  /// The tick at which progress is checked once the whole response is queued; before, the upstream call
  /// has its own deadline.
  var deadline: Int64 { self.sending.deadline }
  private var sending = WriteWatch()
  let heartbeat = Int64.max
  var heldBytes: Int { self.call?.unsentBytes ?? 0 }
  private let connection: HTTP2ServerConnection
  private var head: CallHead
  private var state = PassThroughState()
  private var call: (any UpstreamCall)?
  private var service: ServedService?
  private var upstream: (any Upstream)?
  /// Index of the service's group of endpoints.
  private var group = 0
  /// `/package.Service/Method`: the path without the service's prefix.
  private var callPath = ""
  private var requestID: [UInt8] = []
  private var hasRecorded = false
  /// Set only when an access log is kept.
  private let start: NIODeadline?
  private var requestByteCount = 0
  private var responseByteCount = 0

  /// Pieces below this size are copied when others wait before them: each may be a slice of a much
  /// larger read, which it would keep in memory.
  private static let copiedByteCount = 16 << 10

  init(_ stream: HTTP2Stream, _ head: CallHead, on connection: HTTP2ServerConnection) {
    self.stream = stream
    self.head = head
    self.connection = connection
    self.start = connection.loop.recorder == nil ? nil : .now()
    if head.headers.requestID.isEmpty {
      connection.loop.requestIDs.append(to: &self.requestID)
    } else {
      self.requestID.append(contentsOf: head.headers.requestID.utf8)
    }
  }

  // MARK: The request

  /// Chooses the service and its endpoints. A call that can't be passed on is refused at once.
  ///
  /// - Parameter fieldCount: number of fields in the head.
  func accept(fieldCount: Int) {
    let loop = self.connection.loop
    let choice = unsafe loop.table.chooseForCall(
      authority: self.head.authority.utf8.span.bytes, path: self.head.path)
    guard let choice else {
      self.refuse(self.noService)
      return
    }
    let service = loop.table.services[choice.service]
    self.service = service
    self.callPath = choice.callPath
    if let error = self.sourceFault(of: service) {
      self.refuse(GRPCStatus(error.code, error.message), httpStatus: error.httpStatus)
    } else if let status = self.chooseGroup(of: service) ?? self.head.fault {
      self.refuse(status)
    } else if fieldCount > loop.limits.headFields {
      self.refuse(Self.headTooLarge(loop.limits))
    } else {
      self.upstream = loop.upstreams[choice.service][self.group]
    }
  }

  /// The error if the call's source isn't allowed, as for other requests.
  private func sourceFault(of service: ServedService) -> RequestError? {
    let source = self.head.headers.source
    if self.connection.checksHost,
      let error = self.connection.loop.refusal(of: self.head.authority, for: service)
    {
      return error
    }
    guard source.isPage, !source.mayCall(self.head.authority, service.cors) else { return nil }
    return RequestError(.permissionDenied, .originNotAllowed, source.refusal(by: service.name))
  }

  /// - Returns: the error if none can be chosen.
  private func chooseGroup(of service: ServedService) -> GRPCStatus? {
    guard let choice = service.groupChoice else { return nil }
    var generator = SystemRandomNumberGenerator()
    let metadata = self.head.metadata
    do throws(UnknownGroupError) {
      self.group = try unsafe choice.group(path: self.callPath.utf8.span.bytes, using: &generator) {
        metadata.first($0)
      }
      return nil
    } catch {
      return GRPCStatus(.invalidArgument, error.description)
    }
  }

  private var noService: GRPCStatus {
    let services = self.connection.loop.table.services
    let names = services.prefix(10).map(\.summary).joined(separator: ", ")
    let path = ForeignText.shown(self.head.path)
    return GRPCStatus(
      .unimplemented,
      "no service for authority \(ForeignText.shown(self.head.authority)) and path \(path); services: "
        + names + (services.count > 10 ? ", …" : ""))
  }

  /// The status for a head that's too large.
  static func headTooLarge(_ limits: Configuration.Limits) -> GRPCStatus {
    GRPCStatus(
      .resourceExhausted,
      "the header list has more than \(limits.headBytes) bytes or more than \(limits.headFields) "
        + "fields (limits.head_bytes, limits.head_fields)")
  }

  /// Starts the call with the part of the request that arrived in the same read as its head.
  func begin() {
    guard let start = self.state.start(), let service = self.service, let upstream = self.upstream
    else { return }
    let headers = self.head.headers
    var metadata = self.head.metadata
    headers.finish(
      &metadata, for: service, from: self.connection.clientAddress,
      isLocal: self.connection.isClientLocal, requestID: self.requestID)
    var fields = self.head.ownFields
    fields.append(contentsOf: metadata)
    self.head.shrink()
    let limit = service.limit(ofCall: self.callPath, client: headers.timeout)
    var request = CallRequest(
      path: self.callPath, metadata: fields, deadline: .now() + limit.time, message: start.body,
      isComplete: start.isComplete, framing: .raw)
    request.limit = limit
    self.call = upstream.start(request, observer: self)
    self.given(start.body?.readableBytes ?? 0)
  }

  func receive(_ bytes: ByteBuffer) {
    self.requestByteCount += bytes.readableBytes
    switch self.state.dataReceived(bytes) {
    case .none, .drop:
      break
    case .send:
      guard let call = self.call else { return }
      let isQueued = call.unsentBytes > 0
      call.send(isQueued ? Self.compacted(bytes) : bytes, isLast: false)
      self.given(bytes.readableBytes)
    }
  }

  func receiveEnd() {
    if self.state.endReceived() { self.call?.send(ByteBuffer(), isLast: true) }
  }

  private func given(_ byteCount: Int) {
    guard let call = self.call else { return }
    let count = self.state.given(byteCount: byteCount, unsent: call.unsentBytes)
    self.connection.returnWindow(self.stream, byteCount: count)
  }

  private static func compacted(_ bytes: ByteBuffer) -> ByteBuffer {
    guard bytes.readableBytes < Self.copiedByteCount else { return bytes }
    var copy = ByteBufferAllocator().buffer(capacity: bytes.readableBytes)
    copy.writeImmutableBuffer(bytes)
    return copy
  }

  // MARK: The stream

  func receiveClosed() {
    switch self.state.closed() {
    case .cancel:
      self.call?.cancel()
      self.call = nil
      self.record(httpStatus: 499, GRPCStatus(.cancelled), hasFailed: false)
      self.connection.callEnded()
    case .none:
      break
    }
  }

  func deadlinePassed() {
    let unsent = self.unsentByteCount
    let next = self.connection.loop.writeDeadline
    guard self.sending.isStalled(taken: -unsent, next: next), unsent > 0 else { return }
    self.connection.session.reset(self.stream, errorCode: HTTP2ErrorCode.cancel)
    self.connection.driver.scheduleFlush()
  }

  private var unsentByteCount: Int {
    let session = self.connection.session
    return session.isKnown(self.stream) ? session.unsentBytes(self.stream) : 0
  }

  func heartbeatDue() {}

  func streamAdvanced() -> Bool {
    let session = self.connection.session
    guard session.isKnown(self.stream) else { return false }
    if self.state.awaitsEnd, session.isFinished(self.stream), self.state.responseSent() {
      session.reset(self.stream, errorCode: HTTP2ErrorCode.noError)
    }
    if self.state.replySent(
      unsent: session.unsentBytes(self.stream), mark: self.connection.replyMark)
    {
      self.call?.resumeReading()
    }
    return self.state.isReplyPaused || self.state.awaitsEnd
  }

  // MARK: The response

  /// Responds without calling an endpoint.
  ///
  /// - Parameter httpStatus: other than 200 for a request that may not be gRPC at all.
  func refuse(_ status: GRPCStatus, httpStatus: Int = 200) {
    self.end(status, HeaderBlock(), httpStatus)
  }

  private func end(_ status: GRPCStatus, _ trailers: HeaderBlock, _ httpStatus: Int = 200) {
    self.call = nil
    let session = self.connection.session
    // The endpoint's status passes unchanged; without one, the bridge's is sent.
    let fields = trailers.first("grpc-status") == nil ? Self.fields(of: status, trailers) : trailers
    switch self.state.callEnded() {
    case .trailersOnly:
      session.submitResponse(self.stream, self.replyHead(fields, httpStatus), endsStream: true)
    case .trailers:
      session.finish(self.stream, trailers: fields)
    case .ignore:
      return
    }
    self.record(httpStatus: httpStatus, status)
    self.connection.callEnded()
    if self.state.awaitsEnd { self.connection.driver.watch(self.stream) }
    if self.unsentByteCount > 0 {
      let until = self.connection.loop.writeDeadline
      self.sending.begin(taken: -self.unsentByteCount, until: until)
    }
    self.connection.driver.scheduleFlush()
  }

  /// The trailers of a status that the bridge made.
  private static func fields(of status: GRPCStatus, _ trailers: HeaderBlock) -> HeaderBlock {
    var block = HeaderBlock()
    block.append("grpc-status", String(status.code.rawValue))
    if !status.message.isEmpty {
      block.append("grpc-message".utf8, StatusMessage.encode(status.message))
    }
    block.append(contentsOf: trailers)
    return block
  }

  /// A response head with these fields and the required ones that are missing.
  private func replyHead(_ fields: HeaderBlock, _ httpStatus: Int = 200) -> HeaderBlock {
    var block = HeaderBlock()
    block.append(":status", String(httpStatus))
    var hasContentType = false
    var hasRequestID = false
    for field in fields.fields {
      // The body may yet be truncated.
      if fields.isNamed("content-length", field) { continue }
      if fields.isNamed("content-type", field) { hasContentType = true }
      if fields.isNamed("x-request-id", field) { hasRequestID = true }
      block.append(field, of: fields)
    }
    if !hasContentType { block.append("content-type", "application/grpc") }
    if !hasRequestID { block.append("x-request-id".utf8, self.requestID) }
    return block
  }

  // MARK: The log

  private func record(httpStatus: Int, _ status: GRPCStatus, hasFailed: Bool = true) {
    guard let recorder = self.connection.loop.recorder, !self.hasRecorded else { return }
    self.hasRecorded = true
    recorder.record(
      AccessEntry(
        method: "POST", path: String(self.head.path.prefix { $0 != "?" }),
        service: self.service?.name ?? "", rpc: self.callPath, httpStatus: httpStatus,
        grpcCode: status.code, requestBytes: self.requestByteCount,
        responseBytes: self.responseByteCount, duration: self.start.map { .now() - $0 } ?? .zero,
        requestID: String(decoding: self.requestID, as: UTF8.self),
        failure: hasFailed ? AccessEntry.Failure(status) : nil))
  }
}

extension PassThroughCall: CallObserver {
  func callReceivedHead(_ metadata: HeaderBlock) {
    guard self.state.headReceived() else { return }
    self.connection.session.submitResponse(
      self.stream, self.replyHead(metadata), endsStream: false)
    self.connection.driver.scheduleFlush()
  }

  func callReceivedMessage(_ message: ByteBuffer) {
    self.responseByteCount += message.readableBytes
    let session = self.connection.session
    let isQueued = session.unsentBytes(self.stream) > 0
    session.send(self.stream, isQueued ? Self.compacted(message) : message)
    if self.state.replyQueued(
      unsent: session.unsentBytes(self.stream), mark: self.connection.replyMark)
    {
      self.call?.pauseReading()
      self.connection.driver.watch(self.stream)
    }
    self.connection.driver.scheduleFlush()
  }

  func callCanSend() {
    self.connection.returnWindow(self.stream, byteCount: self.state.roomMade())
  }

  func callEnded(_ status: GRPCStatus, trailers: HeaderBlock) {
    self.end(status, trailers)
  }
}
