internal import Codec
internal import NIOCore
internal import NIOHTTP1

/// From the events of a call to the answer.
extension ExchangeHandler: CallObserver {
  func callReceivedHead(_ metadata: HeaderBlock) {
    var metadata = metadata
    if let service = self.exchange?.service, service.filtersReplies {
      self.filter(&metadata, service)
    }
    self.exchange?.hasReplyHead = true
    self.exchange?.replyMetadata = metadata
  }

  /// Takes out of a reply's fields what isn't for the client, or says something to the bridge.
  @inline(never)
  private func filter(_ metadata: inout HeaderBlock, _ service: ServedService) {
    if service.cors != nil { metadata = CORSPolicy.without(metadata) }
    if let name = service.statusHeader {
      let isStream = self.exchange?.route?.method.isServerStreaming == true
      if let status = SuccessStatus.take(name, outOf: &metadata, isStream: isStream) {
        self.exchange?.successStatus = status
      }
    }
  }

  func callReceivedMessage(_ message: ByteBuffer) {
    switch self.state.messageReceived() {
    case .hold:
      self.exchange?.reply = message
    case .begin:
      self.beginStream(message)
    case .write:
      self.writeToStream(message)
    case .refuse:
      guard let route = self.exchange?.route else { return }
      self.cancelCall()
      self.answer(.messageCount(2, of: route))
      self.answered()
    case .ignore:
      break
    }
  }

  func callEnded(_ status: GRPCStatus, trailers: HeaderBlock) {
    self.exchange?.call = nil
    switch self.state.callEnded(isOK: status.isOK) {
    case .answerMessage:
      self.answerReply(trailers)
    case .answerMissing:
      guard let route = self.exchange?.route else { return }
      self.answer(.messageCount(0, of: route))
    case .answerStatus:
      self.answer(status, trailers)
    case .answerEmptyStream:
      self.writeHeadOfStream(trailers)
      self.endStream()
    case .endStream:
      self.endStream(trailers)
    case .endStreamWithStatus:
      self.endStream(with: status, trailers)
    case .ignore:
      break
    }
    self.answered()
  }

  /// The connection is free, perhaps: goes on with what was sent ahead.
  private func answered() {
    self.takeParts()
    self.updateDeadline()
  }

  private func cancelCall() {
    if let call = self.exchange?.call { call.cancel() }
    self.exchange?.call = nil
  }

  // MARK: Unary answers

  private func answerReply(_ trailers: HeaderBlock) {
    guard let route = self.exchange?.route, let reply = self.exchange?.reply,
      let service = self.exchange?.service, let metadata = self.exchange?.replyMetadata,
      let status = self.exchange?.successStatus
    else { return }
    if let error = self.decode(reply, route, service) {
      self.answer(.invalidReply(error, of: route))
      return
    }
    // What isn't JSON is often compressed already.
    if route.givesHTTPBody { self.exchange?.answerCoding = .identity }
    if !SuccessStatus.hasBody(status) { self.loop.output.removeAll() }
    self.writeAnswer(
      status, .ok, metadata: metadata, trailers: trailers,
      contentType: route.givesHTTPBody ? self.exchange?.contentType : nil)
  }

  /// Puts the body that a message is into `loop.output`, or tells why that can't be done. Of one that
  /// isn't JSON the content type is kept in the exchange.
  private func decode(
    _ message: ByteBuffer, _ route: Route, _ service: ServedService
  ) -> CodecError? {
    do throws(CodecError) {
      if let contentType = try self.loop.decode(message, route, service) {
        self.exchange?.contentType = contentType
      }
      return nil
    } catch {
      return error
    }
  }

  /// Answers with the status of an endpoint, or of the call that never reached one.
  private func answer(_ status: GRPCStatus, _ trailers: HeaderBlock) {
    if let fault = Fault(status) {
      self.answer(fault)
      return
    }
    guard let exchange = self.exchange, let service = exchange.service else { return }
    self.loop.output.removeAll()
    let subject = ErrorSubject(exchange, requestID: self.requestID)
    ErrorBody.write(
      status, of: service, subject, self.loop.transcoder, to: &self.loop.output)
    self.note(status)
    self.writeAnswer(
      subject.httpStatus(of: status), status.code,
      metadata: self.fields(of: status, trailers, exchange, service), trailers: trailers,
      contentType: subject.contentType)
  }

