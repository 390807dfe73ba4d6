import NIOCore
import Testing

@testable import BridgeProxy

@Suite struct CompressionTests {
  private static let texts = [
    ByteBuffer(), ByteBuffer(string: "a"), ByteBuffer(repeating: 7, count: 300_000),
    ByteBuffer(bytes: (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }),
  ]

  @Test(arguments: CompressionFormat.allCases, texts)
  func whatWasDeflatedInflates(format: CompressionFormat, text: ByteBuffer) throws {
    let deflated = format.deflate(text)
    #expect(try format.inflate(deflated, limit: text.readableBytes) == text)
  }

  @Test(arguments: CompressionFormat.allCases)
  func piecesOfOneByteInflateToo(format: CompressionFormat) throws {
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
  func aTextOverTheLimitIsRefusedBeforeItUnfolds(format: CompressionFormat) {
    let bomb = format.deflate(ByteBuffer(repeating: 0, count: 50 << 20))
    #expect(throws: CompressionError(.tooLarge)) { try format.inflate(bomb, limit: 1 << 20) }
    let exact = format.deflate(ByteBuffer(repeating: 0, count: 1000))
    #expect(throws: CompressionError(.tooLarge)) { try format.inflate(exact, limit: 999) }
  }

  @Test(arguments: CompressionFormat.allCases)
  func aTextCutOffIsTruncated(format: CompressionFormat) {
    var whole = format.deflate(ByteBuffer(string: "some text"))
    let cut = whole.readSlice(length: whole.readableBytes - 1) ?? ByteBuffer()
    #expect(throws: CompressionError(.truncated)) { try format.inflate(cut, limit: 100) }
    #expect(throws: CompressionError(.truncated)) { try format.inflate(ByteBuffer(), limit: 100) }
  }

  @Test(arguments: CompressionFormat.allCases)
  func whatIsNotDeflatedIsMalformed(format: CompressionFormat) {
    #expect(throws: CompressionError(.malformed)) {
      try format.inflate(ByteBuffer(string: "plain text, no doubt"), limit: 100)
    }
  }

  @Test func bytesBehindTheEnd() throws {
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

  @Test func piecesFlushedCanBeReadBeforeTheEnd() throws {
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
