import Codec
import Synchronization
import Testing

@testable import BridgeConfiguration
@testable import BridgeProxy
@testable import Downstream
@testable import LocalFiles
@testable import Routing

/// The effects of an endpoint.s replies, which the test provides.
@Suite struct ReflectionWatchTests {
  private typealias Reply = Result<ReflectionResult, ReflectionError>

  /// A watch whose endpoint has these replies, and whose waits take no time. It ends when there's no
  /// reply left.
  private final class Script: Sendable {
    let replies: Mutex<[Reply]>
    let changes = Mutex<[SchemaChange]>([])
    let waits = Mutex<[Duration]>([])
    let tables = Mutex<[ServingTable]>([])
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(_ replies: [Reply]) {
      self.replies = Mutex(replies)
    }

    private func next() async -> Reply {
      let reply = self.replies.withLock { $0.isEmpty ? nil : $0.removeFirst() }
      if let reply { return reply }
      self.task.withLock { $0?.cancel() }
      return .failure(ReflectionError(.unreachable, "nothing more"))
    }

    func run(_ service: Configuration.Service, known: ReflectedFiles?) async throws {
      let served: ServedService
      if let known {
        served = try known.service(service).0
      } else {
        served = try ServedService(missing: "at first", service)
      }
      let serving = ServingSwitch(try ServingTable([served])) { table in
        self.tables.withLock { $0.append(table) }
        return []
      }
      let watch = ReflectionWatch(
        service, at: 0, known: known, in: serving, request: { await self.next() },
        sleep: { time in self.waits.withLock { $0.append(time) } },
        report: { change in self.changes.withLock { $0.append(change) } })
      let (start, go) = AsyncStream.makeStream(of: Void.self)
      let task = Task {
        for await _ in start { break }
        await watch.run()
      }
      self.task.withLock { $0 = task }
      go.yield()
      await task.value
    }

    var lines: [String] { self.changes.withLock { $0.map(\.description) } }
  }

  private static func service(
    cache: String? = nil, refresh: Duration? = .seconds(30)
  ) -> Configuration.Service {
    var service = Configuration.Service(
      name: "a", schemas: [], endpoint: Configuration.Endpoint(host: "h", port: 1))
    var reflection = Configuration.Reflection()
    reflection.cache = cache
    reflection.refresh = refresh
    service.reflection = reflection
    return service
  }

  private static func reply(_ schemas: TestSchema..., warnings: [String] = []) throws -> Reply {
    let files = ReflectedFiles(try schemas.map { try DescriptorFile($0.fileBytes) })
    return .success(ReflectionResult(files: files, warnings: warnings))
  }

  private static let one = TestSchema.file("one", service: "S")
  private static let more = TestSchema.file("one", service: "S", ["Do", "More"])
  private static let down = Reply.failure(ReflectionError(.unreachable, "it's down"))

  private static let clash: TestSchema = {
    var schema = TestSchema.file("one", service: "S", ["Do", "More"])
    let rules = [HTTPRule(verb: "GET", template: "/same")]
    for index in schema.methods.indices { schema.methods[index].rules = rules }
    return schema
  }()

  @Test func `an unchanged schema isn't logged`() async throws {
    let script = Script([try Self.reply(Self.one), try Self.reply(Self.one)])
    try await script.run(Self.service(), known: TestSchema.reflected(Self.one))
    #expect(script.lines == [] && script.tables.withLock { $0.isEmpty })
    #expect(script.waits.withLock { $0 }.prefix(2) == [.seconds(30), .seconds(30)])
  }

