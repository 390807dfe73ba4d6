import Codec
import Testing

@testable import BridgeConfiguration
@testable import Downstream
@testable import Routing

/// Which service and route a request reaches.
struct ServingTableTests {
  private static func service(
    _ name: String, hosts: [String] = [], prefix: String = "", template: String = "/v1/{name}",
    verb: String = "GET"
  ) throws -> ServedService {
    let schema = TestSchema(methods: [
      TestSchema.Method(name: "M", rules: [HTTPRule(verb: verb, template: template)])
    ])
    var configuration = Configuration.Service(
      name: name, hosts: hosts, prefix: prefix, schemas: [],
      endpoint: Configuration.Endpoint(host: "localhost", port: 1))
    configuration.mapsMethodsByName = false
    return try ServedService(configuration, schema: schema.load())
  }

  private static func choose(
    _ table: ServingTable, _ method: String, _ authority: String, _ path: String
  ) -> String {
    var scratch = RouteScratch()
    let choice = table.choose(
      method, authority: authority.utf8.span.bytes, path: path.utf8.span.bytes, &scratch)
    switch choice {
    case .route(let service, _, _): return table.services[service].name
    case .noService: return "no service"
    case .noSchema(let service): return "no schema in \(table.services[service].name)"
    case .noRoute(let service, _): return "no route in \(table.services[service].name)"
    case .otherMethods(let service, let allowed):
      return "\(table.services[service].name) \(allowed)"
    }
  }

  @Test(arguments: [
    ("", "/v1/a", "any"),
    ("elsewhere", "/v1/a", "any"),
    ("bench.internal", "/v1/a", "bench"),
    ("BENCH.Internal", "/v1/a", "bench"),
    ("bench.internal:8080", "/v1/a", "bench"),
    ("bench.internal:", "/v1/a", "bench"),
    ("bench.internal:x", "/v1/a", "any"),
    ("xbench.internal", "/v1/a", "any"),
    ("bench.internal.org", "/v1/a", "any"),
    ("port.internal:81", "/v1/a", "port"),
    ("port.internal:82", "/v1/a", "any"),
    ("port.internal", "/v1/a", "any"),
    ("[::1]:80", "/v1/a", "v6"),
    ("[::1]", "/v1/a", "v6"),
    ("second.internal", "/v1/a", "bench"),
    ("elsewhere", "/p/v1/a", "prefix"),
    ("elsewhere", "/p/q/v1/a", "longer"),
    ("elsewhere", "/p/qq/v1/a", "no route in prefix"),
    ("elsewhere", "/pp/v1/a", "no route in any"),
    ("elsewhere", "/p", "no route in prefix"),
    ("bench.internal", "/p/v1/a", "no route in bench"),
    ("prefixed.internal", "/h/v1/a", "host and prefix"),
    ("prefixed.internal", "/v1/a", "any"),
    ("bench.internal.", "/v1/a", "bench"),
    ("Bench.Internal.:8080", "/v1/a", "bench"),
    ("bench.internal..", "/v1/a", "any"),
    ("port.internal.:81", "/v1/a", "port"),
    ("port.internal.:82", "/v1/a", "any"),
    ("dotted.internal", "/v1/a", "dotted"),
    ("a.wild.internal", "/v1/a", "wild"),
    ("A.B.Wild.Internal.:80", "/v1/a", "wild"),
    ("exact.wild.internal", "/v1/a", "exact"),
    ("a.deep.wild.internal", "/v1/a", "deeper"),
    ("deep.wild.internal", "/v1/a", "wild"),
    ("wild.internal", "/v1/a", "any"),
    (".wild.internal", "/v1/a", "any"),
    ("awild.internal", "/v1/a", "any"),
    ("a.wild.internal.org", "/v1/a", "any"),
    ("a.wild.internal:x", "/v1/a", "any"),
    ("a.wild.internal", "/p/v1/a", "no route in wild"),
    ("a.ported.internal:81", "/v1/a", "ported"),
    ("a.ported.internal:82", "/v1/a", "any"),
    ("a.ported.internal", "/v1/a", "any"),
  ])
  func `a specific host precedes any host, then the longest prefix wins`(
    _ authority: String, _ path: String, _ expected: String
  ) throws {
    let services = [
      try Self.service("any"),
      try Self.service("longer", prefix: "/p/q/"),
      try Self.service("prefix", prefix: "/p"),
      try Self.service("bench", hosts: ["bench.internal", "second.internal"]),
      try Self.service("port", hosts: ["port.internal:81"]),
      try Self.service("v6", hosts: ["[::1]"]),
      try Self.service("dotted", hosts: ["dotted.internal."]),
      try Self.service("wild", hosts: ["*.wild.internal"]),
      try Self.service("deeper", hosts: ["*.deep.wild.internal", "exact.deep.wild.internal"]),
      try Self.service("exact", hosts: ["exact.wild.internal"]),
      try Self.service("ported", hosts: ["*.ported.internal:81"]),
      try Self.service("host and prefix", hosts: ["prefixed.internal"], prefix: "/h"),
    ]
    for order in [services, services.reversed()] {
      let table = try ServingTable(order)
      #expect(Self.choose(table, "GET", authority, path) == expected)
    }
  }

