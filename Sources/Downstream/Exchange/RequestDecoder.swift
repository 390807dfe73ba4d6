internal import Codec
internal import GRPCWire
internal import NIOCore
internal import NIOHTTP1
internal import Routing

/// NIO's request decoder, plus what it lacks: request lines are checked first (`RequestLine`), a
/// request with an unknown method is distinguished from input that isn't HTTP/1.1 at all, and an
/// `Upgrade` that isn't accepted doesn't end the connection (RFC 9110 §7.8).
///
/// NIO's decoder stops after a request that offers an upgrade. Unless it's a WebSocket, a new decoder
/// replaces it.
struct RequestDecoder: ByteToMessageDecoder {
  typealias InboundOut = HTTPServerRequestPart

  /// A request with a method that isn't one of `HTTPMethods.known`.
  struct UnknownMethodError: Error, Equatable {
    var name: String
  }

  private var decoder: HTTPRequestDecoder
  private var framer: RequestFramer
  private let limits: NIOHTTPDecoderLimitConfiguration
  /// The consumer of the requests, which knows the decoder's position.
  private let exchange: ExchangeDriver
  /// The most bytes of a method that are shown.
  private static let nameLimit = 64

  init(_ limits: NIOHTTPDecoderLimitConfiguration, for exchange: ExchangeDriver) {
    self.decoder = Self.makeDecoder(limits)
    self.framer = RequestFramer(lineByteLimit: limits.maxHeaderFieldSize)
    self.limits = limits
    self.exchange = exchange
  }

  /// Bytes after a request that becomes a WebSocket belong to the frames that follow.
  private static func makeDecoder(_ limits: NIOHTTPDecoderLimitConfiguration) -> HTTPRequestDecoder
  {
    HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits)
  }

  func decoderAdded(context: ChannelHandlerContext) {
    self.decoder.decoderAdded(context: context)
  }

  func decoderRemoved(context: ChannelHandlerContext) {
    self.decoder.decoderRemoved(context: context)
  }

  mutating func decode(
    context: ChannelHandlerContext, buffer: inout ByteBuffer
  ) throws -> DecodingState {
    do {
      return try self.step(context, &buffer)
    } catch {
      self.exchange.refused(buffer.readableBytesSpan)
      throw error
    }
  }

  private mutating func step(
    _ context: ChannelHandlerContext, _ buffer: inout ByteBuffer
  ) throws -> DecodingState {
    switch try self.framer.next(in: buffer.readableBytesSpan) {
    case .encode(let line):
      Self.encode(line, of: &buffer)
      return .continue
    case .feed(let count):
      try self.feed(count, context, &buffer)
      // After a request at which the decoder stops, nothing is consumed until the response is known.
      if self.framer.isOpaque, buffer.readableBytes > 2 * self.limits.maxHeaderListSize {
        throw HTTPParserError.headerOverflow
      }
      return .needMoreData
    case .end(let count):
      try self.feed(count, context, &buffer)
      self.requestEnded(context)
      return buffer.readableBytes > 0 ? .continue : .needMoreData
    }
  }

  /// Passes `count` bytes from the front to the decoder.
  private mutating func feed(
    _ count: Int, _ context: ChannelHandlerContext, _ buffer: inout ByteBuffer
  ) throws {
    guard count > 0 else { return }
    let before = buffer.readableBytes
    do {
      if count == before {
        _ = try self.decoder.decode(context: context, buffer: &buffer)
      } else if var part = buffer.getSlice(at: buffer.readerIndex, length: count) {
        _ = try self.decoder.decode(context: context, buffer: &part)
        buffer.moveReaderIndex(forwardBy: count - part.readableBytes)
      }
    } catch HTTPParserError.invalidMethod {
      guard let method = Self.unknownMethod(in: buffer.readableBytesSpan) else {
        throw HTTPParserError.invalidMethod
      }
      throw method
    }
    self.framer.consumed(before - buffer.readableBytes)
  }

  private mutating func requestEnded(_ context: ChannelHandlerContext) {
    guard self.exchange.isBetweenRequests, self.framer.isBetweenRequests,
      !self.framer.namesWebSocket, !self.exchange.state.isUpgrade
    else {
      self.framer.giveUp()
      return
    }
    guard self.framer.hasUpgrade else { return }
    self.decoder.decoderRemoved(context: context)
    self.decoder = Self.makeDecoder(self.limits)
    self.decoder.decoderAdded(context: context)
  }

  @inline(never)
  private static func encode(_ line: Range<Int>, of buffer: inout ByteBuffer) {
    var encoded: [UInt8] = []
    RequestLine.appendEncoded(buffer.readableBytesSpan.extracting(line), to: &encoded)
    var whole = ByteBufferAllocator().buffer(
      capacity: buffer.readableBytes - line.count + encoded.count)
    whole.writeBytes(buffer.readableBytesView.prefix(line.lowerBound))
    whole.writeBytes(encoded)
    whole.writeBytes(buffer.readableBytesView.dropFirst(line.upperBound))
    buffer = whole
  }

  func decodeLast(
    context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
  ) throws -> DecodingState {
    try self.decoder.decodeLast(context: context, buffer: &buffer, seenEOF: seenEOF)
  }

  /// The method of the first line that would be an HTTP/1.1 request line but for its method (RFC 9112
  /// §3). The bytes of one read may begin with other requests, so every line is examined.
  static func unknownMethod(in bytes: RawSpan) -> UnknownMethodError? {
    var start = 0
    while start < bytes.byteCount {
      var end = start
      while end < bytes.byteCount, bytes[end] != UInt8(ascii: "\n") { end += 1 }
      if end < bytes.byteCount, let method = Self.method(of: bytes.extracting(start..<end)) {
        return method
      }
      start = end + 1
    }
    return nil
  }

  private static func method(of line: RawSpan) -> UnknownMethodError? {
    var count = line.byteCount
    if count > 0, line[count - 1] == UInt8(ascii: "\r") { count -= 1 }
    var name: [UInt8] = []
    while name.count < count, HTTPMethods.isTokenByte(line[name.count]) {
      name.append(line[name.count])
      if name.count > Self.nameLimit { return nil }
    }
    let version = Array(" HTTP/1.".utf8)
    let versionStart = count - version.count - 1
    guard !name.isEmpty, versionStart > name.count + 1, line[name.count] == UInt8(ascii: " "),
      version.indices.allSatisfy({ line[versionStart + $0] == version[$0] })
    else { return nil }
    let method = String(decoding: name, as: UTF8.self)
    return HTTPMethods.known.contains(method) || method == "CONNECT"
      ? nil : UnknownMethodError(name: method)
  }
}

extension RequestError {
  /// RFC 9110 §15.6.2.
  init(_ method: RequestDecoder.UnknownMethodError) {
    self = .fatal(.unimplemented, .unknownMethod, HTTPMethods.reason(method.name))
  }
}
