import BridgeProxy
import Codec
import Testing

@testable import Addresses
@testable import BridgeConfiguration
@testable import Routing

@Suite struct ServingPlanTests {
  let folder: TemporaryFolder

  init() throws {
    self.folder = try TemporaryFolder()
  }

  /// A schema with one service and these HTTP rules, one a method.
  private func write(_ name: String, package: String, rules: [String]) throws -> String {
    let methods = rules.enumerated().map { index, rule in
      "rpc M\(index)(E) returns (E) { option (google.api.http) = { \(rule) }; }"
    }
    return try self.folder.write(
      name,
      """
      syntax = "proto3";
      package \(package);
      import "google/api/annotations.proto";
      message E { string id = 1; }
      service S { \(methods.joined(separator: "\n")) }
      """)
  }

  private func service(_ name: String, schema: String, prefix: String = "") -> Configuration.Service
  {
    Configuration.Service(
      name: name, prefix: prefix, schemas: [schema],
      endpoint: Configuration.Endpoint(host: "127.0.0.1", port: 1))
  }

  private func plan(_ services: Configuration.Service...) async throws -> ServingPlan {
    try await ServingPlan.load(
      Configuration(listen: [.tcp(host: "127.0.0.1", port: 0)], services: services),
      file: "bridge.yaml")
  }

  private func faults(_ services: Configuration.Service...) async throws -> String {
    do {
      _ = try await ServingPlan.load(
        Configuration(listen: [.tcp(host: "127.0.0.1", port: 0)], services: services),
        file: "bridge.yaml")
      return ""
    } catch {
      return error.description.replacing(self.folder.path, with: "<folder>")
    }
  }