  @Test func `services with the same host and prefix are served side by side`() throws {
    let table = try ServingTable([
      Self.service("first", template: "/v1/{name}"),
      Self.service("second", template: "/v2/{name}", verb: "POST"),
    ])
    #expect(Self.choose(table, "GET", "", "/v1/a") == "first")
    #expect(Self.choose(table, "POST", "", "/v2/a") == "second")
    #expect(Self.choose(table, "GET", "", "/v2/a") == "second [\"POST\"]")
    #expect(Self.choose(table, "GET", "", "/v3/a") == "no route in first")
  }

  @Test func `conflicting routes of two services are refused by name`() throws {
    let services = [
      try Self.service("first"), try Self.service("second", template: "/v1/{text}"),
    ]
    let error = #expect(throws: RouteConflictError.self) { try ServingTable(services) }
    #expect(error?.clashes.count == 1)
    #expect(
      error?.description
        == "GET /v1/{text} (test.Notes/M) matches the same requests as service first does; set hosts or "
        + "prefix for one of the two services, or give one other paths with http_rules")
    #expect(throws: Never.self) {
      try ServingTable([
        Self.service("first"), Self.service("second", hosts: ["a"]),
        Self.service("third", hosts: ["b"]), Self.service("fourth", prefix: "/p"),
      ])
    }
    #expect(throws: RouteConflictError.self) {
      try ServingTable([
        Self.service("first", hosts: ["a", "b"]), Self.service("second", hosts: ["b", "c"]),
      ])
    }
  }

  @Test
  func `on a conflict of method names the first service wins, with one warning per pair`() throws {
    func service(_ name: String, _ methods: String..., own: String? = nil) throws -> ServedService {
      var schema = TestSchema(methods: methods.map { TestSchema.Method(name: $0) })
      if let own {
        schema.methods.append(
          TestSchema.Method(name: "Own", rules: [HTTPRule(verb: "GET", template: own)]))
      }
      return try ServedService(
        Configuration.Service(
          name: name, schemas: [], endpoint: Configuration.Endpoint(host: "h", port: 1)),
        schema: schema.load())
    }
    let table = try ServingTable([
      service("a", "Check", "Watch", own: "/a"), service("b", "Check", "Watch", own: "/b"),
      service("c", "Check"),
    ])
    #expect(table.warnings.map(\.service) == [1, 2])
    #expect(
      table.warnings.map(\.text) == [
        "POST /test.Notes/Check and 2 more reach service a, which is listed first and has them too; set "
          + "hosts or prefix for one of the two services to reach both",
        "POST /test.Notes/Check reaches service a, which is listed first and has it too; no request "
          + "reaches this service; set hosts or prefix for one of the two services to reach both",
      ])
    #expect(Self.choose(table, "POST", "", "/test.Notes/Check") == "a")
    #expect(Self.choose(table, "GET", "", "/b") == "b")
    #expect(try ServingTable([service("a", "Check"), service("b", "Other")]).warnings.isEmpty)
  }

  @Test(arguments: [
    ("envoy.service.discovery.v3", false), ("google.longrunning", false),
    ("grpc.channelz.v1", false), ("grpc.binarylog.v1", false), ("grpc.health.v1", false),
    ("acme.envoy", true), ("grpcx.health", true), ("google.cloud.speech", true),
  ])
  func `rules of services that every server offers don't conflict either`(
    _ package: String, _ isRefused: Bool
  ) throws {
    func service(_ name: String, _ file: String) throws -> ServedService {
      let schema = TestSchema(
        package: package, file: file,
        messages: [("Note", [TestSchema.Field(name: "id", number: 1)])],
        methods: [
          TestSchema.Method(
            name: "M", rules: [HTTPRule(verb: "POST", template: "/v3/x", body: "*")])
        ])
      return try ServedService(
        Configuration.Service(
          name: name, schemas: [], endpoint: Configuration.Endpoint(host: "h", port: 1)),
        schema: schema.load())
    }
    let services = [try service("a", "a.proto"), try service("b", "b.proto")]
    do {
      let table = try ServingTable(services)
      #expect(!isRefused)
      #expect(table.warnings.count == 1)
      #expect(Self.choose(table, "POST", "", "/v3/x") == "a")
    } catch {
      #expect(isRefused)
    }
  }

  @Test func `many conflicting routes are one conflict, which the first service may win`() throws {
    func service(_ name: String, _ clashes: RoutingOptions.Clashes? = nil) throws -> ServedService {
      let rules = (0..<13).map { HTTPRule(verb: "GET", template: "/v1/r\($0)/{name}") }
      var configuration = Configuration.Service(
        name: name, hosts: ["h", "i"], schemas: [],
        endpoint: Configuration.Endpoint(host: "h", port: 1))
      configuration.mapsMethodsByName = false
      configuration.routing.clashes = clashes
      return try ServedService(
        configuration,
        schema: TestSchema(methods: [TestSchema.Method(name: "M", rules: rules)]).load())
    }
    let error = try #require(
      throws: RouteConflictError.self
    ) { _ = try ServingTable([service("a"), service("b")]) }
    #expect(
      error.clashes.map(\.description) == [
        "GET /v1/r0/{name} and 12 more (test.Notes/M) match the same requests as service a does; set "
          + "hosts or prefix for one of the two services, or give one other paths with http_rules"
      ])
    #expect(error.clashes.map(\.services?.second) == [1])
    let table = try ServingTable([service("a"), service("b", .first)])
    #expect(
      table.warnings.count == 1 && table.warnings[0].text.contains("and 12 more reach service a"))
    #expect(throws: RouteConflictError.self) {
      try ServingTable([service("a", .first), service("b")])
    }
  }

  @Test func `without any service nothing is found`() throws {
    #expect(Self.choose(try ServingTable([]), "GET", "a", "/v1/a") == "no service")
  }
}

