internal import BridgeConfiguration
internal import Codec
internal import GRPCWire
internal import HTTP2
internal import HTTPFields
internal import NIOCore
internal import NIOHTTP1
internal import Routing
internal import Upstream

/// Turns a request into its call.
extension ExchangeDriver {
  /// A head has arrived: decides whether the request is accepted, and by which method it's served.
  func begin(_ head: RequestHead) {
    var headers = RequestHeaders(head)
    var problem: RequestError?
    self.metadata = self.loop.takeBlock()
    do throws(RequestError) {
      try headers.read(head, metadata: &self.metadata, &self.loop.bytes)
      try self.checkSize(of: head, headers)
    } catch {
      problem = error
    }
    let isTaken = self.state.headReceived(
      ExchangeState.Request(
        framing: headers.framing,
        keepsAlive: headers.keepsAlive && problem?.endsConnection != true,
        expectsContinue: headers.expectsContinue))
    guard isTaken else { return }
    // Modified in place: a copy retains a reference for each of its parts.
    self.exchange = Exchange(head)
    if let written = self.writer?.writtenByteCount { self.exchange?.writtenBefore = written }
    if self.loop.recorder != nil { self.exchange?.start = .now() }
    if case .length(let length) = headers.framing { self.exchange?.announcedLength = length }
    self.identify(headers)
    if problem == nil {
      do throws(RequestError) {
        try self.accept(head, headers)
      } catch {
        problem = error
      }
    }
    guard var problem else { return }
    if headers.requestedMethod != nil { self.explainPreflight(&problem, head, headers) }
    if self.exchange?.service == nil, !headers.origin.isEmpty, !problem.endsConnection {
      self.applyPolicyWithoutRoute(head, headers)
    }
    if self.exchange?.service == nil, self.loop.table.shapesErrors, !problem.endsConnection {
      let missed = RequestRouter.service(
        of: head, method: head.method.rawValue, headers, self.loop)
      self.exchange?.unroutedService = missed
    }
    self.respond(problem)
  }

  private func checkSize(of head: RequestHead, _ headers: RequestHeaders) throws(RequestError) {
    let limit = self.loop.limits.headBytes
    guard head.target.utf8.count <= limit else {
      throw .fatal(
        .invalidArgument, http: 414, .targetTooLong,
        "the request target has more than \(limit) bytes; send large values in the body")
    }
    guard head.target.utf8.count + headers.byteCount <= limit else { throw self.headTooLarge }
  }

  private func accept(_ head: RequestHead, _ headers: RequestHeaders) throws(RequestError) {
    self.bindings.removeAll()
    if head.method == .CONNECT { return try self.acceptTunnel(head, headers) }
    if headers.requestedMethod != nil, try self.respondToPreflight(head, headers) { return }
    if headers.wantsWebSocket, try self.acceptWebSocket(head, headers) { return }
    var head = head
    if !headers.methodOverride.isEmpty, try self.takesForm(head, headers) { head.method = .GET }
    let decision = try RequestRouter.route(head, headers, self.loop, &self.bindings)
    guard case .call(let serviceIndex, let routeIndex, let group) = decision else {
      self.respondToPing()
      return
    }
    let service = self.loop.table.services[serviceIndex]
    let route = service.routes.routes[routeIndex]
    let isStreaming = route.method.isStreaming
    self.exchange?.accepted = AcceptedCall(
      service: service, route: route, upstream: self.loop.upstreams[serviceIndex][group],
      group: group,
      limit: CallLimit(
        isStreaming ? service.streamTimeout : service.timeout, isStreaming: isStreaming,
        client: headers.timeout))
    if route.method.isServerStreaming {
      let format: StreamFormat =
        route.givesHTTPBody ? .bytes : try Self.streamFormat(head, service)
      self.exchange?.format = format
    }
    if service.cors != nil { self.applyPolicy(headers, of: service) }
    if self.checksHost || headers.source.isPage {
      try self.checkSource(of: head.target, headers, service)
    }
    if !headers.accept.isEmpty { try self.checkAccept(headers, route, service) }
    self.exchange?.takesTrailers = headers.takesTrailers
    self.negotiateCoding(headers, for: service)
    if route.takesHTTPBody { self.exchange?.requestContentType = headers.contentType }
    if headers.framing != .none {
      try self.checkBody(headers, route, service)
    }
    headers.finish(
      &self.metadata, for: service, from: self.clientAddress, isLocal: self.isClientLocal,
      requestID: self.requestID)
    let sendsContinue = self.state.accepted(
      isServerStreaming: route.method.isServerStreaming,
      isClientStreaming: route.method.isClientStreaming,
      limit: self.loop.limits.requestBodyBytes)
    if sendsContinue {
      self.writer?.writeContinue()
    }
    if route.method.isClientStreaming { self.beginRequests(headers) }
  }

