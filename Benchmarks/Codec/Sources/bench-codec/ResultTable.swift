import Corpora

extension Table {
  /// A row for each corpus and direction, the three contestants side by side.
  init(_ results: [CorpusResult]) {
    self.init(
      [
        "corpus", "direction", "bytes of JSON", "codec ns", "MB/s", "ns/number", "allocs",
        "swift-protobuf ns", "MB/s", "ns/number", "allocs", "simdjson ns", "MB/s", "ns/number",
        "swift-protobuf : codec", "codec : simdjson",
      ], words: 2)
    for result in results {
      for direction in Direction.allCases { self.add(Self.row(result, direction)) }
    }
  }

  private static func row(_ result: CorpusResult, _ direction: Direction) -> [String] {
    let bytes = result.bytes(direction)
    func speed(_ measurement: Measurement, _ bytes: Int) -> [String] {
      [
        Numeral.number(measurement.nanoseconds),
        Numeral.number(Double(bytes) / measurement.nanoseconds * 1000),
        result.corpus.numbers.map { Numeral.number(measurement.nanoseconds / Double($0)) } ?? "",
      ]
    }
    guard let bridge = result.bridge[direction], let generated = result.generated[direction] else {
      return []
    }
    return [result.corpus.name, direction.rawValue, Numeral.grouped(bytes)]
      + speed(bridge, bytes) + [Numeral.count(bridge.allocations)]
      + speed(generated, bytes) + [Numeral.count(generated.allocations)]
      + speed(result.reading, result.encodeBytes)
      + [
        Numeral.ratio(generated.nanoseconds / bridge.nanoseconds),
        Numeral.ratio(bridge.nanoseconds / result.reading.nanoseconds),
      ]
  }
}
