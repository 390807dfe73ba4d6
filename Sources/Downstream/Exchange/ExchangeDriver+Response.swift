internal import BridgeConfiguration
internal import Codec
internal import GRPCWire
internal import HTTP2
internal import HTTPFields
internal import NIOCore
internal import NIOHTTP1
internal import Routing
internal import Upstream

/// From the events of a call to the answer.
extension ExchangeDriver: CallObserver {
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
      self.respond(.messageCount(2, of: route))
      self.responded()
    case .ignore:
      break
    }
  }

  func callEnded(_ status: GRPCStatus, trailers: HeaderBlock) {
    self.exchange?.call = nil
    switch self.state.callEnded(isOK: status.isOK) {
    case .respondMessage:
      self.respondWithReply(trailers)
    case .respondMissing:
      guard let route = self.exchange?.route else { return }
      self.respond(.messageCount(0, of: route))
    case .respondStatus:
      self.respond(status, trailers)
    case .respondEmptyStream:
      self.writeHeadOfStream(trailers)
      self.endStream()
    case .endStream:
      self.endStream(trailers)
    case .endStreamWithStatus:
      self.endStream(with: status, trailers)
    case .ignore:
      break
    }
    self.responded()
  }

  /// The connection is free, perhaps: goes on with what was sent ahead.
  func responded() {
    self.takeParts()
    self.updateDeadline()
  }

  func cancelCall() {
    if let call = self.exchange?.call { call.cancel() }
    self.exchange?.call = nil
  }

  // MARK: Unary answers

  private func respondWithReply(_ trailers: HeaderBlock) {
    guard let route = self.exchange?.route, let reply = self.exchange?.reply,
      let service = self.exchange?.service, let metadata = self.exchange?.replyMetadata,
      let status = self.exchange?.successStatus
    else { return }
    if let error = self.decode(reply, route, service) {
      self.respond(.invalidReply(error, of: route))
      return
    }
    // What isn't JSON is often compressed already.
    if route.givesHTTPBody { self.exchange?.responseCoding = .identity }
    if !SuccessStatus.hasBody(status) { self.loop.output.removeAll() }
    self.writeResponse(
      status, .ok, metadata: metadata, trailers: trailers,
      contentType: route.givesHTTPBody ? self.exchange?.contentType : nil)
  }

  /// Puts the body that a message is into `loop.output`, or tells why that can't be done. Of one that
  /// isn't JSON the content type is kept in the exchange.
  func decode(
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
  private func respond(_ status: GRPCStatus, _ trailers: HeaderBlock) {
    if let fault = RequestError(status) {
      self.respond(fault)
      return
    }
    guard let exchange = self.exchange, let service = exchange.service else { return }
    self.loop.output.removeAll()
    let subject = ErrorSubject(exchange, requestID: self.requestID)
    ErrorBody.write(
      status, of: service, subject, self.loop.transcoder, to: &self.loop.output)
    self.note(status)
    self.writeResponse(
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
  func respond(_ fault: RequestError) {
    self.loop.output.removeAll()
    let subject = ErrorSubject(self.exchange, requestID: self.requestID)
    ErrorBody.write(fault, subject, to: &self.loop.output)
    self.note(fault)
    self.writeResponse(
      subject.httpStatus(of: fault), fault.code, fault: fault, contentType: subject.contentType,
      closes: fault.endsConnection)
  }

  /// Answers `OPTIONS *` (RFC 9110 §9.3.7).
  func respondToPing() {
    self.loop.output.removeAll()
    self.writeResponse(204, .ok, allow: RequestError.allMethods)
  }

  /// Answers that all is well and there's nothing to say.
  func respondEmpty() {
    self.loop.output.removeAll()
    self.writeResponse(204, .ok)
  }

  /// Writes `loop.output` as the whole answer.
  private func writeResponse(
    _ status: Int, _ code: GRPCStatus.Code, metadata: HeaderBlock = HeaderBlock(),
    trailers: HeaderBlock = HeaderBlock(), fault: RequestError? = nil, allow: [String] = [],
    contentType: String? = nil, closes: Bool = false
  ) {
    let after = self.state.responded(closes: closes)
    guard after != .none else {
      // An answer was given before, and what came since can't be read.
      if self.writer?.isWritingLast == false { self.closeNow() }
      return
    }
    let compressed = self.compressedOutput()
    let count = compressed?.readableBytes ?? self.loop.output.count
    // Out of the property while it's made: each change there would be checked at run time.
    var head = self.head
    self.head = ResponseHead()
    head.reset(status)
    head.omitsBody = self.exchange?.method == .HEAD
    // A HEAD has no place for them; GET would send chunks, so a length would be wrong as well.
    let endsWithTrailers =
      self.exchange?.takesTrailers == true && SuccessStatus.hasBody(status)
      && ResponseHead.hasFields(trailers)
    if status == 205 {
      // RFC 9110 §15.3.6.
      head.append("content-length", "0")
    } else if SuccessStatus.hasBody(status) {
      if let contentType {
        head.append("content-type", contentType)
      } else {
        head.append("content-type", StaticString("application/json"))
      }
      if endsWithTrailers {
        head.body = .stream
        head.append(trailerNamesOf: trailers)
      } else {
        head.body = .length(count)
        head.append("content-length", String(count))
      }
      if compressed != nil, let coding = self.exchange?.responseCoding {
        head.append("content-encoding", "\(coding)")
      }
    }
    if !allow.isEmpty { head.append(allow: allow) }
    if let fault { head.append(fault) }
    head.append(
      metadata: metadata, prefix: self.metadataPrefix,
      keepsDigests: code == .ok && self.exchange?.route?.givesHTTPBody == true)
    if !endsWithTrailers { head.append(metadata: trailers, prefix: .trailer) }
    self.appendResponseFields(to: &head)
    if let writer = self.writer {
      if compressed == nil, !endsWithTrailers {
        writer.write(head, self.loop.output, closes: after.closes)
      } else {
        writer.begin(head, closes: after.closes)
        if let compressed {
          writer.write(compressed)
        } else {
          writer.write(self.loop.output)
        }
        writer.finish(endsWithTrailers ? ResponseHead.trailers(trailers) : HeaderBlock())
      }
    }
    self.head = head
    self.loop.output.shrink(to: LoopContext.keptByteCount)
    self.finish(after, status, code)
  }

  /// What stands in front of the names of a reply's metadata.
  var metadataPrefix: ResponseHead.Prefix {
    self.exchange?.service?.headerRules.usesGRPCMetadata == true ? .metadata : .none
  }

  /// Sends the end of an answer, which is queued, and does what follows it.
  func finish(_ after: ExchangeState.After, _ status: Int, _ code: GRPCStatus.Code) {
    guard let writer = self.writer else { return }
    self.record(status: status, code)
    self.exchange = nil
    self.heartbeat = .max
    self.responseFields.removeAll()
    writer.flush(after)
    self.updateDeadline()
  }
}
