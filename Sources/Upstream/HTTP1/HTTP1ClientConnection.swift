internal import BridgeConfiguration
internal import GRPCWire
internal import HTTP2
internal import NIOCore
internal import NIOHTTP1
internal import TLS

/// An HTTP/1.1 connection to an endpoint: one request and its response at a time.
///
/// One-shot: it connects once, and after it closes the pool creates a new one. Confined to the pool's
/// event loop. Adds NIO's codec to the pipeline before itself.
final class HTTP1ClientConnection: ChannelInboundHandler, PooledConnection {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  let id: ConnectionID
  private let pool: HTTP1Pool
  /// Nil once it's established.
  private var dialer: Dialer<HTTP1ClientConnection>?
  private let attempt: Int
  /// Nil before the channel exists and after it has closed.
  private var context: ChannelHandlerContext?
  private var call: HTTP1PooledCall?
  private var reply: HTTP1ReplyState?
  /// The number of requests that it has carried.
  private var requestCount = 0
  /// Whether all of the current request has been written.
  private var isSent = true
  private var keepsAlive = true
  /// Whether a request is being written, further up the stack.
  private var isBeginning = false
  /// Whether its end was reported to the pool.
  private var hasEnded = false

  /// Creates an attempt of a dialer, which becomes a connection of the same identifier.
  init(_ dialer: Dialer<HTTP1ClientConnection>, attempt: Int, pool: HTTP1Pool) {
    self.id = dialer.id
    self.dialer = dialer
    self.attempt = attempt
    self.pool = pool
  }

  // MARK: For the dialer

  var progress: DialProgress {
    self.context?.channel.isActive == true ? .securing : .connecting
  }

  func connectFailed(_ reason: String) {
    self.end(reason)
  }

  func giveUp() {
    self.dialer = nil
    self.hasEnded = true
    self.context?.close(promise: nil)
  }

  // MARK: For the pool

  /// Sends a request.
  ///
  /// - Returns: false if the connection has closed; nothing was sent then.
  func begin(_ call: HTTP1PooledCall, _ head: HTTPRequestHead, body: ByteBuffer) -> Bool {
    guard !self.hasEnded, let context = self.context, context.channel.isActive else { return false }
    self.call = call
    self.requestCount += 1
    self.reply = HTTP1ReplyState(
      byteLimit: call.replyByteLimit, headerByteLimit: self.pool.limits.endpointHeaderBytes)
    self.isSent = false
    self.isBeginning = true
    context.write(self.wrapOutboundOut(.head(head)), promise: nil)
    if body.readableBytes > 0 {
      context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    }
    let count = self.requestCount
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenSuccess {
      if self.requestCount == count { self.isSent = true }
    }
    context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: written)
    self.isBeginning = false
    return true
  }

  /// Closes the connection: its call has ended before the response was complete, so the rest has no
  /// recipient.
  func abandon() {
    self.call = nil
    self.end("cancelled by the bridge")
  }

  /// Closes it soon. It has no calls.
  func close() {
    self.pool.eventLoop.assumeIsolated().execute { self.end("closed by the bridge") }
  }

  // MARK: Channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    // Twice the limit, so that `HTTP1ReplyState` detects a head that's too large and can report how.
    HTTP1ClientCodec.add(
      before: self, context, headByteLimit: 2 * self.pool.limits.endpointHeaderBytes)
    if context.channel.isActive { self.channelActive(context: context) }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  func channelActive(context: ChannelHandlerContext) {
    if self.hasEnded {
      context.close(promise: nil)
    } else {
      if let dialer = self.dialer.take() { dialer.succeeded(self.attempt) }
      self.pool.connectionReady(self)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !self.hasEnded else { return }
    guard self.call != nil, self.reply != nil else {
      return self.end("\(self.pool.endpoint) sent unsolicited data")
    }
    switch self.unwrapInboundIn(data) {
    case .head(let head):
      // After 408 and 450 the endpoint closes the connection, whatever the head declares; after 101
      // another protocol would follow.
      self.keepsAlive = head.isKeepAlive && ![101, 408, 450].contains(head.status.code)
      if let outcome = self.reply?.receiveHead(head) { self.cut(outcome) }
    case .body(let part):
      if let outcome = self.reply?.receiveBody(part) { self.cut(outcome) }
    case .end:
      if let outcome = self.reply?.receiveEnd() { self.finish(outcome) }
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.end("the endpoint \(self.pool.endpoint) closed the connection")
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    let isProtocol = error is HTTPParserError || error is NIOHTTPDecoderError
    guard isProtocol, let call = self.call else {
      return self.end(
        TLSHandshakeError(error).map { self.pool.endpoint.describe($0) }
          ?? "the connection to \(self.pool.endpoint) failed: \(error)")
    }
    self.call = nil
    self.end("it doesn't speak HTTP/1.1")
    call.end(
      .status(
        GRPCStatus(
          .unavailable, "\(self.pool.endpoint) sent an invalid HTTP/1.1 response: \(error)",
          origin: .transport), HeaderBlock()))
    self.pool.performPendingActions()
  }

  // MARK: Private

  /// Ends the call with a complete response: the connection takes another request, unless one side
  /// closes it.
  private func finish(_ outcome: HTTP1ReplyState.Outcome) {
    let call = self.call
    self.call = nil
    call?.connection = nil
    self.reply = nil
    self.pool.requestEnded(on: self, keeps: self.keepsAlive && self.isSent)
    call?.end(outcome)
    self.pool.performPendingActions()
  }

  /// Ends the call without reading the rest of the response.
  private func cut(_ outcome: HTTP1ReplyState.Outcome) {
    let call = self.call
    self.abandon()
    call?.end(outcome)
    self.pool.performPendingActions()
  }

  /// Ends the connection, with the first reason found.
  private func end(_ reason: String) {
    // Not within `begin`: its caller doesn't expect the call to end.
    guard !self.isBeginning else {
      self.pool.eventLoop.assumeIsolated().execute { self.end(reason) }
      return
    }
    guard !self.hasEnded else { return }
    self.hasEnded = true
    if let dialer = self.dialer.take() {
      let progress = self.progress
      self.context?.close(promise: nil)
      return dialer.failed(self.attempt, reason, progress)
    }
    let call = self.call
    self.call = nil
    self.context?.close(promise: nil)
    self.pool.connectionEnded(self, reason: reason)
    if let call {
      let hasResponded = self.reply?.hasResponded ?? false
      self.pool.callLost(
        call, reason: hasResponded ? "\(reason) mid-response" : "\(reason) before responding",
        mayBeStale: self.requestCount > 1 && !hasResponded)
    }
    self.reply = nil
    self.pool.performPendingActions()
  }
}
