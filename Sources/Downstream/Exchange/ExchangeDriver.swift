internal import AccessLogging
internal import BridgeConfiguration
internal import Codec
internal import GRPCWire
internal import HTTP2
internal import NIOCore
internal import NIOHTTP1
internal import Routing
internal import Upstream

/// A part of a request, from either protocol.
enum RequestPart {
  case head(RequestHead)
  case body(ByteBuffer)
  case end
}

/// Drives the exchanges of one connection, or the single one of a stream: takes request parts, starts
/// calls, and passes the responses to a `ResponseWriter`.
///
/// A thin shell that is independent of the protocol: `ExchangeState` decides what to do, the driver
/// does it.
final class ExchangeDriver: DeferredFlush {
  /// The tick at which the earliest of the pending waits times out.
  var deadline: Int64 { min(self.waitDeadline, self.writing.deadline) }
  private var waitDeadline = Int64.max
  private var writing = WriteWatch()
  /// The tick at which a silent event stream gets a keepalive.
  var heartbeat = Int64.max

  let loop: LoopContext
  /// Whether the connection arrived over loopback, where host names must be trusted.
  let checksHost: Bool
  /// Nil before `begin` and after the client has disconnected.
  private(set) var writer: (any ResponseWriter)?
  var state = ExchangeState()
  var exchange: Exchange?
  var isFlushDue = false
  /// The metadata sent to the endpoint with the call; its memory is lent by the loop for the exchange.
  var metadata = HeaderBlock()
  /// The values from path and query; its memory is reused across requests.
  var bindings = Bindings()
  /// The ID of the request in progress; its memory is reused as well.
  var requestID: [UInt8] = []
  /// Fields of the response in progress beyond those that every response has; its memory is reused as
  /// well.
  var responseFields = HeaderBlock()
  /// The client's IP address; empty on a UNIX socket.
  private(set) lazy var clientAddress = self.writer?.remoteAddress?.ipAddress ?? ""
  /// Whether the client is on this machine.
  private(set) lazy var isClientLocal = ClientAddress.isLocal(self.clientAddress)
  /// Why the exchange in progress failed, for the log; nil if it hasn't failed or there's no log.
  var failure: AccessEntry.Failure?
  /// Method and target of a line that couldn't be parsed as a request, for the log.
  var refusedLine: (method: String, target: String)?
  /// The part of a streamed response that hasn't been written yet.
  var stream = StreamedResponseBody()

  /// Input that arrived before its turn.
  private var input = PipelinedInput()
  /// Whether the decoder has delivered all parts of the last request.
  private(set) var isBetweenRequests = true
  private var isTakingParts = false
  private var wait = ExchangeState.Wait.nothing

  init(_ loop: LoopContext, checksHost: Bool = false) {
    self.loop = loop
    self.checksHost = checksHost
  }

  // MARK: Lifecycle

  /// The client has connected.
  func begin(_ writer: any ResponseWriter) {
    self.writer = writer
    self.updateDeadline()
  }

  /// The client has disconnected: cancels its call.
  func connectionLost() {
    self.state.closed()
    self.input.removeAll()
    self.stream.removeAll()
    if let exchange = self.exchange {
      exchange.call?.cancel()
      self.failure = nil
      self.record(status: 499, .cancelled)
      self.exchange = nil
    }
    self.waitDeadline = .max
    self.writing.end()
    self.heartbeat = .max
    self.writer = nil
  }

  /// The connection has switched protocols; another handler takes over.
  func detach() {
    self.exchange = nil
    self.state.upgraded()
  }

  /// Closes the connection without a response.
  func closeNow() {
    self.writer?.closeNow()
  }

  /// The process is about to exit.
  func drain() {
    if self.state.drain() == .close { self.closeNow() }
  }

  // MARK: Reading

  /// Takes a part of a request.
  func receive(_ part: RequestPart) {
    if case .end = part { self.isBetweenRequests = true } else { self.isBetweenRequests = false }
    guard self.input.isEmpty, self.canTakeParts else {
      if !self.input.append(part) { self.closeNow() }
      return
    }
    self.isTakingParts = true
    self.take(part)
    self.isTakingParts = false
    if !self.input.isEmpty { self.takeParts() }
    self.updateDeadline()
  }

  /// Bytes have arrived that don't complete a head yet.
  func receivedPartOfHead() {
    self.state.partialHeadReceived()
    self.updateDeadline()
  }

  /// Whether the next part may be processed. No further responses are produced for a client that
  /// doesn't read the previous ones, which bounds the bytes queued in memory.
  private var canTakeParts: Bool {
    guard self.state.acceptsParts, !self.isTakingParts, self.exchange?.isHeld != true else {
      return false
    }
    return self.state.isBusy || self.writer?.isWritable ?? false
  }

  /// Processes parts of pipelined requests, as far as currently possible.
  func takeParts() {
    guard !self.input.isIdle else { return self.updateDeadline() }
    while self.canTakeParts, let part = self.input.popFirst() {
      self.isTakingParts = true
      self.take(part)
      self.isTakingParts = false
    }
    guard self.input.isEmpty else { return }
    if self.input.takeClose() { self.closeInput() }
    guard self.canTakeParts else { return }
    switch self.input.takeAction() {
    case .fail(let error): self.fail(error)
    case .read: self.writer?.read()
    case .none: break
    }
    self.updateDeadline()
  }