  /// The header fields of an answer to a call that failed: the metadata of its head. Where there was
  /// none (gRPC's trailers-only, an answer of HTTP/1.1) what came with the status is its head. Of other
  /// trailers those count that HTTP has for such answers.
  private func fields(
    of status: GRPCStatus, _ trailers: HeaderBlock, _ exchange: Exchange, _ service: ServedService
  ) -> HeaderBlock {
    var fields = exchange.replyMetadata
    if !exchange.hasReplyHead {
      fields = trailers
      if service.filtersReplies { self.filter(&fields, service) }
    } else {
      for name in ["retry-after", "www-authenticate"] where fields.first(name) == nil {
        if let value = trailers.first(name) { fields.append(name, value) }
      }
    }
    if !status.details.isEmpty, fields.first("retry-after") == nil,
      let seconds = ErrorBody.retryDelay(of: status)
    {
      fields.append("retry-after", String(seconds))
    }
    return fields
  }

  /// Answers with a fault of the client's or the bridge's own.
  func answer(_ fault: Fault) {
    self.loop.output.removeAll()
    let subject = ErrorSubject(self.exchange, requestID: self.requestID)
    ErrorBody.write(fault, subject, to: &self.loop.output)
    self.note(fault)
    self.writeAnswer(
      subject.httpStatus(of: fault), fault.code, fault: fault, contentType: subject.contentType,
      closes: fault.endsConnection)
  }

  /// Answers `OPTIONS *` (RFC 9110 §9.3.7).
  func answerPing() {
    self.loop.output.removeAll()
    self.writeAnswer(204, .ok, allow: Fault.allMethods)
  }

  /// Answers that all is well and there's nothing to say.
  func answerEmpty() {
    self.loop.output.removeAll()
    self.writeAnswer(204, .ok)
  }

  /// Writes `loop.output` as the whole answer, in one buffer.
  private func writeAnswer(
    _ status: Int, _ code: GRPCStatus.Code, metadata: HeaderBlock = HeaderBlock(),
    trailers: HeaderBlock = HeaderBlock(), fault: Fault? = nil, allow: [String] = [],
    contentType: String? = nil, closes: Bool = false
  ) {
    let after = self.state.answered(closes: closes)
    guard after != .none else {
      // An answer was given before, and what came since can't be read.
      if !self.isWritingLast { self.closeNow() }
      return
    }
    let compressed = self.compressedOutput()
    let count = compressed?.readableBytes ?? self.loop.output.count
    var buffer = self.loop.buffer(
      capacity: 192 + self.answerFields.count + count + metadata.bytes.count
        + trailers.bytes.count)
    ResponseHead.begin(status, to: &buffer)
    // A HEAD has no place for them; GET would send chunks, so a length would be wrong as well.
    let endsWithTrailers =
      self.exchange?.takesTrailers == true && SuccessStatus.hasBody(status)
      && ResponseHead.hasFields(trailers)
    if status == 205 {
      // RFC 9110 §15.3.6.
      ResponseHead.contentLength(0, to: &buffer)
    } else if SuccessStatus.hasBody(status) {
      if let contentType {
        ResponseHead.field("content-type", contentType, to: &buffer)
      } else {
        buffer.writeStaticString("content-type: application/json\r\n")
      }
      if endsWithTrailers {
        ResponseHead.trailerNames(trailers, to: &buffer)
      } else {
        ResponseHead.contentLength(count, to: &buffer)
      }
      if compressed != nil, let coding = self.exchange?.answerCoding {
        ResponseHead.field("content-encoding", "\(coding)", to: &buffer)
      }
    }
    if !allow.isEmpty { ResponseHead.allow(allow, to: &buffer) }
    if let fault { ResponseHead.fields(of: fault, to: &buffer) }
    ResponseHead.metadata(
      metadata, prefix: self.metadataPrefix,
      keepsDigests: code == .ok && self.exchange?.route?.givesHTTPBody == true, to: &buffer)
    if !endsWithTrailers { ResponseHead.metadata(trailers, prefix: .trailer, to: &buffer) }
    self.endHead(&buffer, closes: after.closes)
    if self.exchange?.isHead != true {
      // An empty chunk would be the last one.
      if endsWithTrailers, count > 0 { buffer.writeString(String(count, radix: 16) + "\r\n") }
      if let compressed {
        buffer.writeImmutableBuffer(compressed)
      } else {
        buffer.write(self.loop.output)
      }
      if endsWithTrailers {
        // The end of the only chunk, the last chunk, and the trailer section (RFC 9112 §7.1).
        buffer.writeStaticString(count > 0 ? "\r\n0\r\n" : "0\r\n")
        ResponseHead.metadata(trailers, prefix: .trailer, to: &buffer)
        buffer.writeStaticString("\r\n")
      }
    }
    self.loop.output.shrink(to: LoopContext.keptByteCount)
    self.finish(buffer, after, status, code)
  }