/// Request targets in their forms.
struct RequestTargetTests {
  @Test(arguments: [
    ("/", "", "/", ""),
    ("/a/b?c=d?e", "", "/a/b", "c=d?e"),
    ("/a?", "", "/a", ""),
    ("//a/b", "", "//a/b", ""),
    ("/a:b@c", "", "/a:b@c", ""),
    ("http://h", "h", "", ""),
    ("http://h:80/a?b", "h:80", "/a", "b"),
    ("HTTP://h?b", "h", "", "b"),
    ("https://h/a", "h", "/a", ""),
    ("*", "", "", ""),
  ])
  func `a target is parsed`(
    _ text: String, _ authority: String, _ path: String, _ query: String
  ) throws {
    let bytes = Array(text.utf8)
    let target = try RequestTarget(bytes.span.bytes)
    #expect(String(decoding: bytes[target.authority], as: UTF8.self) == authority)
    #expect(String(decoding: bytes[target.path], as: UTF8.self) == path)
    #expect(String(decoding: bytes[target.query], as: UTF8.self) == query)
  }

  @Test(arguments: ["", "a", "**", "http:/h", "http://", "http:///a", "ftp://h/", "/a#b", "/a?b#c"])
  func `an invalid target is refused`(_ text: String) {
    #expect(throws: RequestError.self) { try RequestTarget(text.utf8.span.bytes) }
  }
}

