import CAllocations
import Corpora
import Testing

@testable import Codec

/// What the codec promises a process that serves: once it has seen messages of a size, it asks the
/// heap for nothing more. Counted by this program's own malloc (Tests/Support/CAllocations), which a
/// build with a sanitizer doesn't have.
@Suite(.enabled(if: CAllocations_isCounting()))
struct AllocationTests {
  static let corpora: [Corpus] = [
    .echo, .order, .tensor(of: 1_000), .base64(byteCount: 30_000), .longStringsASCII,
    .longStringsUTF8, .nested(levels: 80), .dictionary(of: 1_000), .batch(of: 100),
  ]

  @Test(arguments: Self.corpora)
  func encodingAllocatesNothing(corpus: Corpus) throws {
    let schema = try TestSchema.bench()
    let type = try #require(schema.message(named: corpus.type))
    let transcoder = Transcoder()
    let bindings = Bindings()
    let options = EncodeOptions()
    let json = corpus.json
    var sink = ByteSink()
    let count = try allocations {
      sink.removeAll()
      try transcoder.encode(
        json.span.bytes, rule: .whole, as: type, of: schema, bindings: bindings, options: options,
        into: &sink)
    }
    #expect(count == 0)
    #expect(sink.count > 0)
  }

  @Test(arguments: Self.corpora)
  func decodingAllocatesNothing(corpus: Corpus) throws {
    let schema = try TestSchema.bench()
    let type = try #require(schema.message(named: corpus.type))
    let transcoder = Transcoder()
    var wire = ByteSink()
    try transcoder.encode(
      corpus.json.span.bytes, rule: .whole, as: type, of: schema, bindings: Bindings(),
      options: EncodeOptions(), into: &wire)
    let bytes = wire.array
    let options = DecodeOptions()
    var sink = ByteSink()
    let count = try allocations {
      sink.removeAll()
      try transcoder.decode(
        bytes.span.bytes, as: type, of: schema, responseBody: nil, options: options, into: &sink)
    }
    #expect(count == 0)
    #expect(sink.count > 0)
  }

  /// The counter itself: an array of this size can't be anywhere but on the heap.
  @Test
  func allocationsAreCounted() throws {
    var kept: [UInt64] = []
    let count = try allocations { kept = [UInt64](repeating: 7, count: 1_000) }
    #expect(count >= 4)
    #expect(kept.count == 1_000)
  }
}

/// How often four repetitions of `body` ask the heap for memory, after three that warm up.
private func allocations(_ body: () throws -> Void) throws -> UInt64 {
  for _ in 0..<3 { try body() }
  let before = CAllocations_count()
  for _ in 0..<4 { try body() }
  return CAllocations_count() - before
}
