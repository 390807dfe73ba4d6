package import NIOCore

/// The frame of a message: a byte for whether it's compressed, and four bytes of length.
package enum GRPCMessage {
  /// Bytes before each message.
  package static let prefixByteCount = 5

  /// Appends a message in its frame.
  package static func write(
    _ message: ByteBuffer, isCompressed: Bool = false, into output: inout ByteBuffer
  ) {
    output.writeInteger(UInt8(isCompressed ? 1 : 0))
    output.writeInteger(UInt32(message.readableBytes))
    output.writeImmutableBuffer(message)
  }

  /// Returns a message in its frame.
  package static func framed(_ message: ByteBuffer, isCompressed: Bool = false) -> ByteBuffer {
    var output = ByteBuffer()
    output.reserveCapacity(message.readableBytes + self.prefixByteCount)
    self.write(message, isCompressed: isCompressed, into: &output)
    return output
  }
}

/// How the messages of a stream are compressed (`grpc-encoding`).
package enum MessageEncoding: Sendable, Equatable {
  case identity
  case compressed(CompressionFormat)
  /// An unknown one, by name.
  case unknown(String)

  /// Reads the value of `grpc-encoding`.
  package init(_ value: some Collection<UInt8>) {
    if value.isEmpty || value.elementsEqual("identity".utf8) {
      self = .identity
    } else if value.elementsEqual("gzip".utf8) {
      self = .compressed(.gzip)
    } else if value.elementsEqual("deflate".utf8) {
      self = .compressed(.deflate)
    } else {
      self = .unknown(String(decoding: value, as: UTF8.self))
    }
  }
}

/// Assembles the messages of one stream from the pieces in which they arrive.
///
/// A message within one piece is returned as a slice of it; only one that's spread over several is
/// copied, once. Messages are assembled on demand, so that a paused call holds bytes and no messages.
package struct MessageAssembler {
  /// The result of `next`.
  package enum Next: Equatable {
    /// No whole message.
    case none
    case message(ByteBuffer)
    /// The stream violates the protocol or a limit and must be abandoned.
    case failure(GRPCStatus)
  }

  /// The compression of the peer; set before the first call of `next`.
  package var encoding = MessageEncoding.identity
  private let byteLimit: Int
  /// Bytes not parsed yet.
  private var pending = ByteBuffer()
  /// The message in progress: its first bytes and how many are missing; nil between messages.
  private var partial: Partial?

  private struct Partial {
    var bytes: ByteBuffer
    var missing: Int
    var isCompressed: Bool
  }

  /// - Parameter byteLimit: the most bytes that a message may have, compressed and not.
  package init(byteLimit: Int) {
    self.byteLimit = byteLimit
  }

  /// Appends a piece of the stream.
  package mutating func append(_ piece: ByteBuffer) {
    if self.pending.readableBytes == 0 {
      self.pending = piece
    } else {
      self.pending.writeImmutableBuffer(piece)
    }
  }

  /// Whether the stream ended between two messages, if it ended now.
  package var isAtBoundary: Bool {
    self.partial == nil && self.pending.readableBytes == 0
  }

  /// The next whole message.
  package mutating func next() -> Next {
    if self.partial != nil { return self.complete() }
    guard self.pending.readableBytes >= GRPCMessage.prefixByteCount,
      let (flag, length) = self.pending.readMultipleIntegers(as: (UInt8, UInt32).self)
    else { return .none }
    guard flag <= 1 else {
      return .failure(
        GRPCStatus(
          .internal, "a reply message begins with the invalid flag \(flag)", origin: .transport))
    }
    let byteCount = Int(length)
    guard byteCount <= self.byteLimit else {
      return .failure(self.tooLarge("\(byteCount) bytes long"))
    }
    if let message = self.pending.readSlice(length: byteCount) {
      if self.pending.readableBytes == 0 { self.pending = ByteBuffer() }
      return flag == 0 ? .message(message) : self.inflated(message)
    }
    var bytes = ByteBuffer()
    bytes.reserveCapacity(min(byteCount, Self.trustedByteCount))
    self.partial = Partial(bytes: bytes, missing: byteCount, isCompressed: flag == 1)
    return self.complete()
  }

  /// All bytes received since the last piece, without parsing messages: for calls that are passed
  /// through.
  package mutating func nextPiece() -> Next {
    guard self.pending.readableBytes > 0 else { return .none }
    let piece = self.pending
    self.pending = ByteBuffer()
    return .message(piece)
  }

  private mutating func complete() -> Next {
    guard var partial = self.partial.take() else { return .none }
    let count = min(partial.missing, self.pending.readableBytes)
    if var piece = self.pending.readSlice(length: count) {
      partial.bytes.writeBuffer(&piece)
      partial.missing -= count
    }
    if self.pending.readableBytes == 0 { self.pending = ByteBuffer() }
    guard partial.missing == 0 else {
      self.partial = partial
      return .none
    }
    return partial.isCompressed ? self.inflated(partial.bytes) : .message(partial.bytes)
  }

  @inline(never)
  private func inflated(_ bytes: ByteBuffer) -> Next {
    let format: CompressionFormat
    switch self.encoding {
    case .compressed(let named): format = named
    case .identity:
      return .failure(
        GRPCStatus(
          .internal, "a reply message is compressed, but grpc-encoding names no algorithm",
          origin: .transport))
    case .unknown(let name):
      // gRPC's compression.md: a client that doesn't know the server's encoding fails with INTERNAL.
      return .failure(
        GRPCStatus(
          .internal, "a reply message is compressed with \"\(name)\", not with gzip or deflate",
          origin: .transport))
    }
    do throws(CompressionError) {
      return .message(try format.inflate(bytes, limit: self.byteLimit))
    } catch {
      switch error.code {
      case .tooLarge, .ratioTooHigh: return .failure(self.tooLarge("too long when inflated"))
      case .malformed, .truncated:
        return .failure(
          GRPCStatus(.internal, "a reply message can't be inflated", origin: .transport))
      }
    }
  }

  private func tooLarge(_ found: String) -> GRPCStatus {
    GRPCStatus(
      .resourceExhausted,
      "a reply message is \(found); the limit is \(self.byteLimit) bytes", origin: .transport)
  }

  /// Memory reserved on the strength of a length prefix; beyond it the buffer grows as bytes arrive.
  private static let trustedByteCount = 1 << 20
}
