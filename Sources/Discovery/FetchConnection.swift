internal import BridgeConfiguration
internal import NIOCore
internal import NIOHTTP1
internal import Upstream

/// A connection of discovery over HTTP/1.1, which carries one request at a time. Confined to its event
/// loop. Adds NIO's codec to the pipeline before itself.
final class FetchConnection: ChannelInboundHandler, DialAttempt {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  /// The end of a request.
  enum Outcome {
    case response(HTTPFetch.Response)
    /// - Parameter isStale: the connection had been kept since an earlier request, and none of the
    ///   response has arrived: the server may have closed it before it read the request.
    case failed(String, isStale: Bool)
  }

  private enum Phase {
    case dialing(Dialer<FetchConnection>, attempt: Int)
    case idle
    case busy(FetchResponseState, done: (Outcome) -> Void)
    case closed
  }

  private let endpoint: Configuration.Endpoint
  private var phase: Phase
  private var context: ChannelHandlerContext?
  private var requestCount = 0
  /// Called once, when it closes.
  var onClose: () -> Void = {}

  /// The most bytes of a response's head.
  private static let headByteLimit = 64 << 10

  /// Creates an attempt of a dialer.
  init(_ dialer: Dialer<FetchConnection>, attempt: Int, to endpoint: Configuration.Endpoint) {
    self.endpoint = endpoint
    self.phase = .dialing(dialer, attempt: attempt)
  }

  // MARK: For the dialer

  var progress: DialProgress {
    self.context?.channel.isActive == true ? .securing : .connecting
  }

  func connectFailed(_ reason: String) {
    self.end(reason)
  }

  func giveUp() {
    self.phase = .closed
    self.context?.close(promise: nil)
  }

  // MARK: For its owner

  /// Whether it can carry a request.
  var isIdle: Bool {
    if case .idle = self.phase { self.context?.channel.isActive == true } else { false }
  }

  /// Sends a request; it must be idle.
  ///
  /// - Parameter done: called once, never from within this function.
  func send(_ head: HTTPRequestHead, body: [UInt8], done: @escaping (Outcome) -> Void) {
    guard self.isIdle, let context = self.context else {
      preconditionFailure("the connection isn't idle")
    }
    self.phase = .busy(.waiting, done: done)
    self.requestCount += 1
    context.write(self.wrapOutboundOut(.head(head)), promise: nil)
    if !body.isEmpty {
      context.write(
        self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
    }
    context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
  }

  /// Closes it; a request in progress has no recipient any more.
  func close() {
    self.phase = .closed
    self.context?.close(promise: nil)
  }

  // MARK: Channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    HTTP1ClientCodec.add(before: self, context, headByteLimit: Self.headByteLimit)
    if context.channel.isActive { self.channelActive(context: context) }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  func channelActive(context: ChannelHandlerContext) {
    switch self.phase {
    case .dialing(let dialer, let attempt):
      self.phase = .idle
      dialer.succeeded(attempt)
    case .closed:
      context.close(promise: nil)
    case .idle, .busy:
      break
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .busy(var response, let done) = self.phase else {
      return self.end("it sent unsolicited data")
    }
    let outcome: FetchResponseState.Outcome?
    var isComplete = false
    switch self.unwrapInboundIn(data) {
    case .head(let head):
      outcome = response.receiveHead(head)
    case .body(let part):
      // Only one reference to the bytes, so that they grow in place.
      self.phase = .idle
      outcome = response.receiveBody(part)
    case .end:
      outcome = response.receiveEnd()
      isComplete = true
    }
    self.phase = .busy(response, done: done)
    switch outcome {
    case nil: return
    case .response(let received):
      self.phase = .idle
      if !response.keepsAlive || !isComplete { self.end("") }
      done(.response(received))
    case .tooLarge:
      self.end("the response is larger than \(HTTPFetch.byteLimit) bytes")
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    if case .dialing = self.phase {
      self.end("can't connect to \(self.endpoint): it closed the connection")
    } else {
      self.end("the connection was closed before the response was complete")
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if error is HTTPParserError || error is NIOHTTPDecoderError {
      self.end("the response isn't HTTP/1.1 (\(error))")
    } else if case .dialing = self.phase {
      self.end(self.endpoint.describe(error))
    } else {
      self.end(ConnectionFailure.reason(error))
    }
  }

  // MARK: Private

  /// Closes it, and ends what is in progress with the first reason found.
  private func end(_ reason: String) {
    let phase = self.phase
    let progress = self.progress
    guard !self.isClosed else { return }
    self.phase = .closed
    self.context?.close(promise: nil)
    self.onClose()
    switch phase {
    case .dialing(let dialer, let attempt):
      dialer.failed(attempt, reason, progress)
    case .busy(let response, let done):
      done(.failed(reason, isStale: self.requestCount > 1 && !response.hasResponded))
    case .idle, .closed:
      break
    }
  }

  private var isClosed: Bool {
    if case .closed = self.phase { true } else { false }
  }
}
