internal import Codec
internal import NIOCore

/// Compression of unary answers and of request messages.
///
/// Streamed answers are sent as they are: each message would need a flush of its own, which costs
/// most of what compressing gains.
extension ExchangeHandler {
  /// Decides how answers of a service are compressed for this client; before the call begins.
  func negotiateCoding(_ headers: RequestHeaders, for service: ServedService) {
    switch service.compression.replies {
    case .never: return
    case .automatic: if self.isClientLocal { return }
    case .always: break
    }
    // The choice depends on the field even where it's for none (RFC 9110 §12.5.5).
    self.answerFields.append(contentsOf: "vary: accept-encoding\r\n".utf8)
    if !headers.acceptEncoding.isEmpty {
      self.exchange?.answerCoding = AcceptedCoding.choose(headers.acceptEncoding)
    }
  }

  /// `loop.output` compressed; nil where it's to be sent as it is.
  func compressedOutput() -> ByteBuffer? {
    guard let coding = self.exchange?.answerCoding, coding != .identity,
      let minimum = self.exchange?.service?.compression.minimumByteCount
    else { return nil }
    return self.compressed(coding, minimumByteCount: minimum)
  }

  @inline(never)
  private func compressed(_ coding: ContentCoding, minimumByteCount: Int) -> ByteBuffer? {
    let count = self.loop.output.count
    guard count >= minimumByteCount else { return nil }
    var plain = self.loop.buffer(capacity: count)
    plain.write(self.loop.output)
    let format: CompressionFormat = coding == .gzip ? .gzip : .deflate
    let compressed = format.deflate(plain, level: Self.compressionLevel)
    return compressed.readableBytes < count ? compressed : nil
  }

  /// A message compressed, in its gRPC frame as before; nil where that makes it no smaller.
  @inline(never)
  func compressed(_ message: ByteBuffer) -> ByteBuffer? {
    var message = message
    message.moveReaderIndex(forwardBy: GRPCMessage.prefixByteCount)
    let compressed = CompressionFormat.gzip.deflate(message, level: Self.compressionLevel)
    guard compressed.readableBytes < message.readableBytes else { return nil }
    return GRPCMessage.framed(compressed, isCompressed: true)
  }

  /// Of 1 to 9: JSON becomes hardly smaller at higher ones, which cost several times as much.
  private static let compressionLevel: Int32 = 1
}
