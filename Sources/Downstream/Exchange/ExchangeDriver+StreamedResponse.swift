internal import BridgeConfiguration
internal import Codec
internal import GRPCWire
internal import HTTP2
internal import NIOCore

/// Streamed responses: head, messages, end, and the keepalives of a silent one.
extension ExchangeDriver {
  func beginStream(_ message: ByteBuffer) {
    guard let route = self.exchange?.route else { return }
    // A reply that can't be printed is still an error with an HTTP status of its own.
    var body = self.loop.takeOutput()
    if let error = self.decodeForStream(message, into: &body) {
      self.loop.recycle(body)
      self.cancelCall()
      self.respond(.invalidReply(error, of: route))
      self.responded()
      return
    }
    self.writeHeadOfStream(HeaderBlock())
    if self.exchange?.isHead == true {
      self.loop.recycle(body)
      self.cancelCall()
      self.endStream()
      self.responded()
      return
    }
    self.stream.append(message: body)
    self.loop.recycle(body)
    self.streamHasGrown()
  }

  func writeToStream(_ message: ByteBuffer) {
    guard let route = self.exchange?.route else { return }
    var body = self.loop.takeOutput()
    if let error = self.decodeForStream(message, into: &body) {
      self.loop.recycle(body)
      self.cancelCall()
      self.endStream(with: .invalidReply(error, of: route))
      self.responded()
      return
    }
    let wasEmpty = self.stream.isEmpty
    self.stream.append(message: body)
    self.loop.recycle(body)
    self.streamHasGrown(wasEmpty: wasEmpty)
  }

  /// Appends the JSON of a message to a sink, or returns why that failed.
  private func decodeForStream(
    _ message: ByteBuffer, into sink: inout ByteSink
  ) -> CodecError? {
    guard let service = self.exchange?.service, let route = self.exchange?.route else {
      return nil
    }
    return self.decode(message, route, service, into: &sink)
  }

  func writeHeadOfStream(_ trailers: HeaderBlock) {
    guard let exchange = self.exchange else { return }
    var head = self.loop.takeHead()
    head.reset(exchange.successStatus)
    head.body = .stream
    head.omitsBody = exchange.isHead
    if exchange.format == .bytes, !exchange.responseContentType.isEmpty {
      head.append("content-type", exchange.responseContentType)
    } else {
      head.append("content-type", exchange.format.contentType)
    }
    if exchange.format == .events {
      head.append("cache-control", StaticString("no-cache"))
    }
    let compression = self.streamCompression
    if let compression { head.append("content-encoding", "\(compression)") }
    head.append(
      metadata: exchange.replyMetadata, prefix: self.metadataPrefix,
      keepsDigests: exchange.format == .bytes)
    head.append(metadata: trailers, prefix: .trailer)
    self.appendResponseFields(to: &head)
    // Without chunks the body ends with the connection (RFC 9112 §6.3).
    self.writer?.begin(
      head, closes: exchange.isHTTP10 || self.state.closesAfterResponse)
    self.loop.recycle(head)
    self.stream.begin(
      format: exchange.format, hasEnvelope: exchange.service?.stream.hasEnvelope == true,
      compression: compression)
  }

  private func streamHasGrown(wasEmpty: Bool = true) {
    if self.stream.isFull {
      self.flush()
    } else if wasEmpty {
      // Messages that arrive together are written together.
      self.loop.flushQueue.add(self)
    }
  }

  /// Writes what the stream has buffered.
  func flush() {
    guard let writer = self.writer, self.state.isStreaming else { return }
    if let body = self.stream.take() { writer.write(consume body) }
    self.extendDeadline()
    self.startHeartbeat()
    writer.flush()
  }

  /// The stream has ended successfully.
  func endStream(_ trailers: HeaderBlock = HeaderBlock()) {
    guard let exchange = self.exchange else { return }
    if !exchange.isHead { self.stream.end(done: exchange.service?.stream.done) }
    self.finishStream(.ok, trailers)
  }

  /// The stream has ended with the status of an endpoint, or of the call.
  func endStream(with status: GRPCStatus, _ trailers: HeaderBlock) {
    if let error = RequestError(status) {
      self.endStream(with: error)
      return
    }
    guard let service = self.exchange?.service else { return }
    let subject = ErrorSubject(self.exchange, requestID: self.requestID)
    var body = self.loop.takeOutput()
    ErrorBody.write(status, of: service, subject, self.loop.transcoder, to: &body)
    self.note(status)
    self.endStreamWithError(status.code, body, trailers: trailers)
  }

  /// The stream has ended with an error of the bridge's own.
  func endStream(with error: RequestError) {
    let subject = ErrorSubject(self.exchange, requestID: self.requestID)
    var body = self.loop.takeOutput()
    ErrorBody.write(error, subject, to: &body)
    self.note(error)
    self.endStreamWithError(error.code, body, closes: error.endsConnection)
  }

  /// Ends the stream with an error, or aborts it if its format can't carry one, so that a failed stream
  /// never looks complete.
  ///
  /// - Parameter body: of the error; lent by the loop, which takes it back.
  private func endStreamWithError(
    _ code: GRPCStatus.Code, _ body: consuming ByteSink, closes: Bool = false,
    trailers: HeaderBlock = HeaderBlock()
  ) {
    if self.exchange?.format.holdsErrors == false {
      self.loop.recycle(body)
      if let body = self.stream.take() { self.writer?.write(consume body) }
      self.finish(self.state.brokenOff(), self.exchange?.successStatus ?? 200, code)
      return
    }
    self.stream.append(error: body)
    self.loop.recycle(body)
    self.finishStream(code, trailers, closes: closes)
  }

  /// - Parameter trailers: sent after the body to a client that accepts them. They aren't announced by
  ///   name: they were unknown when the head was sent.
  private func finishStream(
    _ code: GRPCStatus.Code, _ trailers: HeaderBlock = HeaderBlock(), closes: Bool = false
  ) {
    guard let exchange = self.exchange, let writer = self.writer else { return }
    let after = self.state.responded(closes: closes || exchange.isHTTP10)
    if let body = self.stream.take(isLast: true) { writer.write(consume body) }
    writer.finish(
      exchange.takesTrailers && !trailers.isEmpty
        ? ResponseHead.trailers(trailers) : HeaderBlock())
    self.finish(after, exchange.successStatus, code)
  }

  // MARK: Keepalives

  /// Restarts the interval after which a silent event stream gets a heartbeat.
  func startHeartbeat() {
    guard self.exchange?.format == .events, self.exchange?.isHead == false,
      let interval = self.exchange?.service?.stream.heartbeat, interval > .zero
    else { return }
    self.heartbeat = self.loop.tick(after: interval)
  }

  /// Nothing was sent for the configured time. A client that doesn't read gets no keepalive.
  func heartbeatDue() {
    self.heartbeat = .max
    guard self.writer?.isWritable == true else {
      self.startHeartbeat()
      return
    }
    switch self.state.heartbeatDue() {
    case .begin: self.writeHeadOfStream(HeaderBlock())
    case .write: break
    case .ignore: return
    }
    self.stream.appendHeartbeat()
    self.flush()
  }
}