  /// Whether more may be read from the client now; if not, the driver reads once it can take more.
  func mayRead() -> Bool { self.input.mayRead() }

  private func take(_ part: RequestPart) {
    switch part {
    case .head(let head):
      self.begin(head)
    case .body(let bytes):
      switch self.state.bodyReceived(byteCount: bytes.readableBytes) {
      case .collect:
        self.collect(bytes)
      case .relay:
        self.relay(bytes)
      case .refuse:
        self.respond(self.bodyTooLarge)
      case .discard:
        break
      case .close:
        self.closeNow()
      }
    case .end:
      switch self.state.endReceived() {
      case .startCall:
        self.startCall()
      case .switchProtocol:
        self.switchProtocol()
      case .endMessages:
        self.endMessages()
      case .next, .none:
        break
      }
    }
  }

  /// The decoder rejects input that begins with these bytes. For the log: method and target, if the
  /// line has them. Header fields, which may contain secrets, never match that form.
  func refused(_ bytes: RawSpan) {
    guard self.loop.recorder != nil else { return }
    var parts: [[UInt8]] = [[]]
    for index in 0..<min(bytes.byteCount, Self.refusedLineLimit) {
      let byte = bytes[index]
      if byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n") { break }
      if byte == UInt8(ascii: " "), parts.count < 3 {
        parts.append([])
      } else {
        parts[parts.count - 1].append(byte)
      }
    }
    guard parts.count > 1, !parts[0].isEmpty, parts[0].allSatisfy(HTTPMethods.isTokenByte) else {
      return
    }
    self.refusedLine = (
      String(decoding: parts[0], as: UTF8.self), String(decoding: parts[1], as: UTF8.self)
    )
  }

  /// The most bytes of such a line that are examined.
  private static let refusedLineLimit = 512

  /// The input can't be parsed as a request.
  func decoderFailed(_ error: any Error) {
    let problem: RequestError
    switch error {
    case HTTPParserError.closedConnection:
      // More data after a request with `Connection: close`: its response is the last one.
      return
    case ByteToMessageDecoderError.dataReceivedInErrorState(_, let bytes):
      // More data after the parse error: ignored while responses are pending or being written.
      if !self.input.hasFailed,
        case .close = self.state.bodyReceived(byteCount: bytes.readableBytes)
      {
        self.closeNow()
      }
      return
    case let error as HTTPParserError:
      problem = RequestError(error, self.loop.limits)
    case let error as RequestDecoder.UnknownMethodError:
      problem = RequestError(error)
    case let error as RequestLineError:
      problem = RequestError(error)
    default:
      self.closeNow()
      return
    }
    if self.input.isEmpty, self.canTakeParts {
      self.fail(problem)
      self.updateDeadline()
    } else {
      self.input.fail(problem)
    }
  }

  /// The client has closed its side.
  func inputClosed() {
    if self.input.isEmpty {
      self.closeInput()
    } else {
      // Pipelined requests are answered first.
      self.input.close()
      self.state.inputClosedAhead()
    }
    self.exchange?.call?.markSheddable()
    self.updateDeadline()
  }

  var isInputClosed: Bool { self.state.isInputClosed }

  private func closeInput() {
    if self.state.inputClosed() == .close, self.writer?.isWritingLast == false { self.closeNow() }
  }

  /// The client can take more data, or can't for now.
  func writabilityChanged() {
    if self.writer?.isWritable == true {
      self.writing.end()
      if let call = self.exchange?.call { call.resumeReading() }
      if !self.input.isEmpty { self.takeParts() }
    } else {
      if self.state.isStreaming, let call = self.exchange?.call { call.pauseReading() }
      self.writing.begin(taken: self.takenByteCount, until: self.loop.writeDeadline)
    }
  }

  // MARK: Deadlines

  /// A pending wait has timed out.
  func deadlinePassed() {
    if self.writing.deadline <= self.loop.ticks,
      self.writing.isStalled(taken: self.takenByteCount, next: self.loop.writeDeadline)
    {
      return self.closeNow()
    }
    guard self.waitDeadline <= self.loop.ticks else { return }
    switch self.state.deadlinePassed() {
    case .refuse:
      self.respond(
        .fatal(
          .deadlineExceeded, http: 408, .readTimeout,
          "the request wasn't complete within \(self.loop.limits.requestReadTimeout)"))
    case .close:
      self.closeNow()
    case .none:
      break
    }
    self.updateDeadline()
  }

  /// The number of response bytes taken by the client, or by the system on its behalf.
  private var takenByteCount: Int {
    self.writer.map { $0.writtenByteCount - $0.unsentByteCount } ?? 0
  }

  /// Bytes of requests and replies; those of responses are counted by the writer.
  var heldBytes: Int {
    (self.exchange?.heldBytes ?? 0) + self.input.byteCount
  }

  /// Whether the client of the exchange in progress speaks HTTP/1.0.
  var isHTTP10: Bool { self.exchange?.isHTTP10 ?? false }

  /// Starts the deadline of the current wait, if that has changed.
  func updateDeadline() {
    let wait = self.state.wait
    guard wait != self.wait else { return }
    self.wait = wait
    self.waitDeadline = self.loop.deadline(of: wait)
  }

  /// Restarts the deadline of a client that may have disconnected: it has been sent something.
  func extendDeadline() {
    if self.wait == .halfClosed { self.waitDeadline = self.loop.deadline(of: .halfClosed) }
  }
}