  /// The format of a streamed response.
  private static func streamFormat(
    _ head: RequestHead, _ service: ServedService
  ) throws(RequestError) -> StreamFormat {
    if let format = service.stream.format { return format }
    let accept = head.values(of: "accept")
    guard let format = StreamFormat.choose(accept: accept) else {
      throw RequestError(
        .invalidArgument, http: 406, .notAcceptable,
        "this method returns a stream, as application/x-ndjson, application/json (one array) or "
          + "text/event-stream; Accept: \(EchoedText.cut(accept.joined(separator: ", "))) allows none of them"
      )
    }
    return format
  }

  /// A unary response is JSON, unless its method returns another content type.
  private func checkAccept(
    _ headers: RequestHeaders, _ route: Route, _ service: ServedService
  ) throws(RequestError) {
    guard !AcceptedType.includesJSON(headers.accept), !route.method.isServerStreaming,
      !route.givesHTTPBody
    else { return }
    throw RequestError(
      .invalidArgument, http: 406, .notAcceptable,
      "Accept is \(EchoedText.cut(headers.accept)), but \(route.name) returns only "
        + "application/json; send Accept: application/json, or leave it out")
  }

  private func checkBody(
    _ headers: RequestHeaders, _ route: Route, _ service: ServedService
  ) throws(RequestError) {
    try self.checkContentType(headers, route, service)
    let isPassedOver = !route.takesBody && service.requests.ignoresUnexpectedBody
    guard headers.coding != .other || isPassedOver else {
      var error = RequestError(
        .invalidArgument, http: 415, .unsupportedContentEncoding,
        "the body's Content-Encoding is \(EchoedText.cut(headers.contentEncoding)), which is not "
          + "supported; use one of gzip and deflate, or send it uncompressed")
      error.acceptEncoding = ContentCoding.known
      throw error
    }
    let isStream = route.method.isClientStreaming
    if case .length(let length) = headers.framing, !isStream,
      length > self.loop.limits.requestBodyBytes
    {
      throw self.bodyTooLarge
    }
    if headers.coding != .identity, !isPassedOver {
      let inflater = BodyInflater(headers.coding, self.loop.limits, isStream: isStream)
      self.exchange?.inflater = inflater
    }
  }

  private func checkContentType(
    _ headers: RequestHeaders, _ route: Route, _ service: ServedService
  ) throws(RequestError) {
    guard route.takesBody, !route.takesHTTPBody else { return }
    let isStream = route.method.isClientStreaming
    let isJSON =
      switch headers.content {
      case .absent, .json: true
      case .jsonLines: isStream || service.requests.takesAnyContentType
      case .other: service.requests.takesAnyContentType
      }
    guard isJSON else { throw Self.notJSON(headers, service, isStream: isStream) }
    guard headers.charset != .utf8 else { return }
    guard headers.charset != .unknown else {
      throw RequestError(
        .invalidArgument, http: 415, .unsupportedContentType,
        "the body's Content-Type is \(EchoedText.cut(headers.contentType)), whose charset is not "
          + "supported; send Content-Type: application/json with one of \(BodyCharset.known)")
    }
    let decoder = try CharsetDecoder(headers.charset)
    self.exchange?.charset = decoder
  }

