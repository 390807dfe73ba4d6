internal import NIOCore
internal import NIOHTTP1

/// The response to one request of discovery. Pure.
enum FetchResponseState {
  /// The exchange's end.
  enum Outcome: Equatable {
    case response(HTTPFetch.Response)
    /// The rest must not be read.
    case tooLarge
  }

  /// No head yet.
  case waiting
  case reading(HTTPFetch.Response, keepsAlive: Bool)

  var hasResponded: Bool {
    if case .waiting = self { false } else { true }
  }

  /// Whether the connection takes another request after this response.
  var keepsAlive: Bool {
    if case .reading(_, let keepsAlive) = self { keepsAlive } else { false }
  }

  /// Receives the head; those of 1xx aren't passed on.
  ///
  /// - Returns: nil: the body follows.
  mutating func receiveHead(_ head: HTTPResponseHead) -> Outcome? {
    let response = HTTPFetch.Response(
      status: Int(head.status.code), etag: head.headers.first(name: "etag"))
    // After 101 another protocol would follow.
    self = .reading(response, keepsAlive: head.isKeepAlive && head.status != .switchingProtocols)
    if let text = head.headers.first(name: "content-length"), let length = Int(text),
      length > HTTPFetch.byteLimit
    {
      return .tooLarge
    }
    return nil
  }

  mutating func receiveBody(_ part: ByteBuffer) -> Outcome? {
    guard case .reading(var response, let keepsAlive) = self else { return nil }
    guard response.body.count + part.readableBytes <= HTTPFetch.byteLimit else { return .tooLarge }
    // Nothing else may reference the bytes while they grow, or they would be copied.
    self = .waiting
    response.body += part.readableBytesView
    self = .reading(response, keepsAlive: keepsAlive)
    return nil
  }

  func receiveEnd() -> Outcome? {
    guard case .reading(let response, _) = self else { return nil }
    return .response(response)
  }
}
