internal import BridgeConfiguration
internal import Codec
internal import GRPCWire
internal import HTTP2
internal import HTTPFields
internal import NIOCore
internal import NIOHTTP1
internal import NIOWebSocket
internal import Routing
internal import Upstream

/// Upgrades a request to a WebSocket (RFC 6455 §4.2).
extension ExchangeDriver {
  /// Accepts a WebSocket handshake if its target leads to a streaming method.
  ///
  /// The handshake is always a GET, so a rule of any HTTP method matches if its gRPC method streams.
  /// Anything else is an ordinary request, whose `Upgrade` is ignored (RFC 9110 §7.8).
  ///
  /// - Returns: false for an ordinary request.
  @inline(never)
  func acceptWebSocket(
    _ head: RequestHead, _ headers: RequestHeaders
  ) throws(RequestError) -> Bool {
    guard head.method == .GET, headers.framing == .none,
      let (serviceIndex, routeIndex, group) = try self.findStream(head, headers)
    else { return false }
    let service = self.loop.table.services[serviceIndex]
    let route = service.routes.routes[routeIndex]
    self.exchange?.accepted = AcceptedCall(
      service: service, route: route, upstream: self.loop.upstreams[serviceIndex][group],
      group: group,
      limit: CallLimit(service.streamTimeout, isStreaming: true, client: headers.timeout))
    try self.checkSource(of: head.target, headers, service)
    try Self.checkHandshake(head)
    var protocolName = ""
    guard case .list(let list) = head.fields else { return false }
    let protocols = list[canonicalForm: "sec-websocket-protocol"]
    if let first = protocols.first {
      protocolName = String(first)
      // A page can't set headers, so a token is passed in the list of protocols.
      if HeaderValue.equals(protocolName, "bearer"), protocols.count > 1 {
        guard protocols[1].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), protocols[1] != "" else {
          throw RequestError(
            .invalidArgument, .invalidHeader,
            "Sec-WebSocket-Protocol: expected a token in printable ASCII after bearer")
        }
        self.metadata.append("authorization", "Bearer \(protocols[1])")
      }
      guard protocolName.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
        throw RequestError(
          .invalidArgument, .invalidHeader, "Sec-WebSocket-Protocol: expected a list of names")
      }
    }
    headers.finish(
      &self.metadata, for: service, from: self.clientAddress, isLocal: self.isClientLocal,
      requestID: self.requestID)
    self.exchange?.upgrade = .webSocket(
      WebSocketHandshake(
        head: HTTPRequestHead(version: .http1_1, method: .GET, uri: head.target, headers: list),
        protocolName: protocolName))
    self.state.acceptedUpgrade()
    return true
  }

  private func findStream(
    _ head: RequestHead, _ headers: RequestHeaders
  ) throws(RequestError) -> (service: Int, route: Int, group: Int)? {
    for method in [HTTPMethod.GET, .POST, .PUT, .PATCH] {
      var tried = head
      tried.method = method
      self.bindings.removeAll()
      do throws(RequestError) {
        let decision = try RequestRouter.route(tried, headers, self.loop, &self.bindings)
        if case .call(let service, let route, let group) = decision,
          self.loop.table.services[service].routes.routes[route].method.isStreaming
        {
          return (service, route, group)
        }
      } catch  where ![.noRoute, .noService, .methodNotAllowed].contains(error.reason) {
        throw error
      } catch {
        continue
      }
    }
    self.bindings.removeAll()
    return nil
  }

  private static func checkHandshake(_ head: RequestHead) throws(RequestError) {
    let versions = head.values(of: "sec-websocket-version")
    guard versions == ["13"] else {
      var error = RequestError(
        .invalidArgument, http: 426, .unsupportedVersion,
        "unsupported WebSocket version; use 13 (RFC 6455)")
      error.webSocketVersion = "13"
      throw error
    }
    let keys = head.values(of: "sec-websocket-key")
    guard keys.count == 1, keys[0].utf8.count == 24, HeaderValue.isBase64(keys[0]) else {
      throw RequestError(
        .invalidArgument, .invalidHeader,
        "Sec-WebSocket-Key: expected 16 bytes in base64 (RFC 6455 §4.1)")
    }
  }

  /// Responds to the complete request with 101 and turns the connection into a WebSocket.
  func switchToWebSocket(_ handshake: WebSocketHandshake) {
    guard let connection = self.writer?.upgradableConnection,
      let channel = connection.context?.channel
    else { return }
    // NIO's upgrader computes Sec-WebSocket-Accept; the handlers are replaced here.
    let upgrader = NIOWebSocketServerUpgrader(
      shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
      upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })
    let response = upgrader.buildUpgradeResponse(
      channel: channel, upgradeRequest: handshake.head, initialResponseHeaders: HTTPHeaders())
    response.assumeIsolated().whenComplete { result in
      do {
        try self.switchToWebSocket(connection, handshake, response: result.get())
      } catch {
        self.closeNow()
      }
    }
  }

  private func switchToWebSocket(
    _ connection: HTTP1ServerHandler, _ handshake: WebSocketHandshake, response: HTTPHeaders
  ) throws {
    guard let exchange = self.exchange, let accepted = exchange.accepted else { return }
    var head = ResponseHead()
    for (name, value) in response { head.append(name: name.lowercased(), value) }
    if !handshake.protocolName.isEmpty {
      head.append("sec-websocket-protocol", handshake.protocolName)
    }
    self.appendResponseFields(to: &head)
    connection.write(switchTo: "101 Switching Protocols", head.fields)
    let socket = WebSocketHandler(
      self.loop, accepted, bindings: self.bindings, entry: self.entry(status: 101, .ok),
      start: exchange.start ?? .now())
    var request = CallRequest(
      path: accepted.route.callPath, metadata: self.metadata,
      deadline: .now() + accepted.limit.time,
      message: nil, isComplete: false,
      framing: .messages(replyByteLimit: self.loop.limits.replyBytes))
    request.limit = accepted.limit
    try connection.become(socket)
    socket.begin(request, on: accepted.upstream)
  }
}

extension HTTP1ServerHandler {
  /// Replaces the connection's handlers by a WebSocket's.
  func become(_ socket: WebSocketHandler) throws {
    guard let context = self.context else { return }
    self.detach(replacedBy: socket)
    let limit = self.loop.limits.requestBodyBytes
    let pipeline = context.pipeline.syncOperations
    let decoder = try pipeline.handler(type: ByteToMessageHandler<RequestDecoder>.self)
    try pipeline.addHandlers([
      socket.intake,
      ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: min(limit, Int(UInt32.max)))),
      WebSocketFrameEncoder(),
      WebSocketFrameCheck(),
      NIOWebSocketFrameAggregator(
        minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: Self.fragmentLimit,
        maxAccumulatedFrameSize: limit),
      socket,
    ])
    pipeline.removeHandler(self, promise: nil)
    pipeline.removeHandler(decoder, promise: nil)
  }

  /// The most frames of one message: each costs memory in addition to its bytes.
  private static let fragmentLimit = 16_384
}
