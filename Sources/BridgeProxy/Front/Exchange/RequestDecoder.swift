internal import Codec
internal import NIOCore
internal import NIOHTTP1

/// NIO's decoder of requests, which also tells a request by a method that it doesn't know from what
/// isn't HTTP/1.1 at all: one has been understood and can't be served, the other is anything.
struct RequestDecoder: ByteToMessageDecoder {
  typealias InboundOut = HTTPServerRequestPart

  /// A request by a method that isn't one of `HTTPMethods.known`.
  struct UnknownMethod: Error, Equatable {
    var name: String
  }

  private let decoder: HTTPRequestDecoder
  /// The most bytes of a method that are shown.
  private static let nameLimit = 64

  init(_ limits: NIOHTTPDecoderLimitConfiguration) {
    self.decoder = HTTPRequestDecoder(
      leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)
  }

  func decoderAdded(context: ChannelHandlerContext) {
    self.decoder.decoderAdded(context: context)
  }

  func decoderRemoved(context: ChannelHandlerContext) {
    self.decoder.decoderRemoved(context: context)
  }

  func decode(
    context: ChannelHandlerContext, buffer: inout ByteBuffer
  ) throws -> DecodingState {
    do {
      return try self.decoder.decode(context: context, buffer: &buffer)
    } catch HTTPParserError.invalidMethod {
      guard let method = Self.unknownMethod(in: buffer.readableBytesSpan) else {
        throw HTTPParserError.invalidMethod
      }
      throw method
    }
  }

  func decodeLast(
    context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
  ) throws -> DecodingState {
    try self.decoder.decodeLast(context: context, buffer: &buffer, seenEOF: seenEOF)
  }

  /// The method of the first line that is a request line of HTTP/1.1 but for its method (RFC 9112 §3).
  /// What was read in one go may begin with other requests, so every line is looked at.
  static func unknownMethod(in bytes: RawSpan) -> UnknownMethod? {
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

  private static func method(of line: RawSpan) -> UnknownMethod? {
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
      ? nil : UnknownMethod(name: method)
  }
}

extension Fault {
  /// RFC 9110 §15.6.2.
  init(_ method: RequestDecoder.UnknownMethod) {
    self = .fatal(.unimplemented, .unknownMethod, HTTPMethods.reason(method.name))
  }
}
