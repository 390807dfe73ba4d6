import Corpora

/// A target for the codec, as a ratio of two measurements of one run or as a rate.
struct Goal {
  enum Figure {
    /// At most this many times the time that simdjson needs to read the text.
    case withinReading(Double)
    /// At least this many times as fast as swift-protobuf.
    case fasterThanGenerated(Double)
    /// At least this many GB of JSON per second.
    case gigabytes(Double)
    /// No heap allocation.
    case noAllocation
  }

  let corpus: String
  let direction: Direction
  let figure: Figure

  static var all: [Goal] {
    let figures: [(String, Direction, Figure)] = [
      ("tensor", .encode, .withinReading(1.3)),
      ("tensor", .decode, .withinReading(1.3)),
      ("order", .encode, .fasterThanGenerated(10)),
      ("order", .encode, .withinReading(1.7)),
      ("order", .decode, .fasterThanGenerated(12)),
      ("order", .decode, .withinReading(1.7)),
      ("map", .encode, .withinReading(2)),
      ("map", .decode, .withinReading(2)),
      ("batch", .encode, .withinReading(2)),
      ("batch", .decode, .withinReading(2)),
      ("echo", .encode, .fasterThanGenerated(5)),
      ("echo", .decode, .fasterThanGenerated(5)),
      ("base64", .encode, .gigabytes(2)),
      ("base64", .decode, .gigabytes(2)),
      ("ascii", .encode, .gigabytes(1.5)),
      ("ascii", .decode, .gigabytes(1.5)),
      ("utf8", .encode, .gigabytes(1)),
      ("utf8", .decode, .gigabytes(1)),
    ]
    return figures.map { Goal(corpus: $0.0, direction: $0.1, figure: $0.2) }
  }

  /// Goals beside the measured values. Every measured corpus should allocate nothing.
  static func table(of results: [CorpusResult]) -> Table {
    var table = Table(["corpus", "direction", "wanted", "seen", "met"], words: 5)
    for result in results {
      let own =
        Self.all.filter { $0.corpus == result.corpus.name }
        + Direction.allCases.map {
          Goal(corpus: result.corpus.name, direction: $0, figure: .noAllocation)
        }
      for goal in own {
        if let row = goal.row(for: result) { table.add(row) }
      }
    }
    return table
  }

  private func row(for result: CorpusResult) -> [String]? {
    guard let bridge = result.bridge[self.direction],
      let generated = result.generated[self.direction]
    else { return nil }
    let wanted: String
    let seen: String
    let isMet: Bool
    switch self.figure {
    case .withinReading(let limit):
      let ratio = bridge.nanoseconds / result.reading.nanoseconds
      wanted = "at most \(limit) times simdjson's reading"
      seen = Numeral.ratio(ratio)
      isMet = ratio <= limit
    case .fasterThanGenerated(let limit):
      let ratio = generated.nanoseconds / bridge.nanoseconds
      wanted = "\(limit) times as fast as swift-protobuf"
      seen = Numeral.ratio(ratio)
      isMet = ratio >= limit
    case .gigabytes(let limit):
      let rate = Double(result.bytes(self.direction)) / bridge.nanoseconds
      wanted = "at least \(limit) GB/s"
      seen = Numeral.ratio(rate)
      isMet = rate >= limit
    case .noAllocation:
      wanted = "no allocation"
      seen = "\(bridge.allocations)"
      isMet = bridge.allocations == 0
    }
    return [result.corpus.name, self.direction.rawValue, wanted, seen, isMet ? "yes" : "NO"]
  }
}
