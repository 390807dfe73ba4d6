import Codec
import Testing

@testable import Addresses
@testable import BridgeConfiguration
@testable import BridgeProxy
@testable import Downstream

/// The schema at the start: from the endpoint, else from the cache.
@Suite struct ReflectionLoaderTests {
  private let folder: TemporaryFolder

  init() throws {
    self.folder = try TemporaryFolder()
  }

  private static let one = TestSchema.file("one", service: "S")
  private static let down = ReflectionError(.unreachable, "can't connect to h:1")

  private func service(cache: String? = "a.binpb") -> Configuration.Service {
    var service = Configuration.Service(
      name: "a", schemas: [], endpoint: Configuration.Endpoint(host: "h", port: 1))
    var reflection = Configuration.Reflection()
    reflection.cache = cache.map { self.folder.path + "/" + $0 }
    service.reflection = reflection
    return service
  }

  private func load(
    _ reply: Result<ReflectionResult, ReflectionError>, cache: String? = "a.binpb"
  ) async -> String {
    let outcome = await ReflectionLoader { _ in reply }.load(self.service(cache: cache))
    let text =
      switch outcome {
      case .loaded(let schema):
        (["loaded \(schema.files.services)"] + schema.warnings).joined(separator: "; ")
      case .missing(let reason): "missing: \(reason)"
      case .refused(let reasons): "refused: \(reasons.joined(separator: "; "))"
      }
    return text.replacing(self.folder.path, with: "<folder>")
  }

  private func reply(_ schemas: TestSchema...) throws -> Result<ReflectionResult, ReflectionError> {
    let files = ReflectedFiles(try schemas.map { try DescriptorFile($0.fileBytes) })
    return .success(ReflectionResult(files: files, warnings: ["b.C is left out"]))
  }

  @Test func `the endpoint's schema is preferred to the cached one`() async throws {
    try self.folder.write("a.binpb", "broken")
    #expect(await self.load(try self.reply(Self.one)) == #"loaded ["one.S"]; b.C is left out"#)
  }

  @Test func `the cached schema is served, with a note, while the endpoint is down`() async throws {
    try self.folder.write("a.binpb", TestSchema.reflected(Self.one).descriptorSet)
    #expect(
      await self.load(.failure(Self.down))
        == #"loaded ["one.S"]; can't connect to h:1; the schema cached in "#
        + "<folder>/a.binpb is served until the endpoint provides its own")
  }

  @Test func `without a valid cache the schema is missing, with the reason`() async throws {
    #expect(await self.load(.failure(Self.down)) == "missing: can't connect to h:1")
    #expect(await self.load(.failure(Self.down), cache: nil) == "missing: can't connect to h:1")
    for bytes in [[], [0xFF, 0xFF], [0x0A, 3, 0x0A, 1, 0x61], Array("text".utf8)] as [[UInt8]] {
      try self.folder.write("a.binpb", bytes)
      let outcome = await self.load(.failure(Self.down))
      #expect(outcome.hasPrefix("missing: can't connect to h:1; "), "\(bytes): \(outcome)")
    }
  }

  @Test func `a permanent error is refused`() async throws {
    let none = ReflectionError(.notOffered, "offers none")
    #expect(await self.load(.failure(none)).hasPrefix("refused: h:1 offers no server reflection"))
    var bad = Self.one
    bad.messages[0].fields = [
      TestSchema.Field(name: "a", number: 1, type: 11, typeName: ".gone.Gone")
    ]
    #expect(await self.load(try self.reply(bad)).hasPrefix("refused: "))
  }

  @Test func `a plan can be made without a schema for serving, but not for a check`() async throws {
    let configuration = Configuration(
      listen: [.tcp(host: "127.0.0.1", port: 0)], services: [self.service(cache: nil)])
    let loader = ReflectionLoader { _ in .failure(Self.down) }
    let plan = try await ServingPlan.load(
      configuration, file: "bridge.yaml", whenMissing: .wait, reflection: loader)
    #expect(plan.table.services[0].missingSchema == "can't connect to h:1")
    #expect(plan.warnings.count == 1 && plan.reflected.isEmpty && plan.routeCount == 0)
    let error = await #expect(throws: ConfigurationError.self) {
      try await ServingPlan.load(configuration, file: "bridge.yaml", reflection: loader)
    }
    #expect(error?.description == "bridge.yaml: services.a.schemas: can't connect to h:1")
  }

  @Test func `a plan reports what the endpoint responded`() async throws {
    let reply = try self.reply(Self.one)
    let plan = try await ServingPlan.load(
      Configuration(
        listen: [.tcp(host: "127.0.0.1", port: 0)], services: [self.service(cache: nil)]),
      file: "", reflection: ReflectionLoader { _ in reply })
    #expect(plan.reflected[0] == (try TestSchema.reflected(Self.one)))
    #expect(plan.warnings == ["services.a: b.C is left out"])
    #expect(plan.listing == ["a: any host, calls go to h:1", "  POST   /one.S/Do  →  one.S/Do"])
  }

  @Test func `no endpoint is contacted for an invalid configuration`() async throws {
    let loader = ReflectionLoader { _ in
      Issue.record("asked")
      return .failure(Self.down)
    }
    let fault = ConfigurationDiagnostic(file: "a", location: nil, key: "b", reason: "c")
    let error = await #expect(throws: ConfigurationError.self) {
      try await ServingPlan.load(
        Configuration(
          listen: [.tcp(host: "127.0.0.1", port: 0)], services: [self.service(cache: nil)]),
        file: "a", faults: [fault], reflection: loader)
    }
    #expect(error?.faults == [fault])
  }
}