  @Test func `a plan lists its services and their routes`() async throws {
    let a = try self.write("a.proto", package: "a", rules: ["get: \"/v1/a/{id}\""])
    let plan = try await self.plan(self.service("one", schema: a, prefix: "/p"))
    #expect(
      plan.listing == [
        "one: any host, prefix /p, calls go to 127.0.0.1:1",
        "  POST   /p/a.S/M0  →  a.S/M0",
        "  GET    /p/v1/a/{id}  →  a.S/M0",
      ])
    #expect(plan.routeCount == 2)
    #expect(plan.warnings.isEmpty)
  }

  @Test func `services share a host if their routes differ`() async throws {
    let a = try self.write("a.proto", package: "a", rules: ["get: \"/v1/a/{id}\""])
    let b = try self.write("b.proto", package: "b", rules: ["get: \"/v1/b/{id}\""])
    let plan = try await self.plan(
      self.service("one", schema: a), self.service("two", schema: b))
    #expect(plan.routeCount == 4)
    let c = try self.write("c.proto", package: "c", rules: ["get: \"/v1/a/{id}\""])
    let faults = try await self.faults(
      self.service("one", schema: a), self.service("two", schema: c))
    #expect(
      faults
        == "bridge.yaml: services.two: GET /v1/a/{id} (c.S/M0) matches the same requests as service "
        + "one (a.S/M0) does; set hosts or prefix for one of the two services, or give one other paths with http_rules"
    )
  }

  @Test func `the errors of all services are reported at once`() async throws {
    let clash = try self.write(
      "a.proto", package: "a", rules: ["get: \"/v1/{id}\"", "get: \"/v1/{id}\""])
    var one = self.service("one", schema: clash)
    one.routing.clashes = .refuse
    let nothing = try self.folder.write("n.proto", "syntax = \"proto3\";\nmessage N {}\n")
    let faults = try await self.faults(
      one, self.service("two", schema: "/nowhere.proto"),
      self.service("three", schema: nothing))
    let lines = faults.split(separator: "\n")
    #expect(lines.count == 3)
    #expect(lines[0].hasPrefix("bridge.yaml: services.one.schemas: GET /v1/{id} of a.S/M1"))
    #expect(
      lines[1] == "bridge.yaml: services.two.schemas: /nowhere.proto: No such file or directory")
    #expect(
      lines[2]
        == "bridge.yaml: services.three.schemas: none of these schemas has a method that can be served"
    )
  }

  @Test func `errors of the file and of its schemas are reported in the file's order`()
    async throws
  {
    let clash = try self.write(
      "a.proto", package: "a", rules: ["get: \"/v1/{id}\"", "get: \"/v1/{id}\""])
    let text = """
      services:
        one:
          schemas: [\(clash)]
          http: {clashes: refuse}
          timeout: 30
        two:
          schemas: [/nowhere.proto]
          endpoint: 127.0.0.1:50051
      """
    let path = try self.folder.write("bridge.yaml", text)
    let draft = try ConfigurationReader(environment: { _ in nil }).draft(path: path, in: "/")
    let error = await #expect(throws: ConfigurationError.self) {
      _ = try await ServingPlan.load(
        draft.configuration, file: path, faults: draft.faults)
    }
    let keys = try #require(error).faults.map { "\($0.location.map(\.line) ?? 0) \($0.key)" }
    #expect(
      keys == [
        "2 services.one.endpoint", "3 services.one.schemas", "5 services.one.timeout",
        "7 services.two.schemas[0]",
      ])
  }

  @Test(arguments: [
    ("/v1/{a}/{b}", true), ("/v1/{inner.a}/{inner.b}", true), ("/v1/{inner.a}/{b}", false),
    ("/v1/{sub.x}/{b}", true), ("/v1/{a}/{c}", false), ("/v1/{o}/{p}", false),
    (#"/v1/{b}" body: "sub"#, true), (#"/v1/{sub.x}" body: "b"#, true),
    (#"/v1/{b}" body: "inner"#, false), (#"/v1/{b}" body: "*"#, false),
    (#"/v1/{b}" body: "inner.sub"#, false), (#"/v1/{inner.a}" body: "inner.sub"#, true),
  ])
  func `a rule whose variables or body exclude each other is refused`(
    template: String, isRefused: Bool
  ) async throws {
    let schema = try self.folder.write(
      "a.proto",
      """
      syntax = "proto3";
      package a;
      import "google/api/annotations.proto";
      message E {
        oneof pick { string a = 1; string b = 2; Sub sub = 8; }
        string c = 3;
        E inner = 4;
        optional string o = 5;
        optional string p = 6;
      }
      message Sub { string x = 1; }
      service S { rpc M(E) returns (E) { option (google.api.http) = { put: "\(template)" }; } }
      """)
    let plan = try await self.plan(self.service("one", schema: schema))
    #expect(plan.warnings.count == (isRefused ? 1 : 0))
    if isRefused {
      #expect(plan.warnings[0].contains("are members of one oneof, of which only one can be set"))
    }
  }

  @Test func `rules are checked even if another schema is faulty`() async throws {
    let good = try self.write("a.proto", package: "a", rules: ["get: \"/v1/{id}\""])
    let bad = try self.folder.write("b.proto", "syntax = \"proto3\";\nmessage {\n")
    let text = """
      services:
        one:
          schemas: [\(good), \(bad)]
          endpoint: h:1
          http_rules:
            - {selector: a.S.M0, get: "/v1/{gone}"}
            - {selector: b.S.Unknown, get: "/v1/x"}
      """
    let path = try self.folder.write("bridge.yaml", text)
    let draft = try ConfigurationReader(environment: { _ in nil }).draft(path: path, in: "/")
    let error = await #expect(throws: ConfigurationError.self) {
      _ = try await ServingPlan.load(draft.configuration, file: path, faults: draft.faults)
    }
    let keys = try #require(error).faults.map(\.key)
    // Whether the second rule selects anything can't be known.
    #expect(Set(keys) == ["services.one.schemas", "services.one.http_rules[0].get"], "\(keys)")
  }

  @Test func `a rule that can't be served is a warning, and the rest is served`() async throws {
    let schema = try self.write(
      "a.proto", package: "a", rules: ["get: \"/v1/{id}\"", "get: \"/v2/{gone}\""])
    let plan = try await self.plan(self.service("one", schema: schema))
    #expect(plan.routeCount == 3)
    #expect(plan.warnings.count == 1)
    #expect(plan.warnings.first?.hasPrefix("services.one: a.proto: a.S/M1: ") == true)
  }
}
