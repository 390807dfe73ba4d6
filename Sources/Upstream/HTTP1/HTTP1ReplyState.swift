internal import BridgeConfiguration
internal import GRPCWire
internal import HTTP2
internal import HTTPFields
internal import NIOCore
internal import NIOHTTP1

/// The response to one HTTP/1.1 request, and the resulting outcome of the call. Pure.
///
/// Whatever the input, there's exactly one outcome.
struct HTTP1ReplyState {
  /// How the call ends.
  enum Outcome: Equatable {
    case message(ByteBuffer, HeaderBlock)
    case status(GRPCStatus, HeaderBlock)
  }

  private enum State {
    /// No head yet.
    case waiting
    /// 200: the body is the message.
    case collecting(Body)
    /// Another status: the start of the body is kept for the error message.
    case refusing(Body)
    case ended
  }

  private struct Body {
    var status: Int
    var metadata: HeaderBlock
    var coding: Coding
    var retryAfter: Int?
    var bytes = ByteBuffer()
    /// The size of a refused body, whose rest isn't kept.
    var byteCount = 0
  }

  private enum Coding {
    case identity
    case compressed(CompressionFormat)
    case unknown(String)
  }

  private var state = State.waiting
  private let byteLimit: Int
  private let headerByteLimit: Int

  /// - Parameters:
  ///   - byteLimit: the most bytes of the message, compressed and not.
  ///   - headerByteLimit: the most bytes of names and values in the head.
  init(byteLimit: Int, headerByteLimit: Int) {
    self.byteLimit = byteLimit
    self.headerByteLimit = headerByteLimit
  }

  /// Whether any of the response has been received.
  var hasResponded: Bool {
    if case .waiting = self.state { false } else { true }
  }

  /// Receives the head; 1xx heads aren't passed on.
  ///
  /// - Returns: how the call ends, where nothing more is to be read.
  mutating func receiveHead(_ head: HTTPResponseHead) -> Outcome? {
    guard case .waiting = self.state else { return nil }
    var byteCount = 0
    var body = Body(
      status: Int(head.status.code), metadata: HeaderBlock(), coding: .identity)
    var length: Int?
    for (name, value) in head.headers {
      byteCount += name.utf8.count + value.utf8.count
      let name = name.lowercased()
      switch name {
      case "content-length": length = Int(value)
      case "content-encoding": body.coding = Self.coding(value)
      case "retry-after": body.retryAfter = Int(value)
      default: break
      }
      let bytes = Array(name.utf8)
      if !HeaderName.isReserved(inReply: bytes[...]) { body.metadata.append(bytes, value.utf8) }
    }
    guard byteCount <= self.headerByteLimit else {
      return self.end(
        GRPCStatus(
          .resourceExhausted,
          "the endpoint's header list is larger than \(self.headerByteLimit) bytes",
          origin: .transport))
    }
    guard body.status == 200 else {
      self.state = .refusing(body)
      return nil
    }
    if let length {
      guard length <= self.byteLimit else { return self.end(self.tooLarge("\(length) bytes long")) }
      body.bytes.reserveCapacity(min(length, Self.trustedByteCount))
    }
    self.state = .collecting(body)
    return nil
  }

  /// Receives a part of the body.
  ///
  /// - Returns: how the call ends, where nothing more is to be read.
  mutating func receiveBody(_ part: ByteBuffer) -> Outcome? {
    switch self.state {
    case .waiting, .ended:
      return nil
    case .collecting(var body):
      // Nothing else may reference the buffer while it's written to, or it would be copied.
      self.state = .ended
      guard body.bytes.readableBytes + part.readableBytes <= self.byteLimit else {
        return self.end(self.tooLarge("longer"))
      }
      body.bytes.writeImmutableBuffer(part)
      self.state = .collecting(body)
      return nil
    case .refusing(var body):
      self.state = .ended
      body.byteCount += part.readableBytes
      let room = min(Self.textByteLimit - body.bytes.readableBytes, part.readableBytes)
      if room > 0, let start = part.getSlice(at: part.readerIndex, length: room) {
        body.bytes.writeImmutableBuffer(start)
      }
      if body.byteCount > Self.foreignByteLimit { return self.refused(body) }
      self.state = .refusing(body)
      return nil
    }
  }

  /// Receives the end of the response.
  mutating func receiveEnd() -> Outcome? {
    switch self.state {
    case .waiting, .ended:
      return nil
    case .collecting(let body):
      self.state = .ended
      return self.message(body)
    case .refusing(let body):
      return self.refused(body)
    }
  }

  private func message(_ body: Body) -> Outcome {
    switch body.coding {
    case .identity:
      return .message(body.bytes, body.metadata)
    case .compressed(let format):
      do throws(CompressionError) {
        return .message(
          try format.inflate(body.bytes, limit: self.byteLimit), body.metadata)
      } catch {
        switch error.code {
        case .tooLarge, .ratioTooHigh:
          return .status(self.tooLarge("too long when inflated"), HeaderBlock())
        case .malformed, .truncated:
          return .status(
            GRPCStatus(.internal, "the reply can't be inflated", origin: .transport), HeaderBlock())
        }
      }
    case .unknown(let name):
      return .status(
        GRPCStatus(
          .internal,
          "the reply's Content-Encoding is \(ConfigurationValues.quoted(name)); the bridge requests "
            + "none", origin: .transport), HeaderBlock())
    }
  }

  private mutating func refused(_ body: Body) -> Outcome {
    self.state = .ended
    var text = ""
    if case .identity = body.coding { text = body.bytes.readableText }
    var status = GRPCStatus(easStatus: body.status, text: text)
    if status.wasDropped || status.code == .unavailable, let seconds = body.retryAfter,
      (0...Self.longestRetryAfter).contains(seconds)
    {
      status.retryPushback = .wait(.seconds(Int64(seconds)))
    }
    return .status(status, body.metadata)
  }

  private mutating func end(_ status: GRPCStatus) -> Outcome {
    self.state = .ended
    return .status(status, HeaderBlock())
  }

  private func tooLarge(_ found: String) -> GRPCStatus {
    GRPCStatus(
      .resourceExhausted, "the reply is \(found); the limit is \(self.byteLimit) bytes",
      origin: .transport)
  }

  private static func coding(_ value: String) -> Coding {
    switch value.lowercased() {
    case "", "identity": .identity
    case "gzip", "x-gzip": .compressed(.gzip)
    case "deflate": .compressed(.deflate)
    default: .unknown(value)
    }
  }

  /// Bytes of a response that isn't a message to include in the error message.
  private static let textByteLimit = 1 << 10
  /// Bytes of it to read so that the connection can be kept.
  private static let foreignByteLimit = 64 << 10
  /// Memory reserved on the strength of a `Content-Length`.
  private static let trustedByteCount = 1 << 20
  /// The largest `Retry-After` accepted, in seconds.
  private static let longestRetryAfter = 3600
}
