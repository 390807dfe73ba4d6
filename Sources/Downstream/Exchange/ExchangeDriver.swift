internal import AccessLogging
internal import BridgeConfiguration
internal import Codec
internal import DequeModule
internal import GRPCWire
internal import HTTP2
internal import NIOCore
internal import NIOHTTP1
internal import Routing
internal import Upstream

/// A part of a request, whichever protocol brought it.
enum RequestPart {
  case head(RequestHead)
  case body(ByteBuffer)
  case end
}

/// Drives the exchanges of one connection, or the one of a stream: takes the parts of requests, makes
/// calls of them, and gives the responses to a `ResponseWriter`.
///
/// A thin shell that knows no protocol: `ExchangeState` says what to do, and here it's done.
final class ExchangeDriver {
  /// The tick by which what's waited for must have come.
  var deadline: Int64 { min(self.waitDeadline, self.writing.deadline) }
  private var waitDeadline = Int64.max
  private var writing = WriteWatch()
  /// The tick by which a stream of events that is silent gets a sign of life.
  var heartbeat = Int64.max

  let loop: LoopContext
  /// Where the CONNECT under way leads; it stays when its tunnel is open.
  var tunnel: TunnelTarget?
  /// Whether the connection came over loopback, where names have to be trusted.
  let checksHost: Bool
  /// Nil before `begin` and after the client has disconnected.
  private(set) var writer: (any ResponseWriter)?
  var state = ExchangeState()
  var exchange: Exchange?
  /// What goes to the endpoint with the call; its memory is kept from request to request.
  var metadata = HeaderBlock()
  /// The values of path and query; its memory is kept as well.
  var bindings = Bindings()
  /// What the request under way is known by; its memory is kept as well.
  var requestID: [UInt8] = []
  /// Fields that the answer under way has besides those that every answer has; its memory is kept as
  /// well.
  var responseFields = HeaderBlock()
  /// The head of the answer under way; its memory is kept as well.
  var head = ResponseHead()
  /// The client's IP address; empty on a UNIX socket.
  private(set) lazy var clientAddress = self.writer?.remoteAddress?.ipAddress ?? ""
  /// Whether the client is on this machine.
  private(set) lazy var isClientLocal = ClientAddress.isLocal(self.clientAddress)
  /// Why the exchange under way has failed, for the log; nil where it hasn't, or there's no log.
  var failure: AccessEntry.Failure?
  /// Method and target of a line that couldn't be read as a request, for the log.
  var refusedLine: (method: String, target: String)?
  /// What of a streamed answer hasn't been written yet.
  var stream = StreamedResponseBody()

  /// Parts of requests that were sent ahead.
  private var waiting: Deque<RequestPart> = []
  /// Whether there are any: asked at each part, where the queue itself would cost more.
  private var hasWaiting = false
  /// Whether all parts of the last request have come from the decoder.
  private(set) var isBetweenRequests = true
  /// What the decoder said after the parts in `waiting`.
  private var decoderFault: RequestError?
  private var isTakingParts = false
  private var readIsHeld = false
  /// Whether the client has closed its side behind the parts in `waiting`.
  private var inputCloseWaits = false
  private var wait = ExchangeState.Wait.nothing

  /// The most parts of requests sent ahead that are kept. One read of 64 KiB holds fewer, and reading
  /// stops while there are any; what comes beyond is an attempt to fill memory.
  private static let waitingLimit = 16_384

  init(_ loop: LoopContext, checksHost: Bool = false) {
    self.loop = loop
    self.checksHost = checksHost
  }

  // MARK: Life

  /// The client is there.
  func begin(_ writer: any ResponseWriter) {
    self.writer = writer
    self.updateDeadline()
  }

