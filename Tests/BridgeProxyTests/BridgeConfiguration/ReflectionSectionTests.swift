import BridgeProxy
import Testing

@testable import BridgeConfiguration
@testable import Upstream

/// `schemas: reflection`.
@Suite struct ReflectionSectionTests {
  private let folder: TemporaryFolder

  init() throws {
    self.folder = try TemporaryFolder()
    try self.folder.write("reflection", "")
  }

  private func read(_ schemas: String, more: String = "") throws -> Configuration.Service {
    let environment = ["HOME": "/home/me"]
    let configuration = try ConfigurationReader { environment[$0] }.read(
      text: "services:\n  a:\n    endpoint: h:1\n    schemas: \(schemas)\n\(more)",
      file: "bridge.yaml", folder: self.folder.path)
    return try #require(configuration.services.first)
  }

  @Test func `the bare word enables reflection with its defaults`() throws {
    for spelling in ["reflection", "\"reflection\""] {
      let service = try self.read(spelling)
      let reflection = try #require(service.reflection)
      #expect(service.schemas == [] && reflection.services == [])
      #expect(reflection.timeout == .seconds(10) && reflection.refresh == nil)
      let cache = try #require(reflection.cache)
      #expect(cache.hasPrefix("/home/me/.cache/bridge-proxy/a-") && cache.hasSuffix(".binpb"))
    }
  }

  @Test func `a path named reflection is a file`() throws {
    for spelling in ["./reflection", "[./reflection]"] {
      let service = try self.read(spelling)
      #expect(service.reflection == nil)
      #expect(service.schemas == [self.folder.path + "/reflection"])
    }
  }

  @Test func `every key of the reflection section is read`() throws {
    let service = try self.read(
      "{reflection: {cache: kept.binpb, refresh: 30s, timeout: 2s, services: [a.B, C]}}")
    let reflection = try #require(service.reflection)
    #expect(reflection.cache == self.folder.path + "/kept.binpb")
    #expect(reflection.refresh == .seconds(30) && reflection.timeout == .seconds(2))
    #expect(reflection.services == ["a.B", "C"])
    #expect(try self.read("{reflection: {cache: off}}").reflection?.cache == nil)
    #expect(try self.read("{reflection: {}}").reflection?.cache != nil)
  }

  @Test(
    arguments: [
      (["XDG_CACHE_HOME": "/x", "HOME": "/h"], "/x/bridge-proxy/a-"),
      (["XDG_CACHE_HOME": "x", "HOME": "/h"], "/h/.cache/bridge-proxy/a-"),
      (["XDG_CACHE_HOME": "", "HOME": "/h"], "/h/.cache/bridge-proxy/a-"),
      (["HOME": ""], nil), ([:], nil),
    ] as [([String: String], String?)])
  func `the default cache path follows the environment`(
    _ environment: [String: String], _ start: String?
  ) {
    let cluster = Configuration.Cluster(Configuration.Endpoint(host: "h", port: 1))
    let path = Configuration.Reflection.standardCache(service: "a", cluster) { environment[$0] }
    if let start {
      #expect(path?.hasPrefix(start) == true)
    } else {
      #expect(path == nil)
    }
  }

  @Test func `each endpoint and list of services has a cache file of its own`() {
    let paths = [("h", 1, []), ("h", 2, []), ("i", 1, []), ("h", 1, ["a.B"])].map {
      Configuration.Reflection.standardCache(
        service: "a", Configuration.Cluster(Configuration.Endpoint(host: $0.0, port: $0.1)),
        services: $0.2
      ) { _ in "/x" }
    }
    #expect(Set(paths).count == 4)
  }

  @Test(arguments: [
    (
      "[a.proto, reflection]",
      "4:14: services.a.schemas: reflection can't be combined with files; write schemas: reflection, or "
        + "./reflection for a file of that name"
    ),
    (
      "{reflection: {refesh: 1s}}",
      "4:28: services.a.schemas.reflection.refesh: unknown key; did you mean refresh?"
    ),
    (
      "{reflexion: {}}",
      "4:15: services.a.schemas.reflexion: unknown key; did you mean reflection?"
    ),
    (
      "{reflection: {refresh: 10ms}}",
      "4:37: services.a.schemas.reflection.refresh: an endpoint is polled at most once a second; "
        + "write 1s or more"
    ),
    (
      "{reflection: {timeout: 0s}}",
      "4:37: services.a.schemas.reflection.timeout: \"0s\": must be greater than 0, "
        + "such as 30s"
    ),
    (
      "{reflection: {cache: folder/}}",
      "4:35: services.a.schemas.reflection.cache: \"folder/\" is not a file name; write a path such as "
        + "bench.binpb, or off"
    ),
    (
      "{reflection: {services: [a..B]}}",
      "4:39: services.a.schemas.reflection.services[0]: \"a..B\" is not a service's full name; "
        + "write one such as acme.v1.Books"
    ),
    (
      "{reflection: on}",
      "4:27: services.a.schemas.reflection: expected a mapping of keys to values, found a single value"
    ),
  ])
  func `errors are reported with their key`(_ schemas: String, _ expected: String) {
    let error = #expect(throws: ConfigurationError.self) { try self.read(schemas) }
    #expect(error?.description.contains("bridge.yaml:" + expected) == true, "\(error!)")
  }

  @Test func `import paths have no effect with reflection`() {
    let error = #expect(throws: ConfigurationError.self) {
      try self.read("reflection", more: "    import_paths: .\n")
    }
    #expect(
      error?.description
        == "bridge.yaml:5:19: services.a.import_paths: has no effect with schemas: reflection; "
        + "leave it out")
  }

  @Test func `reflection requires an endpoint that speaks gRPC`() {
    let error = #expect(throws: ConfigurationError.self) {
      try self.read(
        "reflection",
        more: "    transport: {http-protobuf: {request_type: A, response_type: B, path: /p}}\n")
    }
    #expect(
      error?.description
        == "bridge.yaml:4:14: services.a.schemas: reflection requires gRPC, which transport: "
        + "{http-protobuf: …} doesn\'t use; name the .proto files or descriptor sets")
  }

  @Test func `two services can't share a cache file`() {
    let error = #expect(throws: ConfigurationError.self) {
      try self.read(
        "{reflection: {cache: c}}",
        more: "  b:\n    prefix: /b\n    endpoint: h:2\n    schemas: {reflection: {cache: c}}\n")
    }
    let reason = "/c is already used by another service; give each its own"
    #expect(error?.description.contains(reason) == true)
  }

  @Test func `arguments without a schema mean reflection`() throws {
    let settings = CommandLineSettings(schemas: [], endpoint: "h:1")
    let service = try settings.configuration(
      in: ReadContext(folder: "/", environment: { $0 == "HOME" ? "/h" : nil })
    ).services[0]
    #expect(service.reflection?.cache?.hasPrefix("/h/.cache/bridge-proxy/default-") == true)
    #expect(
      try settings.configuration(in: ReadContext(folder: "/")).services[0].reflection?.cache == nil)
    let files = CommandLineSettings(schemas: ["/tmp"], endpoint: "h:1")
    #expect(try files.configuration(in: ReadContext(folder: "/")).services[0].reflection == nil)
  }
}
