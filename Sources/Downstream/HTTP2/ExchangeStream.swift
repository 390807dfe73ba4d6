internal import HTTP2
internal import NIOCore
internal import NIOHTTP1

/// One exchange over HTTP/2: a channel for one stream, in which an `ExchangeDriver` works as it does
/// on a connection of HTTP/1.1.
///
/// The request is handed to it as the parts that a decoder would make; the answer's bytes are taken
/// apart again (`AnswerReader`) and become frames. Confined to the loop of its connection.
final class ExchangeStream: ClientStream, @unchecked Sendable {
  let stream: H2Stream

  private let connection: HTTP2Connection
  private let exchange: ExchangeDriver
  private var reader: AnswerReader
  private let closePromise: EventLoopPromise<Void>
  private var isRequestComplete = false
  private var isOpen = true
  private var canWrite = true
  /// Payload that was handed on and that the client's window hasn't got back.
  private var owedBytes = 0
  /// Whether the stream was reset, or is gone.
  private var isReset = false
  /// The tick by which a client that still sends behind its answer must have come to an end.
  private var endDeadline = Int64.max

  /// Whether the client takes the answer, which is queued to its end.
  private var sending = WriteWatch()

  /// Made once: the pipeline, which holds the channel, which holds the pipeline, until it's closed.
  private var ownPipeline: ChannelPipeline?

  init(_ stream: H2Stream, isHead: Bool, on connection: HTTP2Connection) {
    self.stream = stream
    self.connection = connection
    self.exchange = ExchangeDriver(connection.loop, checksHost: connection.checksHost)
    self.reader = AnswerReader(isHead: isHead)
    self.closePromise = connection.loop.eventLoop.makePromise()
  }

  var deadline: Int64 { min(self.exchange.deadline, self.endDeadline, self.sending.deadline) }
  var heartbeat: Int64 { self.exchange.heartbeat }
  var heldBytes: Int { self.exchange.heldBytes }

  func deadlinePassed() {
    guard !self.isOpen else { return self.exchange.deadlinePassed() }
    let loop = self.connection.loop
    if self.sending.deadline <= loop.ticks,
      self.sending.isStalled(taken: -self.unsentByteCount, next: loop.writeDeadline),
      self.unsentByteCount > 0
    {
      self.isReset = true
      self.connection.session.reset(self.stream, errorCode: H2ErrorCode.cancel)
      self.connection.scheduleDrain()
    }
    guard self.endDeadline <= loop.ticks else { return }
    self.endDeadline = .max
    guard self.awaitsEnd else { return }
    // RFC 9113 §8.1: the rest of the request isn't wanted. Not at once, because clients stumble over a
    // reset while they send, before they have read the answer.
    self.isReset = true
    self.connection.session.reset(self.stream, errorCode: H2ErrorCode.noError)
    self.connection.scheduleDrain()
  }

  func heartbeatDue() {
    self.exchange.heartbeatDue()
  }

  // MARK: The request

  /// Hands the head to the exchange.
  func begin(_ head: HTTPRequestHead) {
    do {
      try self.pipeline.syncOperations.addHandler(self.exchange)
    } catch {
      preconditionFailure("a new pipeline takes handlers")
    }
    self.deliver(.head(head))
  }

  func begin() {}

  func receive(_ bytes: ByteBuffer) {
    guard self.isOpen else { return }
    self.owedBytes += bytes.readableBytes
    self.deliver(.body(bytes))
    // Reaches `read0`, at once or when the exchange takes more.
    if self.isOpen { self.pipeline.read() }
  }

  func receiveEnd() {
    self.isRequestComplete = true
    self.deliver(.end(nil))
  }

  private func deliver(_ part: HTTPServerRequestPart) {
    guard self.isOpen else { return }
    self.pipeline.syncOperations.fireChannelRead(NIOAny(part))
  }

  // MARK: The answer

  private func send(_ part: AnswerReader.Part) {
    let session = self.connection.session
    switch part {
    case .interim(let head):
      session.submitInterim(self.stream, head)
    case .head(let head, let endsStream):
      session.submitResponse(self.stream, head, endsStream: endsStream)
    case .body(let bytes, let endsStream):
      session.send(self.stream, bytes, endsStream: endsStream)
    case .end(let trailers):
      session.finish(self.stream, trailers: trailers)
    }
  }

  /// Whether the answer is queued to its end, and the client still sends.
  private var awaitsEnd: Bool {
    !self.isOpen && !self.isRequestComplete && !self.isReset
  }