  @Test func `a changed schema replaces the whole table`() async throws {
    let script = Script([
      try Self.reply(Self.one), try Self.reply(Self.more, warnings: ["b.C is left out"]),
    ])
    try await script.run(Self.service(), known: TestSchema.reflected(Self.one))
    #expect(
      script.lines == ["serves the endpoint's current schema, 2 routes", "b.C is left out"])
    let tables = script.tables.withLock { $0 }
    #expect(tables.count == 1 && tables[0].services[0].routes.routes.count == 2)
  }

  @Test func `an unservable schema is logged once and the old one stays`() async throws {
    let script = Script([
      try Self.reply(Self.clash), try Self.reply(Self.clash), try Self.reply(Self.more),
    ])
    var service = Self.service()
    service.routing.clashes = .refuse
    try await script.run(service, known: TestSchema.reflected(Self.one))
    let lines = script.lines
    #expect(lines.count == 2)
    #expect(lines[0].hasPrefix("keeps its current schema: ") && lines[0].contains("/same"))
    #expect(lines[1] == "serves the endpoint's current schema, 2 routes")
  }

  @Test func `a late schema is served, and until then the reason is logged`() async throws {
    let bad = Reply.failure(ReflectionError(.failed, "is confused"))
    let script = Script([Self.down, Self.down, bad, try Self.reply(Self.one)])
    try await script.run(Self.service(), known: nil)
    #expect(
      script.lines == [
        "has no schema yet: it's down", "has no schema yet: h:1 is confused",
        "serves the endpoint's current schema, 1 route",
      ])
    let tables = script.tables.withLock { $0.map { $0.services[0].missingSchema } }
    #expect(tables == ["it's down", "h:1 is confused", nil])
  }

  @Test func `an unreachable endpoint isn't logged while a schema is served`() async throws {
    let script = Script([Self.down, Self.down])
    try await script.run(Self.service(), known: TestSchema.reflected(Self.one))
    #expect(script.lines == [])
  }

  @Test func `a single failed call isn't logged`() async throws {
    let bad = Reply.failure(ReflectionError(.failed, "ended it with CANCELLED"))
    let once = Script([bad, Self.down, try Self.reply(Self.one), bad])
    try await once.run(Self.service(), known: TestSchema.reflected(Self.one))
    #expect(once.lines == [])
    let twice = Script([bad, bad, bad])
    try await twice.run(Self.service(), known: TestSchema.reflected(Self.one))
    #expect(twice.lines == ["keeps its current schema: h:1 ended it with CANCELLED"])
  }

  @Test func `an endpoint that lost its reflection is logged once`() async throws {
    let none = Reply.failure(ReflectionError(.notOffered, "offers none"))
    let script = Script([none, none])
    try await script.run(Self.service(), known: TestSchema.reflected(Self.one))
    #expect(script.lines.count == 1)
    #expect(
      script.lines[0].hasPrefix("keeps its current schema: h:1 offers no server reflection"))
  }

  @Test func `rules for missing methods keep a schema from being served`() async throws {
    let reader = ConfigurationReader { _ in nil }
    let configuration = try reader.read(
      text: """
        services:
          a:
            schemas: {reflection: {refresh: 30s}}
            endpoint: h:1
            http_rules: [{selector: one.S.Gone, get: /gone}]
        """, file: "bridge.yaml", folder: "/")
    let script = Script([try Self.reply(Self.one)])
    try await script.run(configuration.services[0], known: nil)
    #expect(script.lines.count >= 1)
    #expect(
      script.lines[0].contains("bridge.yaml:5:29") && script.lines[0].contains("one.S.Gone"),
      "\(script.lines)")
  }

  @Test func `a served schema is cached, and a failure to do so is logged once`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/deep/a.binpb"
    let script = Script([try Self.reply(Self.one), try Self.reply(Self.more)])
    try await script.run(Self.service(cache: path), known: TestSchema.reflected(Self.one))
    let kept = try ReflectedFiles(descriptorSet: try Files.read(path, limit: 1 << 20))
    #expect(kept == (try TestSchema.reflected(Self.more)))
    #expect(try Files.names(in: folder.path + "/deep") == ["a.binpb"])
    let failing = Script([try Self.reply(Self.one), try Self.reply(Self.one)])
    try await failing.run(
      Self.service(cache: path + "/below/a.binpb"), known: TestSchema.reflected(Self.one))
    #expect(failing.lines.count == 1 && failing.lines[0].hasPrefix("can't cache its schema in "))
  }

  @Test
  func `a cached schema is written to the cache again after the first response`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/a.binpb"
    let script = Script([try Self.reply(Self.one)])
    try await script.run(Self.service(cache: path), known: TestSchema.reflected(Self.one))
    #expect((try? Files.kind(of: path)) == .file)
  }
}
