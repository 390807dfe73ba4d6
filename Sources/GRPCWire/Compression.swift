internal import CZlib
package import NIOCore

/// The compression formats of HTTP and gRPC.
package enum CompressionFormat: Sendable, CaseIterable {
  /// RFC 1952.
  case gzip
  /// RFC 1950: deflate in the zlib container (the one that RFC 9110 §8.4.1.2 specifies).
  case deflate
  /// Bare RFC 1951, which some HTTP clients send as `deflate`.
  case bareDeflate

  /// Detects the format of HTTP's `deflate` by its first byte: the zlib container begins with method
  /// 8 and a window of at most 32 KiB (RFC 1950 §2.2). A bare stream could begin so only with a
  /// stored block padded with a one, which no encoder writes.
  package static func deflate(beginning first: UInt8) -> CompressionFormat {
    first & 0x0F == 8 && first >> 4 <= 7 ? .deflate : .bareDeflate
  }

  /// zlib's `windowBits` for the container, with the largest window.
  fileprivate var windowBits: Int32 {
    switch self {
    case .gzip: 15 + 16
    case .deflate: 15
    case .bareDeflate: -15
    }
  }

  /// Inflates complete data to at most `limit` bytes.
  package func inflate(
    _ bytes: ByteBuffer, limit: Int
  ) throws(CompressionError) -> ByteBuffer {
    var inflater = Inflater(self, limit: limit)
    var input = bytes
    var output = ByteBuffer()
    try inflater.inflate(&input, into: &output)
    guard inflater.isAtEnd else { throw CompressionError(.truncated) }
    return output
  }

  /// Deflates complete data.
  ///
  /// - Parameter level: zlib's, 1 (fast) to 9 (small).
  package func deflate(_ bytes: ByteBuffer, level: Int32 = 6) -> ByteBuffer {
    var deflater = Deflater(self, level: level)
    var input = bytes
    var output = ByteBuffer()
    deflater.deflate(&input, into: &output, finishes: true)
    return output
  }
}

/// The reason that data can't be inflated.
package struct CompressionError: Error, Sendable, Equatable {
  package enum Code: Sendable {
    /// Invalid data, or bytes after its end.
    case malformed
    /// It ended early.
    case truncated
    /// The output exceeds the limit. Stops small input from filling memory.
    case tooLarge
    /// The output is too many times the size of the input. Stops the same attack long before the
    /// limit.
    case ratioTooHigh
  }

  package var code: Code

  package init(_ code: Code) {
    self.code = code
  }
}

/// Inflates data in pieces, up to a limit.
@safe
package struct Inflater: ~Copyable {
  /// On the heap, because zlib keeps a pointer back to it.
  private let stream: UnsafeMutablePointer<z_stream>
  private let format: CompressionFormat
  /// The most bytes of output.
  private let limit: Int
  /// The most bytes of output per byte of input.
  private let ratioLimit: Int
  private var consumed = 0
  private var produced = 0
  /// Whether the data is complete so far (RFC 1952 §2.2 allows further members in gzip).
  package private(set) var isAtEnd = false

  /// Output that's allowed regardless of the ratio, in bytes: a few repeated lines are no attack.
  package static let freeByteCount = 64 << 10

  /// - Parameters:
  ///   - limit: the most bytes of output for all pieces together.
  ///   - ratioLimit: the largest ratio of output to input, beyond `freeByteCount`.
  package init(_ format: CompressionFormat, limit: Int, ratioLimit: Int = .max) {
    self.format = format
    self.limit = limit
    self.ratioLimit = ratioLimit
    unsafe self.stream = .allocate(capacity: 1)
    unsafe self.stream.initialize(to: z_stream())
    // Z_MEM_ERROR only: the version and the arguments are ours.
    let result = unsafe CZlib_inflateInit2(self.stream, format.windowBits)
    precondition(result == Z_OK, "no memory for zlib")
  }

  deinit {
    unsafe inflateEnd(self.stream)
    unsafe self.stream.deallocate()
  }

  /// Reads all of `input` and appends the result to `output`.
  package mutating func inflate(
    _ input: inout ByteBuffer, into output: inout ByteBuffer
  ) throws(CompressionError) {
    var mayHoldMore = false
    while input.readableBytes > 0 || mayHoldMore {
      if self.isAtEnd {
        guard self.format == .gzip else { throw CompressionError(.malformed) }
        _ = unsafe inflateReset(self.stream)
        self.isAtEnd = false
      }
      let room = min(self.limit - self.produced + 1, Self.pieceBytes)
      let result = self.step(&input, &output, room)
      guard self.produced <= self.limit else { throw CompressionError(.tooLarge) }
      guard
        self.produced <= Self.freeByteCount
          || (self.produced - 1) / max(1, self.consumed) < self.ratioLimit
      else { throw CompressionError(.ratioTooHigh) }
      switch result {
      case Z_OK, Z_BUF_ERROR:
        mayHoldMore = unsafe self.stream.pointee.avail_out == 0
      case Z_STREAM_END:
        self.isAtEnd = true
        mayHoldMore = false
      default:
        // Z_DATA_ERROR, Z_NEED_DICT; Z_MEM_ERROR ends the call as well.
        throw CompressionError(.malformed)
      }
    }
  }

  private mutating func step(
    _ input: inout ByteBuffer, _ output: inout ByteBuffer, _ room: Int
  ) -> Int32 {
    let stream = unsafe self.stream
    var result = Z_OK
    let inputBefore = input.readableBytes
    let outputBefore = output.readableBytes
    unsafe input.readWithUnsafeReadableBytes { source in
      unsafe output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
        unsafe stream.setInput(source)
        unsafe stream.setOutput(target, limit: room)
        result = unsafe CZlib.inflate(stream, Z_NO_FLUSH)
        return unsafe room - Int(stream.pointee.avail_out)
      }
      return unsafe source.count - Int(stream.pointee.avail_in)
    }
    self.consumed += inputBefore - input.readableBytes
    self.produced += output.readableBytes - outputBefore
    return result
  }

  /// The size of the pieces of output, in bytes.
  private static let pieceBytes = 16 << 10
}

