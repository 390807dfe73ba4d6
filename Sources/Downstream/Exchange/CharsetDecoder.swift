internal import GRPCWire
internal import Glibc
internal import NIOCore

/// Transcodes the text of one body to UTF-8 as its parts arrive.
///
/// A part may end within a character: the incomplete bytes are kept for the next part. UTF-8 takes at
/// most three times the bytes of any known charset, so the body limit bounds the output too.
///
/// A class, because the exchange that owns it is copied and the state of `iconv` can't be.
final class CharsetDecoder {
  private let charset: BodyCharset
  /// The first bytes of a character; or of UTF-16 text, until its byte order is known.
  private var pending: [UInt8] = []
  /// For UTF-16, once it's known.
  private var isBigEndian: Bool?
  private var hasText = false
  private var converter: GB18030Converter?

  /// - Parameter charset: a known one.
  /// - Throws: if the system has no converter for it.
  init(_ charset: BodyCharset) throws(RequestError) {
    precondition(charset != .unknown, "an unknown charset")
    self.charset = charset
    switch charset {
    case .utf16LittleEndian: self.isBigEndian = false
    case .utf16BigEndian: self.isBigEndian = true
    case .gb18030:
      guard let converter = GB18030Converter() else {
        throw RequestError(
          .invalidArgument, http: 415, .unsupportedContentType,
          "the body's charset is GB18030, and this system's C library has no converter for it "
            + "(gconv); send UTF-8")
      }
      self.converter = converter
    case .utf8, .latin1, .windows1252, .utf16, .unknown: break
    }
  }

  /// Reads a part.
  ///
  /// - Parameter isLast: whether no other part follows.
  /// - Returns: UTF-8.
  func decode(_ part: ByteBuffer, isLast: Bool) throws(RequestError) -> ByteBuffer {
    switch self.charset {
    case .utf8, .unknown:
      return part
    case .latin1:
      return Self.mapped(part) { Unicode.Scalar($0) }
    case .windows1252:
      return Self.mapped(part) { byte in
        guard (0x80..<0xA0).contains(byte) else { return Unicode.Scalar(byte) }
        let value = Self.windows[Int(byte) - 0x80]
        return value == 0 ? Unicode.Scalar(byte) : Unicode.Scalar(value) ?? Unicode.Scalar(byte)
      }
    case .utf16, .utf16LittleEndian, .utf16BigEndian:
      return try self.decodeUTF16(part, isLast: isLast)
    case .gb18030:
      return try self.decodeGB18030(part, isLast: isLast)
    }
  }

  // MARK: Single bytes

  private static func mapped(
    _ part: ByteBuffer, _ scalar: (UInt8) -> Unicode.Scalar
  ) -> ByteBuffer {
    var output: [UInt8] = []
    output.reserveCapacity(part.readableBytes + part.readableBytes / 8)
    for byte in part.readableBytesView {
      if byte < 0x80 {
        output.append(byte)
      } else {
        output.append(contentsOf: UTF8.encode(scalar(byte)) ?? UTF8.encodedReplacementCharacter)
      }
    }
    return ByteBuffer(bytes: output)
  }

  /// 0x80 to 0x9F, by the WHATWG's index of windows-1252; 0 for the five that map to control
  /// characters.
  private static let windows: [UInt32] = [
    0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039,
    0x0152, 0, 0x017D, 0, 0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122,
    0x0161, 0x203A, 0x0153, 0, 0x017E, 0x0178,
  ]

  // MARK: UTF-16

