internal import BridgeConfiguration
internal import Codec
internal import GRPCWire
internal import HTTP2
internal import HTTPFields
internal import NIOCore
internal import NIOHTTP1
internal import Routing
internal import Upstream

/// Turns the events of a call into the response.
extension ExchangeDriver: CallObserver {
  func callReceivedHead(_ metadata: HeaderBlock) {
    var metadata = metadata
    if let service = self.exchange?.service, service.filtersReplies {
      self.filter(&metadata, service)
    }
    self.exchange?.hasReplyHead = true
    self.exchange?.replyMetadata = metadata
  }

  /// Removes from a reply's fields those that aren't for the client or that control the bridge.
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

  /// The connection may be free: continues with pipelined requests.
  func responded() {
    self.takeParts()
    self.updateDeadline()
  }

  func cancelCall() {
    if let call = self.exchange?.call { call.cancel() }
    self.exchange?.call = nil
  }

  // MARK: Unary responses

  private func respondWithReply(_ trailers: HeaderBlock) {
    guard let route = self.exchange?.route, let reply = self.exchange?.reply,
      let service = self.exchange?.service, let metadata = self.exchange?.replyMetadata,
      let status = self.exchange?.successStatus
    else { return }
    var body = self.loop.takeOutput()
    if let error = self.decode(reply, route, service, into: &body) {
      self.loop.recycle(body)
      self.respond(.invalidReply(error, of: route))
      return
    }
    // Content other than JSON is often already compressed.
    if route.givesHTTPBody { self.exchange?.responseCoding = .identity }
    if !SuccessStatus.hasBody(status) { body.removeAll() }
    self.writeResponse(
      status, .ok, body, metadata: metadata, trailers: trailers,
      contentType: route.givesHTTPBody ? self.exchange?.responseContentType : nil)
  }

  /// Appends the body for a message to a sink, or returns why that failed. If the body isn't JSON, its
  /// content type is stored in the exchange.
  func decode(
    _ message: ByteBuffer, _ route: Route, _ service: ServedService, into sink: inout ByteSink
  ) -> CodecError? {
    do throws(CodecError) {
      if let contentType = try self.loop.decode(message, route, service, into: &sink) {
        self.exchange?.responseContentType = contentType
      }
      return nil
    } catch {
      return error
    }
  }

  /// Responds with the status of an endpoint, or of a call that never reached one.
  private func respond(_ status: GRPCStatus, _ trailers: HeaderBlock) {
    if let error = RequestError(status) {
      self.respond(error)
      return
    }
    guard let exchange = self.exchange, let service = exchange.service else { return }
    let subject = ErrorSubject(exchange, requestID: self.requestID)
    var body = self.loop.takeOutput()
    ErrorBody.write(status, of: service, subject, self.loop.transcoder, to: &body)
    self.note(status)
    self.writeResponse(
      subject.httpStatus(of: status), status.code, body,
      metadata: self.fields(of: status, trailers, exchange, service), trailers: trailers,
      contentType: subject.contentType)
  }

  /// The header fields of a response to a failed call: the metadata of its head. If there was none
  /// (gRPC's Trailers-Only, an HTTP/1.1 response), the fields that came with the status are used
  /// instead. Of other trailers, only those that HTTP defines for such responses are kept.
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

  /// Responds with an error caused by the client or by the bridge itself.
  func respond(_ error: RequestError) {
    let subject = ErrorSubject(self.exchange, requestID: self.requestID)
    var body = self.loop.takeOutput()
    ErrorBody.write(error, subject, to: &body)
    self.note(error)
    self.writeResponse(
      subject.httpStatus(of: error), error.code, body, error: error,
      contentType: subject.contentType, closes: error.endsConnection)
  }

  /// Responds to `OPTIONS *` (RFC 9110 §9.3.7).
  func respondToPing() {
    self.writeResponse(204, .ok, self.loop.takeOutput(), allow: RequestError.allMethods)
  }

  /// Responds with success and no content.
  func respondEmpty() {
    self.writeResponse(204, .ok, self.loop.takeOutput())
  }

  /// Writes a whole response.
  ///
  /// - Parameter body: lent by the loop, which takes it back.
  private func writeResponse(
    _ status: Int, _ code: GRPCStatus.Code, _ body: consuming ByteSink,
    metadata: HeaderBlock = HeaderBlock(), trailers: HeaderBlock = HeaderBlock(),
    error: RequestError? = nil, allow: [String] = [], contentType: String? = nil,
    closes: Bool = false
  ) {
    let after = self.state.responded(closes: closes)
    guard after != .none else {
      self.loop.recycle(body)
      // A response was sent before, and what has arrived since can't be parsed.
      if self.writer?.isWritingLast == false { self.closeNow() }
      return
    }
    let compressed = self.compressed(body)
    let count = compressed?.readableBytes ?? body.count
    var head = self.loop.takeHead()
    head.reset(status)
    head.omitsBody = self.exchange?.method == .HEAD
    // A response to HEAD can't carry them; GET would use chunks, so a length would be wrong as well.
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
    if let error { head.append(error) }
    head.append(
      metadata: metadata, prefix: self.metadataPrefix,
      keepsDigests: code == .ok && self.exchange?.route?.givesHTTPBody == true)
    if !endsWithTrailers { head.append(metadata: trailers, prefix: .trailer) }
    self.appendResponseFields(to: &head)
    if let writer = self.writer {
      if compressed == nil, !endsWithTrailers {
        writer.write(head, body, closes: after.closes)
      } else {
        writer.begin(head, closes: after.closes)
        if let compressed {
          writer.write(compressed)
        } else {
          writer.write(body)
        }
        writer.finish(endsWithTrailers ? ResponseHead.trailers(trailers) : HeaderBlock())
      }
    }
    self.loop.recycle(head)
    self.loop.recycle(body)
    self.finish(after, status, code)
  }

  /// The prefix for the names of a reply's metadata.
  var metadataPrefix: ResponseHead.Prefix {
    self.exchange?.service?.headerRules.usesGRPCMetadata == true ? .metadata : .none
  }

  /// Sends the queued end of a response and does what follows it.
  func finish(_ after: ExchangeState.After, _ status: Int, _ code: GRPCStatus.Code) {
    guard let writer = self.writer else { return }
    self.record(status: status, code)
    self.exchange = nil
    self.loop.recycle(self.metadata)
    self.metadata = HeaderBlock()
    self.heartbeat = .max
    self.responseFields.removeAll()
    writer.flush(after)
    self.updateDeadline()
  }
}
