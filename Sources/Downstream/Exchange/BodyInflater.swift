internal import BridgeConfiguration
internal import GRPCWire
internal import NIOCore

/// Inflates the body of one request as its parts arrive (RFC 9110 §8.4), within limits: a part that
/// would expand beyond them is rejected before it does.
///
/// A class, because the exchange that owns it is copied and zlib's state can't be.
final class BodyInflater {
  private let coding: ContentCoding
  private let limits: Configuration.Limits
  /// Whether the body may be of any size, because it's forwarded in parts.
  private let isStream: Bool
  /// Nil before the first byte, which determines the variant of `deflate`.
  private var inflater: Inflater?

  /// - Parameters:
  ///   - coding: `gzip` or `deflate`.
  ///   - isStream: whether only the ratio is limited, not the size.
  init(_ coding: ContentCoding, _ limits: Configuration.Limits, isStream: Bool = false) {
    precondition(coding == .gzip || coding == .deflate, "a coding that can't be inflated")
    self.coding = coding
    self.limits = limits
    self.isStream = isStream
  }

  /// Reads a part and appends the inflated bytes to `body`.
  func inflate(_ part: ByteBuffer, into body: inout ByteBuffer) throws(RequestError) {
    var part = part
    guard let first = part.readableBytesView.first else { return }
    if self.inflater == nil {
      let format: CompressionFormat = self.coding == .gzip ? .gzip : .deflate(beginning: first)
      self.inflater = Inflater(
        format, limit: self.isStream ? .max >> 1 : self.limits.requestBodyBytes,
        ratioLimit: self.limits.inflationRatio)
    }
    do throws(CompressionError) {
      try self.inflater?.inflate(&part, into: &body)
    } catch {
      throw self.fault(error)
    }
  }

  /// The body is complete: rejects one that ended early. An empty body is valid in any coding: clients
  /// declare the coding of bodies that they don't send.
  func finish() throws(RequestError) {
    guard let isAtEnd = self.inflater?.isAtEnd, !isAtEnd else { return }
    throw self.fault(CompressionError(.truncated))
  }

  private func fault(_ error: CompressionError) -> RequestError {
    switch error.code {
    case .tooLarge:
      RequestError(
        .resourceExhausted, http: 413, .inflatedBodyTooLarge,
        "the body inflates to more than \(self.limits.requestBodyBytes) bytes "
          + "(limits.request_body_bytes)")
    case .ratioTooHigh:
      RequestError(
        .resourceExhausted, http: 413, .inflationRatio,
        "the body inflates to more than \(self.limits.inflationRatio) times its size "
          + "(limits.inflation_ratio); send it uncompressed")
    case .malformed:
      RequestError(
        .invalidArgument, .damagedBody,
        "the body can't be inflated: it isn't \(self.coding), as its Content-Encoding "
          + "declares, or it was corrupted in transit")
    case .truncated:
      RequestError(
        .invalidArgument, .damagedBody,
        "the body can't be inflated: its \(self.coding) data ends early; did the client flush its "
          + "compressor before sending?")
    }
  }
}

extension ExchangeDriver {
  /// Takes a part of the body, inflating it if necessary.
  func collect(_ part: ByteBuffer) {
    guard let inflater = self.exchange?.inflater else {
      self.append(part)
      return
    }
    self.inflate(part, inflater)
  }

  /// Adds a part to the body; the first one isn't copied.
  private func append(_ part: ByteBuffer) {
    let byteCount = part.readableBytes
    self.exchange?.requestByteCount += byteCount
    guard var body = self.exchange?.body else {
      self.exchange?.body = part
      return
    }
    let announced = self.exchange?.announcedLength ?? 0
    // Release the stored one first, so that there's a single owner and the bytes are appended in place.
    self.exchange?.body = nil
    let needed = body.readableBytes + part.readableBytes
    if body.writableBytes < part.readableBytes {
      // A declared length is trusted only in proportion to what the client has already sent.
      body.reserveCapacity(max(needed, min(announced, 4 * needed)))
    }
    body.writeImmutableBuffer(part)
    self.exchange?.body = body
  }

  @inline(never)
  private func inflate(_ part: ByteBuffer, _ inflater: BodyInflater) {
    let byteCount = part.readableBytes
    self.exchange?.requestByteCount += byteCount
    // Moved out of the exchange while it grows, so that it has a single owner and isn't copied.
    var body = self.exchange?.body ?? ByteBuffer()
    self.exchange?.body = nil
    do throws(RequestError) {
      try inflater.inflate(part, into: &body)
      self.exchange?.body = body
    } catch {
      self.respond(error)
    }
  }
}