  private func decodeUTF16(_ part: ByteBuffer, isLast: Bool) throws(RequestError) -> ByteBuffer {
    var bytes = self.pending + part.readableBytesView
    self.pending = []
    if self.isBigEndian == nil {
      guard bytes.count >= 2 || isLast else {
        self.pending = bytes
        return ByteBuffer()
      }
      self.isBigEndian = Self.isBigEndian(bytes)
    }
    let isBigEndian = self.isBigEndian ?? true
    var units: [UInt16] = []
    units.reserveCapacity(bytes.count / 2)
    for index in stride(from: 0, to: bytes.count - 1, by: 2) {
      let high = UInt16(bytes[isBigEndian ? index : index + 1])
      units.append(high << 8 | UInt16(bytes[isBigEndian ? index + 1 : index]))
    }
    bytes.removeFirst(units.count * 2)
    if !isLast, let last = units.last, UTF16.isLeadSurrogate(last) {
      units.removeLast()
      bytes = [UInt8(truncatingIfNeeded: last >> 8), UInt8(truncatingIfNeeded: last)] + bytes
      if !isBigEndian { bytes.swapAt(0, 1) }
    }
    guard bytes.isEmpty || !isLast else { throw self.damaged }
    self.pending = bytes
    var output: [UInt8] = []
    output.reserveCapacity(units.count * 2)
    // The byte order mark isn't text; it has no other use in JSON text.
    let text = !self.hasText && units.first == 0xFEFF ? units.dropFirst() : units[...]
    self.hasText = self.hasText || !units.isEmpty
    let isDamaged = transcode(
      text.makeIterator(), from: UTF16.self, to: UTF8.self, stoppingOnError: true
    ) { output.append($0) }
    guard !isDamaged else { throw self.damaged }
    return ByteBuffer(bytes: output)
  }

  /// By the byte order mark; without one by the zero byte of the first character, which is ASCII in
  /// JSON; else by RFC 2781 §4.3.
  private static func isBigEndian(_ bytes: [UInt8]) -> Bool {
    guard bytes.count >= 2 else { return true }
    if bytes[0] == 0xFF, bytes[1] == 0xFE { return false }
    return bytes[1] != 0 || bytes[0] == 0
  }

  // MARK: GB 18030

  private func decodeGB18030(_ part: ByteBuffer, isLast: Bool) throws(RequestError) -> ByteBuffer {
    let bytes = self.pending + part.readableBytesView
    guard let converter = self.converter, let (output, count) = converter.convert(bytes) else {
      throw self.damaged
    }
    self.pending = Array(bytes[count...])
    guard self.pending.isEmpty || !isLast else { throw self.damaged }
    return ByteBuffer(bytes: output)
  }

  private var damaged: RequestError {
    RequestError(
      .invalidArgument, .invalidMessage,
      "the body isn't valid text in the charset of its Content-Type")
  }
}

/// The C library's `iconv`, from GB 18030 to UTF-8.
@safe
private final class GB18030Converter {
  private let descriptor: iconv_t

  /// Nil if the library has no such converter.
  init?() {
    guard let descriptor = unsafe iconv_open("UTF-8", "GB18030"),
      Int(bitPattern: descriptor) != -1
    else { return nil }
    unsafe self.descriptor = descriptor
  }

  deinit {
    _ = unsafe iconv_close(self.descriptor)
  }

  /// Converts all complete characters.
  ///
  /// - Returns: UTF-8, and how many bytes were consumed; nil if the text is malformed.
  func convert(_ bytes: [UInt8]) -> (output: [UInt8], count: Int)? {
    var bytes = bytes
    // A two-byte character becomes three bytes, a four-byte one four.
    var output = [UInt8](repeating: 0, count: bytes.count * 3 / 2 + 8)
    var inputLeft = bytes.count
    var outputLeft = output.count
    var failure: Int32 = 0
    unsafe bytes.withUnsafeMutableBytes { input in
      unsafe output.withUnsafeMutableBytes { target in
        var from = unsafe input.baseAddress?.assumingMemoryBound(to: CChar.self)
        var to = unsafe target.baseAddress?.assumingMemoryBound(to: CChar.self)
        if unsafe iconv(self.descriptor, &from, &inputLeft, &to, &outputLeft) == .max {
          failure = errno
        }
      }
    }
    // EINVAL: the text ends within a character.
    guard failure == 0 || failure == EINVAL else { return nil }
    output.removeLast(outputLeft)
    return (output, bytes.count - inputLeft)
  }
}