/// Responses to requests that match no route.
struct RoutingResponseTests {
  @Test func `the error for an unknown path lists similar routes`() throws {
    let client = try TestClient()
    client.request("GET /v1/note/a")
    let response = try client.response()
    #expect(response.status == 404)
    #expect(
      response.body.hasPrefix(
        #"{"code":5,"message":"service notes has no route for GET /v1/note/a; "#
          + #"did you mean GET /v1/notes/{name}"#))
    #expect(
      response.body.hasSuffix(
        #""details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","#
          + #""reason":"ROUTE_NOT_FOUND","domain":"bridge-proxy"}]}"#))
  }

  @Test func `the error for an unknown host lists the services`() throws {
    let client = try TestClient {
      $0.hosts = ["bench.internal"]
      $0.prefix = "/bench"
    }
    client.request("GET /v1/notes/a")
    let response = try client.response()
    #expect(response.status == 404)
    #expect(response.body.contains("no service for host localhost and path /v1/notes/a"))
    #expect(response.body.contains("notes (host bench.internal, prefix /bench)"))
    client.request("GET http://bench.internal:8080/bench/v1/notes/a")
    #expect(client.upstream.calls.count == 1)
  }

  @Test func `an absolute target's authority is named, not Host (RFC 9112 §3.2.2)`() throws {
    let client = try TestClient { $0.hosts = ["bench.internal"] }
    client.sendRaw(
      "GET http://other.internal:81/v1/notes/a HTTP/1.1\r\nHost: bench.internal\r\n\r\n")
    let response = try client.response()
    #expect(response.status == 404)
    #expect(response.body.contains("no service for host other.internal:81 and path /v1/notes/a"))
  }

  @Test func `echoed input has no bidirectional marks or control characters`() throws {
    let client = try TestClient()
    client.request("GET /v1/no\u{202E}te/a/b/c/d")
    let response = try client.response()
    #expect(!response.body.unicodeScalars.contains("\u{202E}"), "\(response.body)")
  }

  @Test func `another method is a 405 with Allow`() throws {
    let client = try TestClient()
    client.request("DELETE /v1/notes/a")
    var response = try client.response()
    #expect(response.status == 405)
    #expect(response.fields["allow"] == "GET, HEAD, PUT")
    client.request("OPTIONS /v1/echo")
    response = try client.response()
    #expect(response.status == 405)
    #expect(response.fields["allow"] == "POST")
    client.sendRaw("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    response = try client.response()
    #expect(response.status == 204)
    #expect(response.fields["content-length"] == nil)
    #expect(client.isOpen)
  }

  @Test func `CONNECT is a 405 in JSON that says how to use the bridge`() throws {
    let client = try TestClient()
    client.sendRaw("CONNECT bench.internal:443 HTTP/1.1\r\nHost: bench.internal:443\r\n\r\n")
    let response = try client.response()
    #expect(response.status == 405)
    #expect(response.fields["allow"] != nil)
    #expect(response.fields["connection"] == "close")
    #expect(response.body.contains("http_proxy"))
    #expect(response.body.contains("CONNECT_NOT_SUPPORTED"))
  }

  @Test func `an invalid escape in a variable or the query is a 400 that names it`() throws {
    let client = try TestClient()
    client.request("GET /v1/notes/%zz")
    var response = try client.response()
    #expect(response.status == 400)
    #expect(response.body.contains(#""fieldViolations":[{"field":"name","#))
    client.request("GET /v1/notes/a?text=%2")
    response = try client.response()
    #expect(response.status == 400)
    #expect(response.body.contains(#""field":"text""#))
    #expect(client.upstream.calls.isEmpty)
    #expect(client.isOpen)
  }

  @Test(arguments: [
    ("text/plain", 415),
    ("application/x-www-form-urlencoded", 415),
    ("application/json; charset=koi8-r", 415),
    ("application/jsonx", 415),
    ("application/json", 200),
    ("Application/JSON ; Charset=\"UTF-8\"", 200),
    ("application/vnd.api+json", 200),
    ("text/json", 200),
  ])
  func `a body that isn't JSON is a 415 that names the header field to send`(
    _ type: String, _ status: Int
  ) throws {
    let client = try TestClient()
    client.upstream.echoes()
    client.request("POST /v1/echo", ["Content-Type: \(type)"], body: "{}")
    let response = try client.response()
    #expect(response.status == status)
    if status == 415 { #expect(response.body.contains("Content-Type: application/json")) }
    #expect(client.isOpen)
  }

  @Test func `an unexpected body is a 400`() throws {
    let client = try TestClient()
    client.request("GET /v1/notes/a", body: "{}")
    let response = try client.response()
    #expect(response.status == 400)
    #expect(response.body.contains("UNEXPECTED_BODY"))
    #expect(client.upstream.calls.isEmpty)
    #expect(client.isOpen)
  }

  @Test func `invalid JSON is a 400 with field path, line and column`() throws {
    let client = try TestClient()
    client.request("POST /v1/echo", body: "{\n  \"inner\": {\"text\": 7}\n}")
    let response = try client.response()
    #expect(response.status == 400)
    #expect(response.body.contains("inner.text: "))
    #expect(response.body.contains("line 2, column 21"))
    #expect(response.body.contains(#""fieldViolations":[{"field":"inner.text","#))
    #expect(response.body.contains("INVALID_MESSAGE"))
    #expect(client.upstream.calls.isEmpty)
    #expect(client.isOpen)
  }
}

/// Which service a gRPC call reaches that is passed through.
struct CallChoiceTests {
  private static func service(
    _ name: String, hosts: [String] = [], prefix: String = "", method: String
  ) throws -> ServedService {
    let schema = TestSchema(methods: [TestSchema.Method(name: method, rules: [])])
    return try ServedService(
      Configuration.Service(
        name: name, hosts: hosts, prefix: prefix, schemas: [],
        endpoint: Configuration.Endpoint(host: "localhost", port: 1)), schema: schema.load())
  }

  @Test(arguments: [
    ("x", "Any", "first /", "/"), ("x", "Other", "second /", "/"), ("x", "None", "first /", "/"),
    ("h.internal", "Host", "host /", "/"), ("h.internal:80", "None", "host /", "/"),
    ("h.internal", "Any", "host /", "/"), ("x", "Deep", "deep /", "/"),
    ("x", "Deep", "deep /", "/deep/"), ("x", "None", "deep /", "/deep/"),
  ])
  func `a call is routed by host and prefix, then by method`(
    _ authority: String, _ method: String, _ expected: String, _ prefix: String
  ) throws {
    let table = try ServingTable([
      Self.service("first", method: "Any"), Self.service("second", method: "Other"),
      Self.service("host", hosts: ["h.internal"], method: "Host"),
      Self.service("deep", prefix: "/deep", method: "Deep"),
    ])
    let path = "/test.Notes/\(method)"
    let choice = table.chooseForCall(
      authority: authority.utf8.span.bytes, path: prefix == "/" ? path : "/deep" + path)
    #expect(choice.map { "\(table.services[$0.service].name) /" } == expected)
    #expect(choice?.callPath == path)
  }

  @Test func `a call to an unknown host has no service`() throws {
    let table = try ServingTable([Self.service("host", hosts: ["h.internal"], method: "Host")])
    let choice = table.chooseForCall(authority: "x".utf8.span.bytes, path: "/a.B/Host")
    #expect(choice == nil)
  }
}
