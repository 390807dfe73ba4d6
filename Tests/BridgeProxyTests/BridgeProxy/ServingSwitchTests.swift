import Codec
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import BridgeConfiguration
@testable import BridgeProxy
@testable import Downstream
@testable import Routing

/// From one table to another.
@Suite struct ServingSwitchTests {
  private static func service(
    _ name: String, _ template: String, missing: String? = nil
  ) throws -> ServedService {
    let schema = TestSchema(methods: [
      TestSchema.Method(name: "M", rules: [HTTPRule(verb: "POST", template: template, body: "*")])
    ])
    var configuration = Configuration.Service(
      name: name, schemas: [], endpoint: Configuration.Endpoint(host: "localhost", port: 1))
    configuration.mapsMethodsByName = false
    if let missing { return try ServedService(missing: missing, configuration) }
    return try ServedService(configuration, schema: schema.load())
  }

  private static func templates(_ table: ServingTable) -> [String] {
    table.services.flatMap { $0.routes.routes.map(\.template.text) }
  }

  @Test func `a service is replaced in the latest table, and the others stay`() async throws {
    let applied = Mutex<[[String]]>([])
    let table = try ServingTable([Self.service("a", "/a"), Self.service("b", "/b")])
    let serving = ServingSwitch(table) { table in
      applied.withLock { $0.append(Self.templates(table)) }
      return []
    }
    try await serving.replace(0, by: Self.service("a", "/a2"))
    try await serving.replace(1, by: Self.service("b", "/b2"))
    #expect(applied.withLock { $0 } == [["/a2", "/b"], ["/a2", "/b2"]])
    #expect(Self.templates(await serving.table) == ["/a2", "/b2"])
  }

  @Test func `a conflict is refused, and the old table stays`() async throws {
    let table = try ServingTable([Self.service("a", "/a"), Self.service("b", "/b")])
    let serving = ServingSwitch(table) { _ in
      Issue.record("applied")
      return []
    }
    await #expect(throws: RouteConflictError.self) {
      try await serving.replace(1, by: Self.service("b", "/a"))
    }
    #expect(await serving.table === table)
  }

  @Test func `a switch completes when all loops serve the new table`() async throws {
    let loop = NIOAsyncTestingEventLoop()
    let isDone = Mutex(false)
    let table = try ServingTable([Self.service("a", "/a")])
    let serving = ServingSwitch(table) { _ in
      [loop.submit { isDone.withLock { $0 = true } }]
    }
    async let replaced: Void = serving.replace(0, by: Self.service("a", "/a2"))
    while loop.inEventLoop || !isDone.withLock({ $0 }) { await loop.run() }
    try await replaced
    #expect(isDone.withLock { $0 })
    await loop.shutdownGracefully()
  }

  @Test
  func `a service without a schema isn't ready, even if its endpoint is reachable`() async throws {
    let table = try ServingTable([
      Self.service("a", "/a"), Self.service("b", "/b", missing: "it's down"),
    ])
    let serving = ServingSwitch(table) { _ in [] }
    let marked = await serving.mark([
      .init(service: "a", isReachable: true), .init(service: "b", isReachable: true),
    ])
    #expect(
      marked == [
        .init(service: "a", isReachable: true),
        .init(service: "b", isReachable: false, reason: "no schema yet: it's down"),
      ])
  }

  @Test func `a request in progress keeps its service and its endpoint`() throws {
    let client = try TestClient()
    client.sendRaw("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n{\"te")
    let other = CannedUpstream(on: client.channel.eventLoop)
    client.loop.serve(
      try ServingTable([Self.service("a", "/v2/echo")]), upstreams: [[other]])
    client.sendRaw("xt\":\"x\"}")
    #expect(client.upstream.calls.count == 1 && other.calls.isEmpty)
    client.upstream.calls[0].reply(TestSchema.note(text: "x"))
    client.upstream.calls[0].end()
    #expect(try client.response().body == #"{"text":"x"}"#)
    client.request("POST /v1/echo", body: "{}")
    #expect(try client.response().status == 404)
    client.request("POST /v2/echo", body: "{}")
    #expect(client.upstream.calls.count == 1 && other.calls.count == 1)
  }

  @Test func `upstreams are kept if only the table changes`() throws {
    let client = try TestClient()
    client.loop.serve(try ServingTable([Self.service("a", "/v2/echo")]))
    client.request("POST /v2/echo", body: "{}")
    #expect(client.upstream.calls.count == 1)
  }

  @Test func `requests to a service without a schema are asked to retry`() throws {
    let service = try Self.service("a", "/a", missing: "can't connect to b:1")
    let client = try TestClient(serving: service, limits: Configuration.Limits())
    client.request("GET /v1/anything")
    let response = try client.response()
    #expect(response.status == 503 && response.fields["retry-after"] == "2")
    #expect(response.body.contains("SCHEMA_NOT_LOADED"))
    #expect(response.body.contains("service a has no schema yet: can't connect to b:1"))
  }
}
