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
  func `encoding allocates nothing`(corpus: Corpus) throws {
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
  func `decoding allocates nothing`(corpus: Corpus) throws {
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

  @Test func `path, query and a field as the body allocate nothing either`() throws {
    let schema = TestSchema.shared
    let type = try TestSchema.type("bridge.test.Everything")
    let transcoder = Transcoder()
    let variables = [
      (try schema.pathVariable("a_message.text", in: type), Array("a name of some length".utf8)),
      (try schema.pathVariable("a_int32", in: type), Array("-7".utf8)),
    ]
    let parameters = [
      ("manyInt32", "1"), ("manyInt32", "2"), ("aDouble", "0.1e-200"), ("a_color", "COLOR_RED"),
      ("timestamp", "1970-01-01T00:00:01Z"), ("fieldMask", "a,bC"), ("aBytes", "AQI"),
      ("boxedInt64", "9007199254740993"), ("aFloat", "NaN"), ("aString", "long enough for a heap"),
      ("byString[a key of some length]", "and its value"), ("byInt32[7]", "x"),
      ("toTimestamp[x]", "1970-01-01T00:00:01Z"),
    ].map { (Array($0.utf8), Array($1.utf8)) }
    let body = Array(#"{"child":{"number":"9"}}"#.utf8)
    let rule = BodyRule.field(try schema.fieldPath("a_message.child", in: type))
    var bindings = Bindings()
    var sink = ByteSink()
    let count = try allocations {
      sink.removeAll()
      bindings.removeAll()
      // By index: without optimisation an array's iterator allocates.
      for index in 0..<variables.count {
        let (field, value) = variables[index]
        bindings.addVariable(field, value: value.span.bytes)
      }
      for index in 0..<parameters.count {
        let (name, value) = parameters[index]
        bindings.addParameter(name: name.span.bytes, value: value.span.bytes)
      }
      try transcoder.encode(
        body.span.bytes, rule: rule, as: type, of: schema, bindings: bindings,
        options: EncodeOptions(), into: &sink)
    }
    #expect(count == 0)
    #expect(sink.count > 100)
  }

  /// The counter itself: an array of this size can't be anywhere but on the heap.
  @Test func `allocations are counted`() throws {
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
