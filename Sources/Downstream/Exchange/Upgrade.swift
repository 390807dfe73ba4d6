internal import NIOHTTP1

/// A protocol to which a connection switches after a request (RFC 9110 §7.8).
enum Upgrade {
  case webSocket(WebSocketHandshake)
  /// The tunnel of a CONNECT.
  case tunnel(TunnelTarget)
}

/// An accepted WebSocket handshake (RFC 6455 §4.2.1).
final class WebSocketHandshake {
  let head: HTTPRequestHead
  /// The first one that the client offered; empty if it offered none.
  let protocolName: String

  init(head: HTTPRequestHead, protocolName: String) {
    self.head = head
    self.protocolName = protocolName
  }
}