  private static func notJSON(
    _ headers: RequestHeaders, _ service: ServedService, isStream: Bool
  ) -> RequestError {
    RequestError(
      .invalidArgument, http: 415, .unsupportedContentType,
      "the body's Content-Type is \(EchoedText.cut(headers.contentType)), but JSON is required; "
        + "send Content-Type: application/json"
        + (isStream ? " (one array) or application/x-ndjson" : "")
        + ", or set services.\(service.name).http.content_type: any, which accepts JSON with "
        + "any Content-Type")
  }

  /// Whether a request declares that it's a GET whose query is too long for a target and therefore sent
  /// as the body of a POST.
  ///
  /// - Throws: if it declares another method: executing it as a POST would do something other than
  ///   intended.
  @inline(never)
  private func takesForm(
    _ head: RequestHead, _ headers: RequestHeaders
  ) throws(RequestError) -> Bool {
    guard head.method == .POST,
      let service = RequestRouter.service(of: head, method: "GET", headers, self.loop),
      service.requests.overridesMethods
    else { return false }
    guard HeaderValue.equals(headers.methodOverride, "get") else {
      throw RequestError(
        .invalidArgument, .invalidHeader,
        "X-HTTP-Method-Override: only GET is supported; send the request with the method "
          + "itself")
    }
    guard headers.content == .absent || HeaderValue.isForm(headers.contentType) else {
      throw RequestError(
        .invalidArgument, http: 415, .unsupportedContentType,
        "X-HTTP-Method-Override: the body is read as the query of the GET; send it as "
          + "Content-Type: application/x-www-form-urlencoded")
    }
    self.exchange?.takesForm = true
    return true
  }

  /// The most bytes of a form that serves as a query.
  private static let formByteLimit = 256 << 10

  /// Takes the body as the query.
  private func bindForm(_ body: ByteBuffer, _ service: ServedService) throws(RequestError) {
    guard body.readableBytes <= Self.formByteLimit else {
      throw RequestError(
        .resourceExhausted, http: 413, .bodyTooLarge,
        "the form that replaces the query has more than \(Self.formByteLimit) bytes")
    }
    try RequestRouter.bind(
      query: body.readableBytesSpan, service.routing.queryScope, self.loop, &self.bindings)
  }

  var bodyTooLarge: RequestError {
    RequestError(
      .resourceExhausted, http: 413, .bodyTooLarge,
      "the body has more than \(self.loop.limits.requestBodyBytes) bytes "
        + "(limits.request_body_bytes)"
    )
  }

  private var headTooLarge: RequestError {
    .headTooLarge(self.loop.limits)
  }

  /// The request is complete: switches to the protocol that it's for.
  func switchProtocol() {
    switch self.exchange?.upgrade {
    case .webSocket(let handshake): self.switchToWebSocket(handshake)
    case .tunnel(let target): self.openTunnel(to: target)
    case nil: break
    }
  }

