internal import Codec
internal import HTTP2
internal import HTTPFields
internal import NIOCore

/// How the body of a response is delimited (RFC 9112 §6.3).
enum HTTP1Framing {
  /// No body, or one that isn't to be sent.
  case none
  /// By `content-length`.
  case length
  /// By chunked transfer coding (§7.1).
  case chunks
  /// By closing the connection (HTTP/1.0).
  case connection
}

/// Writes responses over HTTP/1.1.
extension HTTP1ServerHandler: ResponseWriter {
  var unsentByteCount: Int { self.context?.channel.waitingBytes ?? 0 }
  var remoteAddress: SocketAddress? { self.context?.remoteAddress }
  var upgradableConnection: HTTP1ServerHandler? { self }

  /// From this size on, a part of a body is written separately instead of copied after the queued bytes.
  private static let copiedByteLimit = 4 << 10

  func writeContinue() {
    self.write(raw: ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
  }

  /// Writes bytes that aren't a final response.
  func write(raw buffer: ByteBuffer) {
    guard let context = self.context else { return }
    context.writeAndFlush(self.wrapOutboundOut(buffer), promise: nil)
  }

  func begin(_ head: borrowing ResponseHead, closes: Bool) {
    let isHTTP10 = self.driver.isHTTP10
    let framing: HTTP1Framing =
      switch head.body {
      case .none: .none
      case .length: .length
      case .stream: isHTTP10 ? .connection : .chunks
      }
    let buffer = self.render(head, framing, isHTTP10: isHTTP10, closes: closes)
    self.framing = head.omitsBody ? .none : framing
    self.writtenByteCount &+= buffer.readableBytes
    self.pending = buffer
  }

  func write(_ head: borrowing ResponseHead, _ body: borrowing ByteSink, closes: Bool) {
    var buffer = self.render(
      head, .length, isHTTP10: self.driver.isHTTP10, closes: closes)
    if !head.omitsBody, case .length = head.body { buffer.write(body) }
    self.framing = .none
    self.writtenByteCount &+= buffer.readableBytes
    self.pending = buffer
  }

  /// Serializes a head into a buffer with room for the body that it announces.
  private func render(
    _ head: borrowing ResponseHead, _ framing: HTTP1Framing, isHTTP10: Bool, closes: Bool
  ) -> ByteBuffer {
    let fields = head.fields
    var capacity = 192 + fields.bytes.count + 4 * fields.fields.count
    if !head.omitsBody, case .length(let count) = head.body { capacity += count }
    var buffer = self.loop.buffer(capacity: capacity)
    if let line = Self.statusLine(head.status) {
      buffer.writeStaticString(line)
    } else {
      buffer.writeString("HTTP/1.1 \(head.status) Unknown\r\n")
    }
    buffer.write(fields)
    if case .chunks = framing { buffer.writeStaticString("transfer-encoding: chunked\r\n") }
    buffer.writeBytes(self.loop.date.bytes)
    if closes {
      buffer.writeStaticString("connection: close\r\n\r\n")
    } else if isHTTP10 {
      buffer.writeStaticString("connection: keep-alive\r\n\r\n")
    } else {
      buffer.writeStaticString("\r\n")
    }
    return buffer
  }

  func write(_ bytes: consuming ByteBuffer) {
    let count = bytes.readableBytes
    // An empty chunk would end the body.
    guard count > 0 else { return }
    switch self.framing {
    case .none: return
    case .length, .connection: break
    case .chunks: bytes.frameAsChunk()
    }
    self.writtenByteCount &+= bytes.readableBytes
    var queued = self.pending
    self.pending = nil
    if queued == nil || queued?.readableBytes == 0 {
      queued = bytes
    } else if count < Self.copiedByteLimit {
      queued?.writeImmutableBuffer(bytes)
    } else if let context = self.context, let head = queued {
      context.write(self.wrapOutboundOut(head), promise: nil)
      queued = bytes
    }
    self.pending = queued
  }

  func finish(_ trailers: HeaderBlock) {
    guard case .chunks = self.framing else { return }
    var buffer = self.pending ?? ByteBuffer()
    self.pending = nil
    let start = buffer.writerIndex
    // The last chunk, and the trailer section (RFC 9112 §7.1).
    buffer.writeStaticString("0\r\n")
    buffer.write(trailers)
    buffer.writeStaticString("\r\n")
    self.writtenByteCount &+= buffer.writerIndex - start
    self.pending = buffer
  }

  func flush() {
    guard let context = self.context, let buffer = self.pending else { return }
    self.pending = nil
    context.writeAndFlush(self.wrapOutboundOut(buffer), promise: nil)
  }

  func read() {
    self.context?.read()
  }

  private static func statusLine(_ status: Int) -> StaticString? {
    switch status {
    case 200: "HTTP/1.1 200 OK\r\n"
    case 201: "HTTP/1.1 201 Created\r\n"
    case 202: "HTTP/1.1 202 Accepted\r\n"
    case 203: "HTTP/1.1 203 Non-Authoritative Information\r\n"
    case 204: "HTTP/1.1 204 No Content\r\n"
    case 205: "HTTP/1.1 205 Reset Content\r\n"
    case 206: "HTTP/1.1 206 Partial Content\r\n"
    case 207: "HTTP/1.1 207 Multi-Status\r\n"
    case 300: "HTTP/1.1 300 Multiple Choices\r\n"
    case 301: "HTTP/1.1 301 Moved Permanently\r\n"
    case 302: "HTTP/1.1 302 Found\r\n"
    case 303: "HTTP/1.1 303 See Other\r\n"
    case 304: "HTTP/1.1 304 Not Modified\r\n"
    case 307: "HTTP/1.1 307 Temporary Redirect\r\n"
    case 308: "HTTP/1.1 308 Permanent Redirect\r\n"
    case 400: "HTTP/1.1 400 Bad Request\r\n"
    case 401: "HTTP/1.1 401 Unauthorized\r\n"
    case 403: "HTTP/1.1 403 Forbidden\r\n"
    case 404: "HTTP/1.1 404 Not Found\r\n"
    case 405: "HTTP/1.1 405 Method Not Allowed\r\n"
    case 406: "HTTP/1.1 406 Not Acceptable\r\n"
    case 408: "HTTP/1.1 408 Request Timeout\r\n"
    case 409: "HTTP/1.1 409 Conflict\r\n"
    case 413: "HTTP/1.1 413 Content Too Large\r\n"
    case 414: "HTTP/1.1 414 URI Too Long\r\n"
    case 415: "HTTP/1.1 415 Unsupported Media Type\r\n"
    case 417: "HTTP/1.1 417 Expectation Failed\r\n"
    case 422: "HTTP/1.1 422 Unprocessable Content\r\n"
    case 426: "HTTP/1.1 426 Upgrade Required\r\n"
    case 429: "HTTP/1.1 429 Too Many Requests\r\n"
    case 431: "HTTP/1.1 431 Request Header Fields Too Large\r\n"
    case 499: "HTTP/1.1 499 Client Closed Request\r\n"
    case 500: "HTTP/1.1 500 Internal Server Error\r\n"
    case 501: "HTTP/1.1 501 Not Implemented\r\n"
    case 502: "HTTP/1.1 502 Bad Gateway\r\n"
    case 503: "HTTP/1.1 503 Service Unavailable\r\n"
    case 504: "HTTP/1.1 504 Gateway Timeout\r\n"
    case 505: "HTTP/1.1 505 HTTP Version Not Supported\r\n"
    default: nil
    }
  }
}

extension ByteBuffer {
  /// Frames the readable bytes as a chunk (RFC 9112 §7.1), in place if there is room before them.
  mutating func frameAsChunk() {
    var size = self.readableBytes
    if self.readerIndex < Self.framingRoom {
      var copy = ByteBuffer.withFramingRoom(capacity: size)
      copy.writeImmutableBuffer(self)
      self = copy
    }
    var start = self.readerIndex - 2
    self.setInteger(0x0D0A as UInt16, at: start)
    repeat {
      start -= 1
      let digit = UInt8(truncatingIfNeeded: size & 15)
      self.setInteger(
        digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10, at: start)
      size >>= 4
    } while size > 0
    self.moveReaderIndex(to: start)
    self.writeStaticString("\r\n")
  }

