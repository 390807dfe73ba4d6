import Codec
import Corpora

/// Scaling of the cost: the cost per byte should not depend on the size of a text, and the number
/// of fields of a message type shouldn't matter to a message that sets ten of them.
struct Linearity {
  let schema: Schema
  let contest: Contest

  /// 1 KB, 4 KB, … 16 MB.
  private static let sizes = (0...7).map { 1_024 << (2 * $0) }
  private static let fieldCounts = [10, 30, 100, 300, 1_000]

  // MARK: Sizes

  /// ns per KB of JSON for texts of growing size, one row for each kind and direction, and one for
  /// simdjson's reading: growth there as well is due to the machine (caches, and branch predictors
  /// that memorize a short text), not to the codec.
  func sizeTable() throws -> Table {
    var table = Table(
      ["corpus", "direction"] + Self.sizes.map { "\(Self.name($0)), ns/KB" } + ["last : best"],
      words: 2)
    let kinds: [(make: (Int) -> Corpus, name: String)] = [
      ({ .batch(of: $0) }, "batch"), ({ .dictionary(of: $0) }, "map"),
      ({ .tensor(of: $0) }, "tensor"), ({ .base64(byteCount: $0) }, "base64"),
    ]
    for kind in kinds {
      let bridges = try Self.sizes.map { size in
        try self.bridge(Self.corpus(kind.make, byteCount: size))
      }
      let readers = bridges.map { Reader($0.json) }
      let reading = try self.contest.measure(
        readers.map { reader in Contender { try reader.read($0) } })
      let results = try self.measure(bridges)
      for direction in Direction.allCases {
        let costs = zip(bridges, results[direction] ?? []).map { bridge, measurement in
          let bytes = direction == .encode ? bridge.json.count : bridge.decoded.count
          return measurement.nanoseconds / Double(bytes) * 1_024
        }
        table.add([kind.name, direction.rawValue] + Self.cells(costs))
      }
      let costs = zip(bridges, reading).map { bridge, measurement in
        measurement.nanoseconds / Double(bridge.json.count) * 1_024
      }
      table.add([kind.name, "simdjson's reading"] + Self.cells(costs))
    }
    return table
  }

  /// A corpus of about this many bytes.
  private static func corpus(_ make: (Int) -> Corpus, byteCount: Int) -> Corpus {
    let sample = make(999)
    return make(max(3, byteCount * 999 / sample.json.count))
  }

  private static func name(_ size: Int) -> String {
    size < 1 << 20 ? "\(size >> 10) KB" : "\(size >> 20) MB"
  }

  // MARK: Fields

  /// ns per message for types of growing numbers of fields.
  func fieldTable() throws -> Table {
    var table = Table(
      ["ten fields set", "direction"] + Self.fieldCounts.map { "of \($0), ns" } + ["last : best"],
      words: 2)
    for order in WideMessages.Order.allCases {
      let bridges = try Self.fieldCounts.map { count in
        let wide = WideMessages(fieldCount: count)
        let schema = try wide.schema()
        return try Bridge(wide.json(order), as: wide.type(in: schema), of: schema)
      }
      let results = try self.measure(bridges)
      for direction in Direction.allCases {
        let costs = (results[direction] ?? []).map(\.nanoseconds)
        table.add([order.rawValue, direction.rawValue] + Self.cells(costs))
      }
    }
    return table
  }

  // MARK: Common

  private func bridge(_ corpus: Corpus) throws -> Bridge {
    guard let type = self.schema.message(named: corpus.type) else {
      throw BenchError.unknownType(corpus.type)
    }
    return try Bridge(corpus.json, as: type, of: self.schema)
  }

  /// Measures all of them against each other, in both directions.
  private func measure(_ bridges: [Bridge]) throws -> [Direction: [Measurement]] {
    let results = try self.contest.measure(
      bridges.map { bridge in Contender { try bridge.encode($0) } }
        + bridges.map { bridge in Contender { try bridge.decode($0) } })
    return [
      .encode: Array(results[..<bridges.count]), .decode: Array(results[bridges.count...]),
    ]
  }

  /// The costs, and the ratio of the last to the cheapest.
  private static func cells(_ costs: [Double]) -> [String] {
    guard let last = costs.last, let best = costs.min() else { return [] }
    return costs.map(Numeral.number) + [Numeral.ratio(last / best)]
  }
}
