import NIOCore
import Testing

@testable import GRPCWire

@Suite struct MessageAssemblerTests {
  /// Everything that comes out when the pieces go in one by one.
  private func run(
    _ pieces: [ByteBuffer], limit: Int = 1000, encoding: MessageEncoding = .identity
  ) -> (steps: [MessageAssembler.Next], isAtBoundary: Bool) {
    var assembler = MessageAssembler(byteLimit: limit)
    assembler.encoding = encoding
    var steps: [MessageAssembler.Next] = []
    for piece in pieces {
      assembler.append(piece)
      asking: while true {
        let step = assembler.next()
        switch step {
        case .none: break asking
        case .message: steps.append(step)
        case .failure:
          steps.append(step)
          return (steps, assembler.isAtBoundary)
        }
      }
    }
    return (steps, assembler.isAtBoundary)
  }

  private func wire(_ texts: [String]) -> ByteBuffer {
    var output = ByteBuffer()
    for text in texts { GRPCMessage.write(ByteBuffer(string: text), into: &output) }
    return output
  }

  private func split(_ bytes: ByteBuffer, every size: Int) -> [ByteBuffer] {
    var bytes = bytes
    var pieces: [ByteBuffer] = []
    while bytes.readableBytes > 0 {
      if let piece = bytes.readSlice(length: min(size, bytes.readableBytes)) {
        pieces.append(piece)
      }
    }
    return pieces
  }

  @Test(
    arguments: [
      ["one"], [""], ["one", "two"], ["", "", "x", ""],
      [String(repeating: "long ", count: 100), "s"],
    ], [1, 2, 3, 4, 5, 6, 7, 11, 64, 10_000])
  func `messages come out whole`(texts: [String], size: Int) {
    let result = self.run(self.split(self.wire(texts), every: size))
    #expect(result.steps == texts.map { .message(ByteBuffer(string: $0)) })
    #expect(result.isAtBoundary)
  }

  @Test(arguments: 1..<8)
  func `a truncated stream does not end between messages`(count: Int) {
    var whole = self.wire(["abc"])
    let cut = whole.readSlice(length: count) ?? ByteBuffer()
    let result = self.run([cut])
    #expect(result.steps == [] && !result.isAtBoundary)
  }

  @Test func `pieces are kept until they're requested`() {
    var assembler = MessageAssembler(byteLimit: 100)
    let wire = self.wire(["first", "second"])
    for piece in self.split(wire, every: 4) { assembler.append(piece) }
    #expect(assembler.next() == .message(ByteBuffer(string: "first")))
    #expect(assembler.next() == .message(ByteBuffer(string: "second")))
    #expect(assembler.next() == .none)
  }

  @Test func `the limit applies before any byte of the message`() {
    var prefix = ByteBuffer()
    prefix.writeInteger(UInt8(0))
    prefix.writeInteger(UInt32(1001))
    guard case .failure(let status) = self.run([prefix]).steps.first else {
      Issue.record("no failure")
      return
    }
    #expect(status.code == .resourceExhausted && status.origin == .transport)
    #expect(status.message.contains("1001") && status.message.contains("1000"))
    let allowed = self.wire([String(repeating: "x", count: 1000)])
    #expect(self.run([allowed]).steps.count == 1)
  }

  @Test(arguments: CompressionFormat.allCases, [1, 7, 10_000])
  func `compressed messages are decompressed`(format: CompressionFormat, size: Int) {
    var wire = ByteBuffer()
    let text = ByteBuffer(string: "squeezed squeezed squeezed")
    GRPCMessage.write(format.deflate(text), isCompressed: true, into: &wire)
    GRPCMessage.write(ByteBuffer(string: "plain"), into: &wire)
    let result = self.run(self.split(wire, every: size), encoding: .compressed(format))
    #expect(result.steps == [.message(text), .message(ByteBuffer(string: "plain"))])
  }

  struct Refusal: CustomTestStringConvertible {
    var testDescription: String
    var bytes: ByteBuffer
    var encoding: MessageEncoding
    var code: GRPCStatus.Code
  }

  static let refusals = [
    Refusal(
      testDescription: "compressed without an encoding",
      bytes: GRPCMessage.framed(ByteBuffer(string: "x"), isCompressed: true), encoding: .identity,
      code: .internal),
    Refusal(
      testDescription: "compressed in an unknown way",
      bytes: GRPCMessage.framed(ByteBuffer(string: "x"), isCompressed: true),
      encoding: .unknown("snappy"), code: .internal),
    Refusal(
      testDescription: "not what the encoding says",
      bytes: GRPCMessage.framed(ByteBuffer(string: "nothing deflated"), isCompressed: true),
      encoding: .compressed(.gzip), code: .internal),
    Refusal(
      testDescription: "inflates beyond the limit",
      bytes: GRPCMessage.framed(
        CompressionFormat.gzip.deflate(ByteBuffer(repeating: 0, count: 1001)), isCompressed: true),
      encoding: .compressed(.gzip), code: .resourceExhausted),
    Refusal(
      testDescription: "a flag that isn't one", bytes: ByteBuffer(bytes: [2, 0, 0, 0, 0]),
      encoding: .identity, code: .internal),
  ]

  @Test(arguments: refusals)
  func `malformed messages are refused`(refusal: Refusal) {
    guard
      case .failure(let status) = self.run([refusal.bytes], encoding: refusal.encoding).steps.last
    else {
      Issue.record("no failure")
      return
    }
    #expect(status.code == refusal.code)
    #expect(status.origin == .transport && !status.message.isEmpty)
  }

  @Test(arguments: [
    ("gzip", MessageEncoding.compressed(.gzip)), ("deflate", .compressed(.deflate)),
    ("identity", .identity), ("", .identity), ("br", .unknown("br")), ("GZIP", .unknown("GZIP")),
  ])
  func `encodings are found by name`(name: String, encoding: MessageEncoding) {
    #expect(MessageEncoding(Array(name.utf8)) == encoding)
  }
}