  /// What stands in front of the names of a reply's metadata.
  private var metadataPrefix: ResponseHead.Prefix {
    self.exchange?.service?.headerRules.usesGRPCMetadata == true ? .metadata : .none
  }

  /// The fields that every answer has, and the empty line.
  private func endHead(_ buffer: inout ByteBuffer, closes: Bool) {
    buffer.writeBytes(self.loop.date.bytes)
    buffer.writeBytes(self.answerFields)
    if closes {
      buffer.writeStaticString("connection: close\r\n\r\n")
    } else if self.exchange?.isOldVersion == true {
      buffer.writeStaticString("connection: keep-alive\r\n\r\n")
    } else {
      buffer.writeStaticString("\r\n")
    }
  }

  /// Writes the end of an answer and does what follows it.
  private func finish(
    _ buffer: ByteBuffer, _ after: ExchangeState.After, _ status: Int, _ code: GRPCStatus.Code
  ) {
    guard let context = self.context else { return }
    let byteCount = buffer.readableBytes
    self.exchange?.responseByteCount += byteCount
    self.writtenByteCount &+= byteCount
    self.record(status: status, code)
    self.exchange = nil
    self.heartbeat = .max
    self.answerFields.removeAll(keepingCapacity: true)
    switch after {
    case .next, .discard, .none:
      context.writeAndFlush(self.wrapOutboundOut(buffer), promise: nil)
    case .close, .linger:
      self.isWritingLast = true
      let written = context.eventLoop.makePromise(of: Void.self)
      written.futureResult.assumeIsolated().whenComplete { result in
        self.lastAnswerWritten(after, isWritten: (try? result.get()) != nil)
      }
      context.writeAndFlush(self.wrapOutboundOut(buffer), promise: written)
    }
    self.updateDeadline()
  }

  private func lastAnswerWritten(_ after: ExchangeState.After, isWritten: Bool) {
    self.isWritingLast = false
    if after == .linger, isWritten, !self.state.isInputClosed {
      self.context?.close(mode: .output, promise: nil)
    } else {
      self.closeNow()
    }
  }

  /// Writes bytes that are no answer.
  func write(_ buffer: ByteBuffer) {
    guard let context = self.context else { return }
    context.writeAndFlush(self.wrapOutboundOut(buffer), promise: nil)
  }

  // MARK: Streamed answers

  private func beginStream(_ message: ByteBuffer) {
    guard let route = self.exchange?.route else { return }
    // A reply that can't be printed is still an error with a status of its own.
    if let error = self.decodeForStream(message) {
      self.cancelCall()
      self.answer(.invalidReply(error, of: route))
      self.answered()
      return
    }
    self.writeHeadOfStream(HeaderBlock())
    if self.exchange?.isHead == true {
      self.cancelCall()
      self.endStream()
      self.answered()
      return
    }
    self.stream.append(message: self.loop.output)
    self.streamHasGrown()
  }