  /// The client is gone: its call is cancelled.
  func connectionLost() {
    self.state.closed()
    self.waiting.removeAll()
    self.hasWaiting = false
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

  /// The exchange has become something else, which takes over.
  func detach() {
    self.exchange = nil
    self.state.closed()
  }

  /// Closes the connection without an answer.
  func closeNow() {
    self.writer?.closeNow()
  }

  /// The process is about to end.
  func drain() {
    if self.state.drain() == .close { self.closeNow() }
  }

  // MARK: Reading

  /// A part of a request has come.
  func receive(_ part: RequestPart) {
    if case .end = part { self.isBetweenRequests = true } else { self.isBetweenRequests = false }
    guard !self.hasWaiting, self.canTakeParts else {
      self.waiting.append(part)
      self.hasWaiting = true
      if self.waiting.count > Self.waitingLimit { self.closeNow() }
      return
    }
    self.isTakingParts = true
    self.take(part)
    self.isTakingParts = false
    if self.hasWaiting { self.takeParts() }
    self.updateDeadline()
  }

  /// Bytes have come that are no whole head yet.
  func receivedPartOfHead() {
    self.state.partialHeadReceived()
    self.updateDeadline()
  }

  /// Whether the next part may be worked on. A client that doesn't read its answers gets no others
  /// made: what waits for it in memory is bounded.
  private var canTakeParts: Bool {
    guard self.state.acceptsParts, !self.isTakingParts, self.exchange?.isHeld != true else {
      return false
    }
    return self.state.isBusy || self.writer?.isWritable ?? false
  }

  /// Works on parts that were sent ahead, as far as that goes now.
  func takeParts() {
    while self.canTakeParts {
      guard self.hasWaiting, let part = self.waiting.popFirst() else { break }
      self.hasWaiting = self.waiting.count > 0
      self.isTakingParts = true
      self.take(part)
      self.isTakingParts = false
    }
    guard !self.hasWaiting else { return }
    if self.inputCloseWaits, self.decoderFault == nil { self.closeInput() }
    guard self.canTakeParts else { return }
    if let fault = self.decoderFault {
      self.decoderFault = nil
      self.fail(fault)
    } else if self.readIsHeld {
      self.readIsHeld = false
      self.writer?.read()
    }
    self.updateDeadline()
  }

  /// Whether more may be read of the client now; otherwise the driver reads when it takes more.
  func mayRead() -> Bool {
    if self.hasWaiting { self.readIsHeld = true }
    return !self.hasWaiting
  }

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
      case .endMessages:
        self.endMessages()
      case .next, .none:
        break
      }
    }
  }

  /// The decoder refuses what begins with these bytes. For the log: method and target, where the line
  /// has them. Header fields, which may hold secrets, never look so.
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

  /// The most bytes of such a line that are looked at.
  private static let refusedLineLimit = 512

  /// What comes can't be read as a request.
  func decoderFailed(_ error: any Error) {
    let fault: RequestError
    switch error {
    case HTTPParserError.closedConnection:
      // More after a request that said `Connection: close`: its answer is the last one.
      return
    case ByteToMessageDecoderError.dataReceivedInErrorState(_, let bytes):
      // More behind what couldn't be read: it's passed over while answers are due or on their way.
      if self.decoderFault == nil,
        case .close = self.state.bodyReceived(byteCount: bytes.readableBytes)
      {
        self.closeNow()
      }
      return
    case let error as HTTPParserError:
      fault = RequestError(error, self.loop.limits)
    case let error as RequestDecoder.UnknownMethodError:
      fault = RequestError(error)
    case let error as RequestLineError:
      fault = RequestError(error)
    default:
      self.closeNow()
      return
    }
    if !self.hasWaiting, self.canTakeParts {
      self.fail(fault)
      self.updateDeadline()
    } else {
      self.decoderFault = self.decoderFault ?? fault
    }
  }

  /// The client has closed its side.
  func inputClosed() {
    if !self.hasWaiting {
      self.closeInput()
    } else {
      // What was sent ahead is answered first.
      self.inputCloseWaits = true
      self.state.inputClosedAhead()
    }
    self.exchange?.call?.markSheddable()
    self.updateDeadline()
  }

  var isInputClosed: Bool { self.state.isInputClosed }

  private func closeInput() {
    self.inputCloseWaits = false
    if self.state.inputClosed() == .close, self.writer?.isWritingLast == false { self.closeNow() }
  }

  /// The client takes more, or takes no more for now.
  func writabilityChanged() {
    if self.writer?.isWritable == true {
      self.writing.end()
      if let call = self.exchange?.call { call.resumeReading() }
      if self.hasWaiting { self.takeParts() }
    } else {
      if self.state.isStreaming, let call = self.exchange?.call { call.pauseReading() }
      self.writing.begin(taken: self.takenByteCount, until: self.loop.writeDeadline)
    }
  }

  // MARK: Deadlines

  /// What is waited for has not come in time.
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

  /// How many bytes of the answers the client has taken, or the system for it.
  private var takenByteCount: Int {
    self.writer.map { $0.writtenByteCount - $0.unsentByteCount } ?? 0
  }

  /// Bytes of requests and replies; those of responses are the writer's.
  var heldBytes: Int {
    var held = self.exchange?.heldBytes ?? 0
    for part in self.waiting {
      if case .body(let bytes) = part { held += bytes.readableBytes }
    }
    return held
  }

  /// Whether the client of the exchange under way speaks HTTP/1.0.
  var isHTTP10: Bool { self.exchange?.isHTTP10 ?? false }

  /// Starts the deadline of what is waited for now, where that has changed.
  func updateDeadline() {
    let wait = self.state.wait
    guard wait != self.wait else { return }
    self.wait = wait
    self.waitDeadline = self.loop.deadline(of: wait)
  }

  /// Starts the deadline of a client that may be gone anew: it has been sent something.
  func extendDeadline() {
    if self.wait == .halfClosed { self.waitDeadline = self.loop.deadline(of: .halfClosed) }
  }
}
