import Codec
import Corpora

/// The two directions.
enum Direction: String, CaseIterable {
  case encode = "JSON → wire"
  case decode = "wire → JSON"
}

/// The measurements of one corpus.
struct CorpusResult {
  let corpus: Corpus
  /// Bytes of JSON in and out: a client may write a number differently from the codec.
  let encodeBytes: Int
  let decodeBytes: Int
  let bridge: [Direction: Measurement]
  let generated: [Direction: Measurement]
  let reading: Measurement

  /// Measures a corpus, after comparing the codec's results with swift-protobuf's.
  static func measure(_ corpus: Corpus, schema: Schema, contest: Contest) throws -> Self {
    guard let type = schema.message(named: corpus.type), let generated = Generated(corpus.type)
    else { throw BenchError.unknownType(corpus.type) }
    let bridge = try Bridge(corpus.json, as: type, of: schema)
    let reader = Reader(corpus.json)
    let json = corpus.json
    let wire = bridge.wire
    let decoded = bridge.decoded
    guard try generated.agree(json, decoded, wire) else {
      throw BenchError.disagreement(corpus.name)
    }
    let results = try contest.measure([
      Contender { try bridge.encode($0) },
      Contender { try generated.encode(json, $0) },
      Contender { try reader.read($0) },
      Contender { try bridge.decode($0) },
      Contender { try generated.decode(wire, $0) },
    ])
    return CorpusResult(
      corpus: corpus, encodeBytes: json.count, decodeBytes: decoded.count,
      bridge: [.encode: results[0], .decode: results[3]],
      generated: [.encode: results[1], .decode: results[4]], reading: results[2])
  }

  func bytes(_ direction: Direction) -> Int {
    direction == .encode ? self.encodeBytes : self.decodeBytes
  }
}
