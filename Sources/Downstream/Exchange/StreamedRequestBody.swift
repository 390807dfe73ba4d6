internal import Codec
internal import GRPCWire
internal import NIOCore

/// The body of a request that is a stream of messages, split into the bodies of its messages as it
/// arrives.
///
/// Buffers no more than one incomplete message and the rest of the same read.
final class StreamedRequestBody {
  /// The encoding of the messages.
  private enum Content {
    /// JSON texts, in an array or concatenated.
    case values(JSONSequenceScanner)
    /// Bytes: each part of the body as it arrives (google/api/httpbody.proto).
    case bytes
  }

  private var content: Content
  private let byteLimit: Int
  /// The bytes that haven't been taken yet.
  private var pending = ByteBuffer()
  var pendingByteCount: Int { self.pending.readableBytes }
  /// The number of body bytes before `pending`.
  private var passedByteCount = 0
  /// The number of messages taken.
  private(set) var count = 0
  /// Whether no other bytes follow.
  private(set) var isComplete = false

  /// - Parameters:
  ///   - takesBytes: whether the parts of the body are taken verbatim, not as JSON.
  ///   - isSequence: whether the client declared a sequence of concatenated values.
  ///   - byteLimit: the most bytes that the body of one message may have.
  init(takesBytes: Bool, isSequence: Bool, byteLimit: Int) {
    self.content =
      takesBytes ? .bytes : .values(JSONSequenceScanner(form: isSequence ? .sequence : nil))
    self.byteLimit = byteLimit
  }

  /// Adds a part of the body.
  func append(_ part: ByteBuffer) {
    guard self.pending.readableBytes > 0 else {
      self.pending = part
      return
    }
    self.pending.writeImmutableBuffer(part)
  }

  /// The body has ended.
  func end() {
    self.isComplete = true
  }

  /// Takes the body of the next message; nil if none is complete yet or, at the end, if none is left.
  func next() throws(RequestError) -> ByteBuffer? {
    guard case .values(var scanner) = self.content else { return self.nextPart() }
    let found: Range<Int>?
    // A copy, because without checks of exclusive access a span may not depend on a property of `self`.
    let pending = self.pending
    do throws(CodecError) {
      found = try scanner.next(in: pending.readableBytesSpan, isComplete: self.isComplete)
    } catch {
      throw self.fault(error)
    }
    var body: ByteBuffer?
    if let found {
      guard found.count <= self.byteLimit else { throw self.tooLarge }
      self.count += 1
      body = self.pending.getSlice(
        at: self.pending.readerIndex + found.lowerBound, length: found.count)
    } else {
      guard self.pending.readableBytes - scanner.start <= self.byteLimit else {
        throw self.tooLarge
      }
    }
    self.discard(scanner.start)
    scanner.discard(scanner.start)
    self.content = .values(scanner)
    return body
  }

  private func nextPart() -> ByteBuffer? {
    guard self.pending.readableBytes > 0 else { return nil }
    self.count += 1
    // An inflated part may be large.
    return self.pending.readSlice(length: min(self.pending.readableBytes, Self.partByteCount))
  }

  private func discard(_ count: Int) {
    self.passedByteCount += count
    self.pending.moveReaderIndex(forwardBy: count)
    if self.pending.readableBytes == 0 {
      self.pending = ByteBuffer()
    } else if self.pending.readerIndex > Self.partByteCount {
      self.pending.discardReadBytes()
    }
  }

  private var tooLarge: RequestError {
    RequestError(
      .resourceExhausted, http: 413, .bodyTooLarge,
      "message \(self.count + 1) of the stream has more than \(self.byteLimit) bytes "
        + "(limits.request_body_bytes)")
  }

  private func fault(_ error: CodecError) -> RequestError {
    let offset = self.passedByteCount + (error.offset ?? 0)
    return RequestError(
      .invalidArgument, .invalidMessage,
      "after \(self.count) messages of the stream: \(error.reason) (byte \(offset) of the body); "
        + "send one JSON array of messages, or one message after another, "
        + "such as one per line")
  }

  /// The most bytes of one message in a byte stream.
  private static let partByteCount = 256 << 10
}
