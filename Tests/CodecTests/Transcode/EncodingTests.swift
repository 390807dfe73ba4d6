import Testing

@testable import Codec

/// Bodies that aren't plain UTF-8.
@Suite("Encodings of JSON")
struct EncodingTests {
  private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

  private static func encode(
    _ bytes: [UInt8], rule: BodyRule = .whole
  ) throws -> String {
    var sink = ByteSink()
    try Transcoder().encode(
      bytes.span.bytes, rule: rule, as: try TestSchema.type("bridge.test.Everything"),
      of: TestSchema.shared, bindings: Bindings(), options: EncodeOptions(), into: &sink)
    return hex(sink.array)
  }

  @Test func `a byte order mark before any body is skipped`() throws {
    #expect(try Self.encode(Self.mark + Array(#"{"aInt32":1}"#.utf8)) == "20 01")
    #expect(try Self.encode(Self.mark + Array(" \n{}".utf8)) == "")
    #expect(try Self.encode(Self.mark) == "")
    #expect(try Self.encode(Self.mark, rule: .none) == "")
    let type = try TestSchema.type("bridge.test.Everything")
    let field = try TestSchema.shared.fieldPath("a_int32", in: type)
    #expect(try Self.encode(Self.mark + Array("1".utf8), rule: .field(field)) == "20 01")
  }

  @Test(arguments: [
    [0x20] + mark + Array("{}".utf8), mark + mark + Array("{}".utf8), [0xEF], [0xEF, 0xBB],
    Array("{}".utf8) + mark,
  ])
  func `a mark anywhere else, or part of one, is invalid JSON`(bytes: [UInt8]) {
    #expect(throws: CodecError.self) { try Self.encode(bytes) }
  }

  @Test(
    arguments: [
      ([0xFF, 0xFE, 0x7B, 0, 0x7D, 0], "UTF-16 (little-endian)"),
      ([0x7B, 0, 0x7D, 0], "UTF-16 (little-endian)"),
      ([0xFE, 0xFF, 0, 0x7B, 0, 0x7D], "UTF-16 (big-endian)"),
      ([0, 0x7B, 0, 0x7D], "UTF-16 (big-endian)"),
      ([0xFF, 0xFE, 0, 0, 0x7B, 0, 0, 0, 0x7D, 0, 0, 0], "UTF-32 (little-endian)"),
      ([0x7B, 0, 0, 0, 0x7D, 0, 0, 0], "UTF-32 (little-endian)"),
      ([0, 0, 0xFE, 0xFF, 0, 0, 0, 0x7B, 0, 0, 0, 0x7D], "UTF-32 (big-endian)"),
      ([0, 0, 0, 0x7B, 0, 0, 0, 0x7D], "UTF-32 (big-endian)"),
    ] as [([UInt8], String)])
  func `the error for a body in another encoding names it`(bytes: [UInt8], name: String) throws {
    let error = try #require(throws: CodecError.self) { _ = try Self.encode(bytes) }
    #expect(error.code == .malformedJSON)
    #expect(error.reason.contains("the body is \(name)"), "\(error)")
  }
}