/// Deflates data in pieces.
@safe
package struct Deflater: ~Copyable {
  /// On the heap, because zlib keeps a pointer back to it.
  private let stream: UnsafeMutablePointer<z_stream>

  /// - Parameter level: zlib's, 1 (fast) to 9 (small).
  package init(_ format: CompressionFormat, level: Int32 = 6) {
    unsafe self.stream = .allocate(capacity: 1)
    unsafe self.stream.initialize(to: z_stream())
    // Z_MEM_ERROR only: the version and the arguments are ours.
    let result = unsafe CZlib_deflateInit2(self.stream, level, format.windowBits)
    precondition(result == Z_OK, "no memory for zlib")
  }

  deinit {
    unsafe deflateEnd(self.stream)
    unsafe self.stream.deallocate()
  }

  /// Reads all of `input` and appends the result to `output`; `finishes` ends the data. Without it,
  /// the peer can inflate everything read so far (Z_SYNC_FLUSH).
  package mutating func deflate(
    _ input: inout ByteBuffer, into output: inout ByteBuffer, finishes: Bool
  ) {
    let stream = unsafe self.stream
    let flush = finishes ? Z_FINISH : Z_SYNC_FLUSH
    var isFull = true
    while isFull {
      unsafe input.readWithUnsafeReadableBytes { source in
        unsafe output.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.pieceBytes) { target in
          unsafe stream.setInput(source)
          unsafe stream.setOutput(target, limit: Self.pieceBytes)
          // Z_OK, Z_STREAM_END, or Z_BUF_ERROR when there was nothing to do.
          _ = unsafe CZlib.deflate(stream, flush)
          return unsafe Self.pieceBytes - Int(stream.pointee.avail_out)
        }
        return unsafe source.count - Int(stream.pointee.avail_in)
      }
      isFull = unsafe stream.pointee.avail_out == 0
    }
  }

  /// The size of the pieces of output, in bytes.
  private static let pieceBytes = 16 << 10
}

extension UnsafeMutablePointer<z_stream> {
  fileprivate func setInput(_ source: UnsafeRawBufferPointer) {
    let base = unsafe source.bindMemory(to: UInt8.self).baseAddress
    unsafe self.pointee.next_in = UnsafeMutablePointer<UInt8>(mutating: base)
    unsafe self.pointee.avail_in = UInt32(clamping: source.count)
  }

  fileprivate func setOutput(_ target: UnsafeMutableRawBufferPointer, limit: Int) {
    unsafe self.pointee.next_out = target.bindMemory(to: UInt8.self).baseAddress
    unsafe self.pointee.avail_out = UInt32(clamping: limit)
  }
}