  private func writeToStream(_ message: ByteBuffer) {
    guard let route = self.exchange?.route else { return }
    if let error = self.decodeForStream(message) {
      self.cancelCall()
      self.endStream(with: .invalidReply(error, of: route))
      self.answered()
      return
    }
    let wasEmpty = self.stream.isEmpty
    self.stream.append(message: self.loop.output)
    self.streamHasGrown(wasEmpty: wasEmpty)
  }

  /// Puts the JSON of a message into `loop.output`, or tells why that can't be done.
  private func decodeForStream(_ message: ByteBuffer) -> CodecError? {
    guard let service = self.exchange?.service, let route = self.exchange?.route else {
      return nil
    }
    return self.decode(message, route, service)
  }

  private func writeHeadOfStream(_ trailers: HeaderBlock) {
    guard let exchange = self.exchange else { return }
    var head = self.loop.buffer(capacity: 1024)
    ResponseHead.begin(exchange.successStatus, to: &head)
    head.writeStaticString("content-type: ")
    if exchange.format == .bytes, !exchange.contentType.isEmpty {
      head.writeString(exchange.contentType)
    } else {
      head.writeStaticString(exchange.format.contentType)
    }
    head.writeStaticString("\r\n")
    if exchange.format == .events { head.writeStaticString("cache-control: no-cache\r\n") }
    let compression = self.streamCompression
    if let compression { ResponseHead.field("content-encoding", "\(compression)", to: &head) }
    if !exchange.isOldVersion { head.writeStaticString("transfer-encoding: chunked\r\n") }
    ResponseHead.metadata(
      exchange.replyMetadata, prefix: self.metadataPrefix,
      keepsDigests: exchange.format == .bytes, to: &head)
    ResponseHead.metadata(trailers, prefix: .trailer, to: &head)
    // Without chunks the body ends with the connection (RFC 9112 §6.3).
    self.endHead(&head, closes: exchange.isOldVersion || self.state.closesAfterAnswer)
    self.stream.begin(
      head: head, usesChunks: !exchange.isOldVersion, format: exchange.format,
      hasEnvelope: exchange.service?.stream.hasEnvelope == true, compression: compression)
  }

  private func streamHasGrown(wasEmpty: Bool = true) {
    self.loop.output.shrink(to: LoopContext.keptByteCount)
    if self.stream.isFull {
      self.flushStream()
    } else if wasEmpty {
      self.loop.flushLater(self)
    }
  }

  /// Writes what the stream has.
  func flushStream() {
    guard let context = self.context, let buffer = self.stream.take() else { return }
    let byteCount = buffer.readableBytes
    self.exchange?.responseByteCount += byteCount
    self.writtenByteCount &+= byteCount
    self.extendDeadline()
    self.startHeartbeat()
    context.writeAndFlush(self.wrapOutboundOut(buffer), promise: nil)
  }

  /// The stream has ended well.
  private func endStream(_ trailers: HeaderBlock = HeaderBlock()) {
    guard let exchange = self.exchange else { return }
    if !exchange.isHead {
      self.stream.end(
        done: exchange.service?.stream.done, trailers: self.trailerSection(trailers))
    }
    self.finishStream(.ok)
  }

  /// Trailers behind a streamed body, for a client that reads them. They aren't announced by name:
  /// when the head was sent, no one knew them.
  private func trailerSection(_ trailers: HeaderBlock) -> ByteBuffer? {
    guard self.exchange?.takesTrailers == true, !trailers.isEmpty else { return nil }
    var section = ByteBuffer()
    ResponseHead.metadata(trailers, prefix: .trailer, to: &section)
    return section
  }

  /// The stream has ended with the status of an endpoint, or of the call.
  private func endStream(with status: GRPCStatus, _ trailers: HeaderBlock) {
    if let fault = Fault(status) {
      self.endStream(with: fault)
      return
    }
    guard let service = self.exchange?.service else { return }
    self.loop.output.removeAll()
    let subject = ErrorSubject(self.exchange, requestID: self.requestID)
    ErrorBody.write(status, of: service, subject, self.loop.transcoder, to: &self.loop.output)
    self.note(status)
    self.endStreamWithError(status.code, trailers: trailers)
  }

