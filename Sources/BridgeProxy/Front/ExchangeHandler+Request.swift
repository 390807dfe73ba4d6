internal import Codec
internal import NIOCore
internal import NIOHTTP1

/// From a request to its call.
extension ExchangeHandler {
  /// A head has arrived: decides whether its request is taken, and by which method.
  func begin(_ head: HTTPRequestHead) {
    var headers = RequestHeaders(head)
    var fault: Fault?
    self.metadata.removeAll()
    do throws(Fault) {
      try headers.read(head, metadata: &self.metadata, &self.loop.bytes)
      try self.checkSize(of: head, headers)
    } catch {
      fault = error
    }
    let isTaken = self.state.headReceived(
      ExchangeState.Request(
        framing: headers.framing,
        keepsAlive: headers.keepsAlive && fault?.endsConnection != true,
        expectsContinue: headers.expectsContinue))
    guard isTaken else { return }
    var exchange = Exchange(head)
    if self.loop.recorder != nil { exchange.start = .now() }
    if case .length(let length) = headers.framing { exchange.announcedLength = length }
    self.exchange = exchange
    self.identify(headers)
    if fault == nil {
      do throws(Fault) {
        try self.accept(head, headers)
      } catch {
        fault = error
      }
    }
    guard let fault else { return }
    if self.exchange?.service == nil, !headers.origin.isEmpty, !fault.endsConnection {
      self.applyPolicyWithoutRoute(head, headers)
    }
    self.answer(fault)
  }

  private func checkSize(of head: HTTPRequestHead, _ headers: RequestHeaders) throws(Fault) {
    let limit = self.loop.limits.headBytes
    guard head.uri.utf8.count <= limit else {
      throw .fatal(
        .invalidArgument, http: 414, .targetTooLong,
        "the request target has more than \(limit) bytes; send large values in the body")
    }
    guard head.uri.utf8.count + headers.byteCount <= limit else { throw self.headTooLarge }
  }

