import NIOCore
import Testing

@testable import GRPCWire

@Suite struct CompressionTests {
  private static let texts = [
    ByteBuffer(), ByteBuffer(string: "a"), ByteBuffer(repeating: 7, count: 300_000),
    ByteBuffer(bytes: (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }),
  ]

  @Test(arguments: CompressionFormat.allCases, texts)
  func `compressed text is decompressed`(format: CompressionFormat, text: ByteBuffer) throws {
    let deflated = format.deflate(text)
    #expect(try format.inflate(deflated, limit: text.readableBytes) == text)
  }

  @Test(arguments: CompressionFormat.allCases)
  func `pieces of one byte are decompressed, too`(format: CompressionFormat) throws {
    let text = ByteBuffer(string: "to be inflated, to be inflated")
    var inflater = Inflater(format, limit: 100)
    var output = ByteBuffer()
    for byte in format.deflate(text).readableBytesView {
      let wasAtEnd = inflater.isAtEnd
      #expect(!wasAtEnd)
      var piece = ByteBuffer(bytes: [byte])
      try inflater.inflate(&piece, into: &output)
    }
    let isAtEnd = inflater.isAtEnd
    #expect(isAtEnd)
    #expect(output == text)
  }

  @Test(arguments: CompressionFormat.allCases)
  func `text over the limit is refused before it's decompressed`(format: CompressionFormat) {
    let bomb = format.deflate(ByteBuffer(repeating: 0, count: 50 << 20))
    #expect(throws: CompressionError(.tooLarge)) { try format.inflate(bomb, limit: 1 << 20) }
    let exact = format.deflate(ByteBuffer(repeating: 0, count: 1000))
    #expect(throws: CompressionError(.tooLarge)) { try format.inflate(exact, limit: 999) }
  }

  @Test(arguments: CompressionFormat.allCases)
  func `incomplete compressed text is truncated`(format: CompressionFormat) {
    var whole = format.deflate(ByteBuffer(string: "some text"))
    let cut = whole.readSlice(length: whole.readableBytes - 1) ?? ByteBuffer()
    #expect(throws: CompressionError(.truncated)) { try format.inflate(cut, limit: 100) }
    #expect(throws: CompressionError(.truncated)) { try format.inflate(ByteBuffer(), limit: 100) }
  }

  @Test(arguments: CompressionFormat.allCases)
  func `data that isn't compressed is malformed`(format: CompressionFormat) {
    #expect(throws: CompressionError(.malformed)) {
      try format.inflate(ByteBuffer(string: "plain text, no doubt"), limit: 100)
    }
  }

  @Test(arguments: CompressionFormat.allCases)
  func `text that expands too much for its size is refused`(format: CompressionFormat) throws {
    func inflate(_ count: Int, ratio: Int) throws -> Int {
      var inflater = Inflater(format, limit: 1 << 30, ratioLimit: ratio)
      var input = format.deflate(ByteBuffer(repeating: 0, count: count))
      var output = ByteBuffer()
      try inflater.inflate(&input, into: &output)
      return output.readableBytes
    }
    #expect(throws: CompressionError(.ratioTooHigh)) { try inflate(1 << 20, ratio: 200) }
    #expect(try inflate(1 << 20, ratio: 1100) == 1 << 20)
    // A short text may: it can't do harm.
    #expect(try inflate(Inflater.freeByteCount, ratio: 1) == Inflater.freeByteCount)
    #expect(throws: CompressionError(.ratioTooHigh)) {
      try inflate(Inflater.freeByteCount + 1, ratio: 1)
    }
  }

  @Test func `the first byte distinguishes the forms of deflate`() {
    for text in Self.texts {
      for format in [CompressionFormat.deflate, .bareDeflate] {
        let first = format.deflate(text).readableBytesView.first ?? 0
        #expect(CompressionFormat.deflate(beginning: first) == format)
      }
    }
    // Windows of 256 bytes and 32 KiB; a window that there isn't; another method.
    #expect(CompressionFormat.deflate(beginning: 0x08) == .deflate)
    #expect(CompressionFormat.deflate(beginning: 0x78) == .deflate)
    #expect(CompressionFormat.deflate(beginning: 0x88) == .bareDeflate)
    #expect(CompressionFormat.deflate(beginning: 0x7B) == .bareDeflate)
  }

  @Test func `bytes after the end are an error`() throws {
    let text = ByteBuffer(string: "x")
    var twice = CompressionFormat.gzip.deflate(text)
    twice.writeImmutableBuffer(twice)
    // RFC 1952 §2.2: a gzip file is a series of members.
    #expect(try CompressionFormat.gzip.inflate(twice, limit: 10) == ByteBuffer(string: "xx"))
    var trailed = CompressionFormat.deflate.deflate(text)
    trailed.writeString("more")
    #expect(throws: CompressionError(.malformed)) {
      try CompressionFormat.deflate.inflate(trailed, limit: 10)
    }
  }

  @Test func `flushed pieces can be decompressed before the end`() throws {
    var deflater = Deflater(.gzip)
    var inflater = Inflater(.gzip, limit: 100)
    var output = ByteBuffer()
    for (text, isLast) in [("first ", false), ("second", true)] {
      var input = ByteBuffer(string: text)
      var wire = ByteBuffer()
      deflater.deflate(&input, into: &wire, finishes: isLast)
      try inflater.inflate(&wire, into: &output)
      #expect(String(buffer: output).hasSuffix(text))
    }
    let isAtEnd = inflater.isAtEnd
    #expect(isAtEnd && String(buffer: output) == "first second")
  }
}
