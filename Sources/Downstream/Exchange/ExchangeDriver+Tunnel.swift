internal import GRPCWire
internal import HTTP2
internal import HTTPFields
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL
internal import TLS

/// CONNECT to one of the bridge's own hosts (RFC 9110 §9.3.6): a program whose `http_proxy` is the
/// bridge sends its gRPC calls that way. The bytes inside the tunnel are served like a new connection.
extension ExchangeDriver {
  /// Accepts the head of a CONNECT.
  ///
  /// - Throws: if the host isn't the bridge's own, or the protocol inside the tunnel can't be served.
  func acceptTunnel(_ head: RequestHead, _ headers: RequestHeaders) throws(RequestError) {
    guard let connection = self.writer?.upgradableConnection else {
      throw Self.noTunnel("CONNECT over HTTP/2 isn't supported; use HTTP/1.1 to the bridge")
    }
    guard let target = TunnelTarget(head.target), headers.framing == .none else {
      throw .fatal(
        .invalidArgument, .malformedRequest,
        "CONNECT takes host:port and no body, such as CONNECT bench.internal:50051")
    }
    let shown = head.target.prefix(RequestSource.shownLength)
    guard
      self.loop.trustedHosts.lists(target.host) || target.isOwn(connection.localAddress)
    else {
      throw Self.noTunnel(
        "the bridge opens no tunnels to other hosts, and \(shown) isn't one of its own (hosts of a "
          + "service, trusted_hosts); use http:// URLs with http_proxy, add \(shown) to no_proxy, or "
          + "use the bridge's own address as the base URL")
    }
    guard !target.wantsTLS || self.loop.tls != nil else {
      throw Self.noTunnel(
        "\(shown) requires TLS, but the bridge has no certificate (tls); use http:// URLs with "
          + "http_proxy")
    }
    self.exchange?.upgrade = .tunnel(target)
    self.state.acceptedUpgrade()
  }

  private static func noTunnel(_ message: String) -> RequestError {
    var error = RequestError.fatal(.unimplemented, http: 405, .notAProxy, message)
    error.allow = RequestError.allMethods
    return error
  }

  /// The request is complete: responds to it, and serves the tunnel's bytes like a new connection.
  func openTunnel(to target: TunnelTarget) {
    guard let connection = self.writer?.upgradableConnection else { return }
    var head = ResponseHead()
    head.append("date", self.loop.date.value)
    self.appendResponseFields(to: &head)
    connection.write(switchTo: "200 Connection Established", head.fields)
    self.record(status: 200, .ok)
    connection.becomeTunnel(tls: target.wantsTLS ? self.loop.tls : nil, checksHost: self.checksHost)
  }
}

extension HTTP1ServerHandler {
  var localAddress: SocketAddress? { self.context?.localAddress }

  /// Writes the head of a response after which another protocol is spoken.
  func write(switchTo status: StaticString, _ fields: HeaderBlock) {
    var head = self.loop.buffer(capacity: 64 + fields.bytes.count + 4 * fields.fields.count)
    head.writeStaticString("HTTP/1.1 ")
    head.writeStaticString(status)
    head.writeStaticString("\r\n")
    head.write(fields)
    head.writeStaticString("\r\n")
    self.write(raw: head)
  }

  /// Serves the bytes that follow like a new connection.
  func becomeTunnel(tls: ReloadableTLSContext?, checksHost: Bool) {
    guard let context = self.context else { return }
    let selector = ProtocolSelector(
      self.loop, awaitsHandshake: tls != nil, checksHost: checksHost)
    self.detach(replacedBy: selector)
    let pipeline = context.pipeline.syncOperations
    do {
      let decoder = try pipeline.handler(type: ByteToMessageHandler<RequestDecoder>.self)
      if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls.current.ssl)) }
      try pipeline.addHandler(selector)
      pipeline.removeHandler(self, promise: nil)
      pipeline.removeHandler(decoder, promise: nil)
    } catch {
      // The channel is closing.
      self.loop.remove(selector)
      context.close(promise: nil)
    }
  }
}

/// The destination of a CONNECT: `host:port` (RFC 9112 §3.2.3).
struct TunnelTarget: Equatable {
  /// In lower case, without brackets and final dot.
  var host: String
  var port: Int

  init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"),
      let port = Int(text[text.index(after: colon)...]), (1...65535).contains(port)
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    if host.count > 1, host.hasSuffix(".") { host = host.dropLast() }
    guard !host.isEmpty, HeaderValue.isHost(String(host)) else { return nil }
    self.host = host.lowercased()
    self.port = port
  }

  /// Whether the client will speak TLS, judging by the port.
  var wantsTLS: Bool { self.port == 443 }

  /// Whether the target is the listener that the client is connected to.
  func isOwn(_ address: SocketAddress?) -> Bool {
    guard let address, let own = address.ipAddress, address.port == self.port else { return false }
    if self.host == "localhost" || self.host.hasSuffix(".localhost") {
      return ClientAddress.isLocal(own)
    }
    guard let target = try? SocketAddress(ipAddress: self.host, port: self.port) else {
      return false
    }
    return target == address
  }
}