  /// Appends fields, each with its line end (RFC 9112 §5).
  mutating func write(_ block: HeaderBlock) {
    // A single write: one per piece would reserve capacity and check uniqueness each time.
    unsafe block.bytes.withUnsafeBytes { bytes in
      _ = unsafe self.writeWithUnsafeMutableBytes(
        minimumWritableBytes: bytes.count + 4 * block.fields.count
      ) { target in
        var end = 0
        for field in block.fields {
          unsafe Self.copy(bytes, field.name, to: target, at: end)
          end &+= field.name.count
          unsafe target[end] = UInt8(ascii: ":")
          unsafe target[end &+ 1] = UInt8(ascii: " ")
          end &+= 2
          unsafe Self.copy(bytes, field.value, to: target, at: end)
          end &+= field.value.count
          unsafe target[end] = UInt8(ascii: "\r")
          unsafe target[end &+ 1] = UInt8(ascii: "\n")
          end &+= 2
        }
        return end
      }
    }
  }

  /// Copies bytes. Both ranges must be within their buffers.
  @inline(__always)
  private static func copy(
    _ source: UnsafeRawBufferPointer, _ range: Range<Int>, to target: UnsafeMutableRawBufferPointer,
    at offset: Int
  ) {
    guard let start = source.baseAddress, let end = target.baseAddress else { return }
    unsafe (end + offset).copyMemory(
      from: start + range.lowerBound, byteCount: range.upperBound &- range.lowerBound)
  }
}