  /// The request is complete: transcodes it and starts its call.
  func startCall() {
    guard let service = self.exchange?.service, let route = self.exchange?.route else { return }
    var body = self.exchange?.body ?? ByteBuffer()
    do throws(RequestError) {
      if let inflater = self.exchange?.inflater { try inflater.finish() }
      if self.exchange?.takesForm == true {
        try self.bindForm(body, service)
        body = ByteBuffer()
      } else if !route.takesBody, body.readableBytes > 0 {
        guard service.requests.ignoresUnexpectedBody else {
          throw Self.unexpectedBody(of: route, service)
        }
        body = ByteBuffer()
      }
      if let charset = self.exchange?.charset { body = try charset.decode(body, isLast: true) }
    } catch {
      self.respond(error)
      return
    }
    var message: ByteBuffer
    do throws(CodecError) {
      message = try self.loop.encode(
        body, contentType: route.takesHTTPBody ? self.exchange?.requestContentType ?? "" : "",
        self.bindings, route, service)
      if route.takesHTTPBody { self.exchange?.requestContentType = "" }
    } catch {
      self.respond(RequestError(error, in: body.readableBytesSpan))
      return
    }
    self.exchange?.body = nil
    if let error = service.sizeFault(of: message, for: self.exchange?.accepted?.group ?? 0) {
      return self.respond(error)
    }
    let length = message.readableBytes - GRPCMessage.prefixByteCount
    if service.compression.compressesRequests, length >= service.compression.minimumByteCount,
      let compressed = self.compressed(message)
    {
      self.start(compressed, encoding: .gzip, isComplete: true)
    } else {
      self.start(message, encoding: nil, isComplete: true)
    }
  }

  /// Starts the call with its only message or, for a stream, without one.
  func start(_ message: ByteBuffer?, encoding: CompressionFormat?, isComplete: Bool) {
    guard let accepted = self.exchange?.accepted else { return }
    let (route, limit) = (accepted.route, accepted.limit)
    var request = CallRequest(
      path: route.callPath, metadata: self.metadata, deadline: .now() + limit.time,
      message: message, isComplete: isComplete,
      framing: .messages(replyByteLimit: self.loop.limits.replyBytes))
    request.limit = limit
    request.encoding = encoding
    request.options.isSheddable = self.state.mayBeGone
    request.options.buffersReply = !route.method.isServerStreaming
    let call = accepted.upstream.start(consume request, observer: self)
    self.exchange?.call = call
    self.startHeartbeat()
  }
}

extension RequestError {
  static func headTooLarge(_ limits: Configuration.Limits) -> RequestError {
    .fatal(
      .invalidArgument, http: 431, .headTooLarge,
      "the request line and headers have more than \(limits.headBytes) bytes or more than "
        + "\(limits.headFields) fields (limits.head_bytes, limits.head_fields)")
  }

  /// An error from the HTTP/1.1 decoder.
  init(_ error: HTTPParserError, _ limits: Configuration.Limits) {
    switch error {
    case .headerOverflow:
      self = .headTooLarge(limits)
    case .invalidVersion:
      self = .fatal(
        .unimplemented, http: 505, .unsupportedVersion,
        "unsupported HTTP version; use HTTP/1.1 or HTTP/1.0")
    case .invalidMethod, .invalidConstant:
      self = .fatal(
        .invalidArgument, .malformedRequest,
        "the request doesn't begin with a known HTTP/1.1 method; if it is TLS, send plain HTTP "
          + "instead")
    case .invalidEOFState:
      self = .fatal(
        .invalidArgument, .malformedRequest,
        "the client closed the connection before its request was complete")
    default:
      self = .fatal(
        .invalidArgument, .malformedRequest,
        "the request isn't well-formed HTTP/1.1: \(Self.cause(of: error))")
    }
  }

  private static func cause(of error: HTTPParserError) -> String {
    switch error {
    case .invalidURL:
      "its target has a character that must be percent-encoded, or is neither a path nor a URL"
    case .invalidHeaderToken:
      "the name or value of a header field has an invalid character"
    case .lfExpected:
      "a CR isn't followed by LF; lines end in CR LF"
    case .unexpectedContentLength:
      "it has two Content-Length fields, or both Content-Length and Transfer-Encoding"
    case .invalidContentLength:
      "its Content-Length isn't a single decimal number"
    case .invalidChunkSize:
      "the size of a chunk isn't a hexadecimal number"
    case .strictModeAssertion:
      "a chunk is longer or shorter than its size, or a line doesn't end in CR LF"
    default:
      "\(error)"
    }
  }
}
