internal import BridgeConfiguration
internal import Codec
internal import GRPCWire
internal import HTTP2
internal import NIOCore

/// Compression of responses and of request messages.
extension ExchangeDriver {
  /// Chooses how a service's responses are compressed for this client; before the call begins.
  func negotiateCoding(_ headers: RequestHeaders, for service: ServedService) {
    switch service.compression.replies {
    case .never: return
    case .automatic: if self.isClientLocal { return }
    case .always: break
    }
    // The choice depends on the field even if it results in no compression (RFC 9110 §12.5.5).
    self.responseFields.append("vary", StaticString("accept-encoding"))
    if !headers.acceptEncoding.isEmpty {
      let coding = AcceptedCoding.choose(headers.acceptEncoding)
      self.exchange?.responseCoding = coding
    }
  }

  /// A response body compressed; nil if it's to be sent uncompressed.
  func compressed(_ body: borrowing ByteSink) -> ByteBuffer? {
    guard let coding = self.exchange?.responseCoding, coding != .identity,
      let minimum = self.exchange?.service?.compression.minimumByteCount
    else { return nil }
    return self.compressed(body, coding, minimumByteCount: minimum)
  }

  @inline(never)
  private func compressed(
    _ body: borrowing ByteSink, _ coding: ContentCoding, minimumByteCount: Int
  ) -> ByteBuffer? {
    let count = body.count
    guard count >= minimumByteCount else { return nil }
    var plain = self.loop.buffer(capacity: count)
    plain.write(body)
    let format: CompressionFormat = coding == .gzip ? .gzip : .deflate
    let compressed = format.deflate(plain, level: CompressionFormat.responseLevel)
    return compressed.readableBytes < count ? compressed : nil
  }

  /// The message compressed, framed for gRPC as before; nil if compression doesn't make it smaller.
  @inline(never)
  func compressed(_ message: ByteBuffer) -> ByteBuffer? {
    var message = message
    message.moveReaderIndex(forwardBy: GRPCMessage.prefixByteCount)
    let compressed = CompressionFormat.gzip.deflate(message, level: CompressionFormat.responseLevel)
    guard compressed.readableBytes < message.readableBytes else { return nil }
    return GRPCMessage.framed(compressed, isCompressed: true)
  }

  /// How the streamed response is compressed. Content other than JSON is often already compressed.
  var streamCompression: CompressionFormat? {
    guard let exchange = self.exchange, !exchange.isHTTP10, exchange.format != .bytes,
      !exchange.isHead
    else { return nil }
    return switch exchange.responseCoding {
    case .gzip: .gzip
    case .deflate: .deflate
    case .identity, .other: nil
    }
  }
}

extension CompressionFormat {
  /// From 1 to 9: higher levels make JSON hardly smaller and cost several times as much.
  static let responseLevel: Int32 = 1
}