  /// The stream has ended with a fault of the bridge's own.
  func endStream(with fault: Fault) {
    self.loop.output.removeAll()
    let subject = ErrorSubject(self.exchange, requestID: self.requestID)
    ErrorBody.write(fault, subject, to: &self.loop.output)
    self.note(fault)
    self.endStreamWithError(fault.code, closes: fault.endsConnection)
  }

  /// Ends the stream with the status in `loop.output`, or breaks it off where its format has no place
  /// for one: what has failed never looks whole.
  private func endStreamWithError(
    _ code: GRPCStatus.Code, closes: Bool = false, trailers: HeaderBlock = HeaderBlock()
  ) {
    if self.exchange?.format.holdsErrors == false {
      self.finish(
        self.stream.take() ?? ByteBuffer(), self.state.brokenOff(),
        self.exchange?.successStatus ?? 200, code)
      return
    }
    self.stream.append(error: self.loop.output)
    self.stream.endChunks(trailers: self.trailerSection(trailers))
    self.finishStream(code, closes: closes)
  }

  private func finishStream(_ code: GRPCStatus.Code, closes: Bool = false) {
    guard let exchange = self.exchange else { return }
    let after = self.state.answered(closes: closes || exchange.isOldVersion)
    self.finish(self.stream.take() ?? ByteBuffer(), after, exchange.successStatus, code)
  }

  // MARK: Signs of life

  /// Starts the time anew after which a silent stream of events gets a sign of life.
  func startHeartbeat() {
    guard self.exchange?.format == .events, self.exchange?.isHead == false,
      let interval = self.exchange?.service?.stream.heartbeat, interval > .zero
    else { return }
    self.heartbeat = self.loop.tick(after: interval)
  }

  /// Nothing was sent for the configured time. A client that doesn't read gets no more of it.
  func heartbeatDue() {
    self.heartbeat = .max
    guard self.context?.channel.isWritable == true else {
      self.startHeartbeat()
      return
    }
    switch self.state.heartbeatDue() {
    case .begin: self.writeHeadOfStream(HeaderBlock())
    case .write: break
    case .ignore: return
    }
    self.stream.appendHeartbeat()
    self.flushStream()
  }

  // MARK: The log

  /// Tells the log of the exchange, or of what couldn't be read as one, where there's a log.
  func record(status: Int, _ code: GRPCStatus.Code) {
    guard let recorder = self.loop.recorder else { return }
    recorder.record(self.entry(status: status, code))
    self.failure = nil
    self.refusedLine = nil
  }

  private func note(_ fault: Fault) {
    guard self.loop.recorder != nil else { return }
    self.failure = AccessEntry.Failure(fault)
  }

  private func note(_ status: GRPCStatus) {
    guard self.loop.recorder != nil else { return }
    self.failure = AccessEntry.Failure(status)
  }

  /// What the log tells of the exchange.
  func entry(status: Int, _ code: GRPCStatus.Code) -> AccessEntry {
    let exchange = self.exchange
    let target = exchange?.target ?? self.refusedLine?.target ?? ""
    let path = target.utf8.prefix { $0 != UInt8(ascii: "?") }
    return AccessEntry(
      method: exchange?.method.rawValue ?? self.refusedLine?.method ?? "",
      path: String(Substring(path)),
      service: exchange?.service?.name ?? "", rpc: exchange?.route?.callPath ?? "",
      httpStatus: status, grpcCode: code, requestBytes: exchange?.requestByteCount ?? 0,
      responseBytes: exchange?.responseByteCount ?? 0,
      duration: exchange?.start.map { .now() - $0 } ?? .zero,
      requestID: exchange == nil ? "" : String(decoding: self.requestID, as: UTF8.self),
      failure: self.failure)
  }
}
