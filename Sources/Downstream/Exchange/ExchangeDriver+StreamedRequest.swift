internal import BridgeConfiguration
internal import Codec
internal import GRPCWire
internal import NIOCore
internal import Routing
internal import Upstream

/// Turns a request that is a stream of messages into its call.
///
/// The call begins with the head. Each message is forwarded once it's complete; while the endpoint
/// takes no more, nothing more is read from the client.
extension ExchangeDriver {
  /// The head was accepted: starts the call.
  func beginRequests(_ headers: RequestHeaders) {
    guard let service = self.exchange?.service, let route = self.exchange?.route else { return }
    let requests = StreamedRequestBody(
      takesBytes: route.takesHTTPBody, isSequence: headers.content == .jsonLines,
      byteLimit: self.loop.limits.requestBodyBytes)
    self.exchange?.requests = requests
    self.start(
      nil, encoding: service.compression.compressesRequests ? .gzip : nil, isComplete: false)
  }

  /// A part of the body has arrived.
  func relay(_ part: ByteBuffer) {
    guard let exchange = self.exchange, let route = exchange.route, let service = exchange.service
    else { return }
    let byteCount = part.readableBytes
    self.exchange?.requestByteCount += byteCount
    if !route.takesBody {
      if !service.requests.ignoresUnexpectedBody {
        self.fail(Self.unexpectedBody(of: route, service))
      }
      return
    }
    var text = part
    do throws(RequestError) {
      if let inflater = exchange.inflater {
        text = ByteBuffer()
        try inflater.inflate(part, into: &text)
      }
      if let charset = exchange.charset { text = try charset.decode(text, isLast: false) }
    } catch {
      self.fail(error)
      return
    }
    exchange.requests?.append(text)
    self.sendMessages()
  }

  /// The body is complete.
  func endMessages() {
    do throws(RequestError) {
      if let inflater = self.exchange?.inflater { try inflater.finish() }
      if let charset = self.exchange?.charset { _ = try charset.decode(ByteBuffer(), isLast: true) }
    } catch {
      self.fail(error)
      return
    }
    if let requests = self.exchange?.requests { requests.end() }
    self.sendMessages()
  }

  /// Sends the complete messages, as far as the call has room.
  private func sendMessages() {
    do throws(RequestError) {
      while self.exchange?.isHeld == false, let requests = self.exchange?.requests,
        let body = try requests.next()
      {
        try self.send(body)
      }
      guard let exchange = self.exchange, let requests = exchange.requests, !exchange.isHeld,
        requests.isComplete, let route = exchange.route
      else { return }
      self.exchange?.requests = nil
      // Values from path and query aren't lost if the body has no messages, and a rule without a body
      // is a message of its own.
      if requests.count == 0, !self.bindings.isEmpty || !route.takesBody || route.takesHTTPBody {
        try self.send(ByteBuffer())
      }
      exchange.call?.send(ByteBuffer(), isLast: true)
    } catch {
      self.fail(error)
    }
  }

  /// Sends one message. The values from path and query belong to the first one, as in other
  /// transcoders: they usually name what the stream is about.
  private func send(_ body: ByteBuffer) throws(RequestError) {
    guard let exchange = self.exchange, let service = exchange.service,
      let route = exchange.route
    else { return }
    var message: ByteBuffer
    do throws(CodecError) {
      message = try self.loop.encode(
        body, contentType: exchange.requestContentType, self.bindings, route, service)
      if route.takesHTTPBody { self.exchange?.requestContentType = "" }
    } catch {
      let count = exchange.requests?.count ?? 0
      throw RequestError(error, in: body.readableBytesSpan, message: max(1, count))
    }
    self.bindings.removeAll()
    if let error = service.sizeFault(of: message, for: self.exchange?.accepted?.group ?? 0) {
      throw error
    }
    let length = message.readableBytes - GRPCMessage.prefixByteCount
    if service.compression.compressesRequests, length >= service.compression.minimumByteCount,
      let compressed = self.compressed(message)
    {
      message = compressed
    }
    guard let call = exchange.call else { return }
    call.send(message, isLast: false)
    if call.unsentBytes > WriteBufferWaterMark.high { self.exchange?.isHeld = true }
  }

  func callCanSend() {
    self.exchange?.isHeld = false
    self.sendMessages()
    self.takeParts()
    self.updateDeadline()
  }

  /// Ends the exchange and its call with an error: as the response, or after what has been sent of it.
  func fail(_ error: RequestError) {
    if let call = self.exchange?.call { call.cancel() }
    self.exchange?.call = nil
    self.exchange?.requests = nil
    if self.state.isStreaming {
      self.endStream(with: error)
    } else {
      self.respond(error)
    }
  }

  static func unexpectedBody(of route: Route, _ service: ServedService) -> RequestError {
    RequestError(
      .invalidArgument, .unexpectedBody,
      "\(route.name) takes no body with \(route.httpMethod) \(route.template): its fields come "
        + "from the path and the query; set services.\(service.name).http.unexpected_body: ignore to "
        + "ignore bodies")
  }
}

extension RequestError {
  /// An error in one message of a request stream, which doesn't fit the method's request type.
  ///
  /// - Parameters:
  ///   - body: the JSON text that the error's offset refers to.
  ///   - message: its position in the stream, from 1.
  init(_ error: CodecError, in body: RawSpan, message: Int) {
    self.init(error, in: body)
    self.message = "message \(message) of the stream: \(self.message)"
  }
}
