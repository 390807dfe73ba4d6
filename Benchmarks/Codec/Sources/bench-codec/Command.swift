import ArgumentParser
import Codec
import Corpora
import Glibc

/// Compares the codec with swift-protobuf and simdjson over the same texts in one run.
@main
struct Command: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-codec",
    abstract: "Compares the codec with swift-protobuf and simdjson; prints tables in Markdown.")

  @Option(help: "The descriptor set of Protos/bench/codec.proto.")
  var schema: String

  @Option(help: "Only this corpus; may be given several times.")
  var only: [String] = []

  @Option(help: "The number of turns per contestant; the best one counts.")
  var rounds = 15

  @Option(help: "The length of a turn in milliseconds.")
  var turn = 10.0

  @Flag(
    inversion: .prefixedNo,
    help: "Measure how cost grows with size and schema; ignored with --only.")
  var growth = true

  @Option(
    help: ArgumentHelp(
      "Only run the codec over one corpus in one direction, for a profiler: order:encode, "
        + "map@100000:decode.",
      valueName: "corpus:direction"))
  var loop: String?

  @Option(help: "The duration of --loop in seconds.")
  var seconds = 5.0

  @Option(help: "The number of messages for --loop instead of a duration, to count instructions.")
  var times: Int?

  func run() throws {
    let schema = try self.loadSchema()
    if let loop {
      try self.runLoop(loop, schema: schema)
      return
    }
    let contest = Contest(rounds: max(1, self.rounds), turn: self.turn * 1e6)
    let corpora = try self.chosenCorpora()
    let results = try corpora.map {
      try CorpusResult.measure($0, schema: schema, contest: contest)
    }
    Self.show(
      "Best of \(contest.rounds) turns of \(self.turn) ms; simdjson \(Reader.implementation).")
    Self.show(Table(results))
    Self.show(Goal.table(of: results))
    if self.growth && self.only.isEmpty {
      let linearity = Linearity(
        schema: schema,
        contest: Contest(rounds: max(1, self.rounds / 3), turn: contest.turn))
      Self.show(try linearity.sizeTable())
      Self.show(try linearity.fieldTable())
    }
  }

  private func chosenCorpora() throws -> [Corpus] {
    let all = Corpus.all
    for name in self.only where !all.contains(where: { $0.name == name }) {
      throw BenchError.unknownCorpus(name)
    }
    return self.only.isEmpty ? all : all.filter { self.only.contains($0.name) }
  }

  /// Runs only the codec, for `perf record` and the like.
  private func runLoop(_ loop: String, schema: Schema) throws {
    let parts = loop.split(separator: ":").map(String.init)
    guard parts.count == 2, let corpus = Corpus.named(parts[0]),
      let type = schema.message(named: corpus.type), ["encode", "decode"].contains(parts[1])
    else { throw BenchError.unknownCorpus(loop) }
    let bridge = try Bridge(corpus.json, as: type, of: schema)
    let isEncoding = parts[1] == "encode"
    if let times {
      if isEncoding { try bridge.encode(times) } else { try bridge.decode(times) }
      print("\(bridge.json.count) bytes of JSON in, \(bridge.decoded.count) out")
      return
    }
    let clock = ContinuousClock()
    let end = clock.now + .seconds(self.seconds)
    while clock.now < end {
      if isEncoding { try bridge.encode(10) } else { try bridge.decode(10) }
    }
  }

  private func loadSchema() throws -> Schema {
    guard let bytes = Self.read(self.schema) else {
      throw BenchError.schema("can't read \(self.schema)")
    }
    do {
      var builder = SchemaBuilder()
      try builder.add(descriptorSet: bytes.span.bytes, source: self.schema)
      return try builder.build()
    } catch {
      throw BenchError.schema("\(error)")
    }
  }

  private static func read(_ path: String) -> [UInt8]? {
    guard let file = fopen(path, "rb") else { return nil }
    defer { fclose(file) }
    var content: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&part, 1, part.count, file)
      if count == 0 { return content }
      content += part[..<count]
    }
  }

  private static func show(_ text: String) {
    print(text + "\n")
  }

  private static func show(_ table: Table) {
    print(table.lines.joined(separator: "\n") + "\n")
  }
}