  /// What of the answer waits for the client's window.
  var unsentByteCount: Int {
    let session = self.connection.session
    return session.isKnown(self.stream) ? session.unsentBytes(self.stream) : 0
  }

  func streamAdvanced() -> Bool {
    let session = self.connection.session
    guard session.isKnown(self.stream) else { return false }
    if self.isOpen, !self.canWrite,
      session.unsentBytes(self.stream) <= self.connection.replyMark / 2
    {
      self.canWrite = true
      self.pipeline.fireChannelWritabilityChanged()
    }
    return self.isOpen && !self.canWrite
  }

  // MARK: The end

  func receiveClosed() {
    // Nothing more can be said.
    self.isReset = true
    self.close()
  }

  /// The exchange is over, or nobody wants it any more.
  private func close() {
    guard self.isOpen else { return }
    self.isOpen = false
    if !self.reader.isComplete, !self.isReset {
      // What was broken off never looks whole.
      self.isReset = true
      self.connection.session.reset(self.stream, errorCode: H2ErrorCode.internalError)
    }
    self.connection.callEnded()
    self.pipeline.fireChannelInactive()
    self.removeHandlers(pipeline: self.pipeline)
    self.ownPipeline = nil
    self.closePromise.succeed()
    if !self.isReset, self.unsentByteCount > 0 {
      let until = self.connection.loop.writeDeadline
      self.sending.begin(taken: -self.unsentByteCount, until: until)
    }
    if self.awaitsEnd { self.endDeadline = self.connection.loop.deadline(of: .close) }
    self.connection.scheduleDrain()
  }
}

// MARK: The channel

extension ExchangeStream: Channel, ChannelCore {
  var allocator: ByteBufferAllocator { ByteBufferAllocator() }
  var closeFuture: EventLoopFuture<Void> { self.closePromise.futureResult }
  var pipeline: ChannelPipeline {
    if let pipeline = self.ownPipeline { return pipeline }
    let pipeline = ChannelPipeline(channel: self)
    if self.isOpen { self.ownPipeline = pipeline }
    return pipeline
  }
  var localAddress: SocketAddress? { nil }
  var remoteAddress: SocketAddress? { self.connection.remoteAddress }
  var parent: (any Channel)? { nil }
  var isWritable: Bool { self.canWrite }
  var isActive: Bool { self.isOpen }
  var _channelCore: any ChannelCore { self }
  var eventLoop: any EventLoop { self.connection.loop.eventLoop }

  func setOption<Option: ChannelOption>(
    _ option: Option, value: Option.Value
  ) -> EventLoopFuture<Void> {
    self.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
  }

  func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
    self.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
  }

  func localAddress0() throws -> SocketAddress { throw ChannelError.operationUnsupported }

  func remoteAddress0() throws -> SocketAddress {
    guard let address = self.remoteAddress else { throw ChannelError.operationUnsupported }
    return address
  }

  func register0(promise: EventLoopPromise<Void>?) { promise?.succeed() }

  func registerAlreadyConfigured0(promise: EventLoopPromise<Void>?) { promise?.succeed() }

  func bind0(to: SocketAddress, promise: EventLoopPromise<Void>?) {
    promise?.fail(ChannelError.operationUnsupported)
  }

  func connect0(to: SocketAddress, promise: EventLoopPromise<Void>?) {
    promise?.fail(ChannelError.operationUnsupported)
  }

  /// Bytes of the answer. What the client's window doesn't let through waits in the session.
  func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard self.isOpen else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    self.reader.append(self.unwrapData(data, as: ByteBuffer.self))
    while let part = self.reader.next() { self.send(part) }
    self.connection.scheduleDrain()
    if self.canWrite,
      self.connection.session.unsentBytes(self.stream) > self.connection.replyMark
    {
      self.canWrite = false
      self.connection.watch(self)
      self.pipeline.fireChannelWritabilityChanged()
    }
    promise?.succeed()
  }

  func flush0() {}

  /// The exchange takes more of the request.
  func read0() {
    self.connection.returnWindow(self.stream, byteCount: self.owedBytes)
    self.owedBytes = 0
  }

  /// A stream whose answer is complete needs no lingering: either way of closing ends it.
  func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    self.close()
    promise?.succeed()
  }

  func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) {
    promise?.fail(ChannelError.operationUnsupported)
  }

  func channelRead0(_ data: NIOAny) {}

  func errorCaught0(error: any Error) {}
}