  private func accept(_ head: HTTPRequestHead, _ headers: RequestHeaders) throws(Fault) {
    self.bindings.removeAll()
    if headers.requestedMethod != nil, try self.answerPreflight(head, headers) { return }
    let decision = try RequestRouter.route(head, headers, self.loop, &self.bindings)
    guard case .call(let serviceIndex, let routeIndex) = decision else {
      self.answerPing()
      return
    }
    let service = self.loop.table.services[serviceIndex]
    let route = service.routes.routes[routeIndex]
    self.exchange?.service = service
    self.exchange?.route = route
    self.exchange?.upstream = serviceIndex
    self.exchange?.timeout = min(headers.timeout ?? service.timeout, service.timeout)
    if route.method.isServerStreaming {
      self.exchange?.format =
        route.givesHTTPBody ? .bytes : try Self.streamFormat(head, service)
    }
    if service.cors != nil { self.applyPolicy(headers, of: service) }
    if !headers.accept.isEmpty { try self.checkAccept(headers, route, service) }
    self.exchange?.takesTrailers = headers.takesTrailers
    self.negotiateCoding(headers, for: service)
    if route.takesHTTPBody { self.exchange?.contentType = headers.contentType }
    if headers.framing != .none {
      try self.checkBody(headers, route)
    }
    headers.finish(
      &self.metadata, for: service, from: self.clientAddress, isLocal: self.isClientLocal,
      requestID: self.requestID)
    let sendsContinue = self.state.accepted(
      isServerStreaming: route.method.isServerStreaming,
      limit: self.loop.limits.requestBodyBytes)
    if sendsContinue {
      self.write(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
    }
  }

  /// How a streamed answer will be written.
  private static func streamFormat(
    _ head: HTTPRequestHead, _ service: ServedService
  ) throws(Fault) -> StreamFormat {
    if let format = service.stream.format { return format }
    let accept = head.headers["accept"]
    guard let format = StreamFormat.choose(accept: accept) else {
      throw Fault(
        .invalidArgument, http: 406, .notAcceptable,
        "this method answers with a stream, as application/x-ndjson, application/json (one array) or "
          + "text/event-stream; Accept: \(accept.joined(separator: ", ")) takes none of them")
    }
    return format
  }

  /// A unary reply is JSON, unless its method says that it's something else.
  private func checkAccept(
    _ headers: RequestHeaders, _ route: Route, _ service: ServedService
  ) throws(Fault) {
    guard !AcceptedType.includesJSON(headers.accept), !route.method.isServerStreaming,
      !route.givesHTTPBody
    else { return }
    throw Fault(
      .invalidArgument, http: 406, .notAcceptable,
      "the header Accept takes \(headers.accept), and \(route.name) answers in "
        + "application/json alone; send Accept: application/json, or leave it out")
  }

  private func checkBody(_ headers: RequestHeaders, _ route: Route) throws(Fault) {
    if route.takesBody, !route.takesHTTPBody, headers.content == .other {
      throw Fault(
        .invalidArgument, http: 415, .unsupportedContentType,
        "the body's Content-Type is \(headers.contentType), the bridge takes JSON in UTF-8; "
          + "send the header Content-Type: application/json")
    }
    guard headers.coding != .other else {
      var fault = Fault(
        .invalidArgument, http: 415, .unsupportedContentEncoding,
        "the body's Content-Encoding is \(headers.contentEncoding), the bridge takes one of gzip "
          + "and deflate; send it in one of them, or uncompressed")
      fault.acceptEncoding = ContentCoding.known
      throw fault
    }
    if case .length(let length) = headers.framing, length > self.loop.limits.requestBodyBytes {
      throw self.bodyTooLarge
    }
    if headers.coding != .identity {
      self.exchange?.inflater = BodyInflater(headers.coding, self.loop.limits)
    }
  }

  var bodyTooLarge: Fault {
    Fault(
      .resourceExhausted, http: 413, .bodyTooLarge,
      "the body has more than \(self.loop.limits.requestBodyBytes) bytes "
        + "(limits.request_body_bytes)"
    )
  }

  private var headTooLarge: Fault {
    .headTooLarge(self.loop.limits)
  }

  /// The request is complete: transcodes it and starts its call.
  func startCall() {
    guard let service = self.exchange?.service, let route = self.exchange?.route,
      let timeout = self.exchange?.timeout, let upstream = self.exchange?.upstream
    else { return }
    let body = self.exchange?.body ?? ByteBuffer()
    if !route.takesBody, body.readableBytes > 0 {
      self.answer(
        Fault(
          .invalidArgument, .unexpectedBody,
          "\(route.name) takes no body by \(route.httpMethod) \(route.template): its fields come "
            + "from the path and the query"))
      return
    }
    do throws(Fault) {
      try self.exchange?.inflater?.finish()
    } catch {
      self.answer(error)
      return
    }
    self.loop.input.removeAll()
    // Compressed flag and length; the length is set when it's known.
    self.loop.input.append("\0\0\0\0\0")
    do throws(CodecError) {
      if route.takesHTTPBody {
        try self.encodeHTTPBody(body, route, service)
      } else {
        try self.loop.transcoder.encode(
          body.readableBytesSpan, rule: route.body, as: route.method.input, of: service.schema,
          bindings: self.bindings, options: service.encode, into: &self.loop.input)
      }
    } catch {
      self.answer(Fault(error, in: body.readableBytesSpan))
      return
    }
    let length = self.loop.input.count - 5
    for place in 0..<4 {
      self.loop.input.set(UInt8(truncatingIfNeeded: length >> (24 - 8 * place)), at: 1 + place)
    }
    var message = self.loop.buffer(capacity: self.loop.input.count)
    message.write(self.loop.input)
    self.loop.input.shrink(to: LoopContext.keptByteCount)
    self.exchange?.body = nil
    var request = CallRequest(
      path: route.callPath, metadata: self.metadata, deadline: .now() + timeout,
      message: message, isComplete: true, replyByteLimit: self.loop.limits.replyBytes)
    if service.compression.compressesRequests, length >= service.compression.minimumByteCount {
      self.compress(&request)
    }
    self.exchange?.call = self.loop.upstreams[upstream].start(request, observer: self)
    self.startHeartbeat()
  }

  /// A body that's taken as it is, with its content type (google/api/httpbody.proto).
  private func encodeHTTPBody(
    _ body: ByteBuffer, _ route: Route, _ service: ServedService
  ) throws(CodecError) {
    let contentType = Array((self.exchange?.contentType ?? "").utf8)
    self.exchange?.contentType = ""
    try unsafe self.loop.transcoder.encode(
      httpBody: body.readableBytesSpan, contentType: contentType.span.bytes, rule: route.body,
      as: route.method.input, of: service.schema, bindings: self.bindings, options: service.encode,
      into: &self.loop.input)
  }
}

extension Fault {
  static func headTooLarge(_ limits: Configuration.Limits) -> Fault {
    .fatal(
      .invalidArgument, http: 431, .headTooLarge,
      "the request line and headers have more than \(limits.headBytes) bytes or more than "
        + "\(limits.headFields) fields (limits.head_bytes, limits.head_fields)")
  }

  /// What the decoder refused.
  init(_ error: HTTPParserError, _ limits: Configuration.Limits) {
    switch error {
    case .headerOverflow:
      self = .headTooLarge(limits)
    case .invalidVersion:
      self = .fatal(
        .unimplemented, http: 505, .unsupportedVersion,
        "the bridge speaks HTTP/1.1 and HTTP/1.0 to its clients")
    case .invalidMethod, .invalidConstant:
      self = .fatal(
        .invalidArgument, .malformedRequest,
        "this doesn't begin with a method of HTTP/1.1 that's known here; if it is TLS, send plain "
          + "HTTP instead")
    case .invalidEOFState:
      self = .fatal(
        .invalidArgument, .malformedRequest, "the client closed before its request was complete")
    default:
      self = .fatal(
        .invalidArgument, .malformedRequest, "the request isn't well-formed HTTP/1.1: \(error)")
    }
  }
}
