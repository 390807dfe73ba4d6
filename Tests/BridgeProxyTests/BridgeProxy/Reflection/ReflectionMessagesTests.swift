import Testing

@testable import BridgeProxy

@Suite struct ReflectionMessagesTests {
  @Test(
    arguments: [
      (ReflectionRequest.listServices, [0x3A, 1, 0x2A]),
      (.file(named: "a.proto"), [0x1A, 7] + Array("a.proto".utf8)),
      (.fileContaining(symbol: "a.B"), [0x22, 3] + Array("a.B".utf8)),
      (
        .fileContaining(symbol: String(repeating: "x", count: 300)),
        [0x22, 0xAC, 0x02] + Array(repeating: UInt8(ascii: "x"), count: 300)
      ),
    ] as [(ReflectionRequest, [UInt8])])
  func `requests are encoded as the published schema defines`(
    _ request: ReflectionRequest, _ bytes: [UInt8]
  ) {
    #expect(request.bytes == bytes)
    #expect(ReflectionRequest(bytes, in: bytes.indices) == request)
  }

  @Test func `responses are decoded, and unknown fields skipped`() throws {
    let list = try ReflectionResponse(ReflectionReplies.services("a.B", "c.D") + [0x0A, 1, 0x41])
    #expect(list.content == .services(["a.B", "c.D"]) && list.request == nil)
    let question = ReflectionRequest.fileContaining(symbol: "a.B")
    let schema = TestSchema(methods: [])
    let files = try ReflectionResponse(ReflectionReplies.files(schema, to: question))
    #expect(files.content == .files([schema.fileBytes]) && files.request == question)
    let error = try ReflectionResponse(ReflectionReplies.error(5, "no"))
    #expect(error.content == .error(code: 5, message: "no"))
    #expect(try ReflectionResponse([]).content == .other)
    #expect(try ReflectionResponse([0x2A, 0]).content == .other, "extension numbers")
  }

  @Test(
    arguments: [[0xFF], [0x22, 5, 0], [0x22, 2, 0x0A, 9], [0x07], [0x3A, 2, 0x12, 0xFF]]
      as [[UInt8]])
  func `malformed messages are refused`(_ bytes: [UInt8]) {
    #expect(throws: (any Error).self) { try ReflectionResponse(bytes) }
  }

  @Test func `a response of countless empty files is refused`() {
    let entries = Array(repeating: [0x0A, 0] as [UInt8], count: 30_000).flatMap(\.self)
    var writer = WireWriter()
    writer.block(4, entries)
    #expect(throws: (any Error).self) { try ReflectionResponse(writer.bytes) }
  }
}
