import Codec
import Testing

@testable import BridgeConfiguration
@testable import Downstream
@testable import Routing

/// Rules that hold instead of a schema's annotations.
struct HTTPRuleOverrideTests {
  private static func schema() throws -> Schema {
    try TestSchema(methods: [
      TestSchema.Method(name: "Get", rules: [HTTPRule(verb: "GET", template: "/v1/{name}")]),
      TestSchema.Method(name: "Put"),
      TestSchema.Method(name: "Drop", rules: [HTTPRule(verb: "DELETE", template: "/v1/{name}")]),
    ]).load()
  }

  private static func rule(
    _ selector: String, _ bindings: HTTPRule..., source: String = "b.yaml:1:1"
  ) throws -> HTTPRuleOverride {
    HTTPRuleOverride(
      selectors: try HTTPRuleOverride.Selector.list(selector), bindings: bindings, source: source)
  }

  private static func listing(_ rules: [HTTPRuleOverride]) throws -> [String] {
    try RouteTable(schema: Self.schema(), mapsMethodsByName: false, rules: rules).listing()
  }

  @Test func `a rule replaces a method's annotations, and the last of several wins`() throws {
    #expect(
      try Self.listing([
        Self.rule("test.Notes.Get", HTTPRule(verb: "GET", template: "/v2/{name}")),
        Self.rule(
          "test.Notes.Put", HTTPRule(verb: "PUT", template: "/v2/{name}", body: "*"),
          HTTPRule(verb: "MOVE", template: "/v2/{name}:move")),
        Self.rule("test.Notes.Get", HTTPRule(verb: "GET", template: "/v3/{name}")),
      ]) == [
        "DELETE /v1/{name}  →  test.Notes/Drop",
        "PUT    /v2/{name}  →  test.Notes/Put",
        "MOVE   /v2/{name}:move  →  test.Notes/Put",
        "GET    /v3/{name}  →  test.Notes/Get",
      ])
  }

  @Test(arguments: [
    ("test.Notes.Put", ["Put"]), ("test.Notes.*", ["Get", "Put", "Drop"]),
    ("test.*", ["Get", "Put", "Drop"]), ("*", ["Get", "Put", "Drop"]),
    ("test.Notes.Get, test.Notes.Drop", ["Get", "Drop"]),
  ])
  func `a selector is a list of names, each with an optional final star`(
    selector: String, methods: [String]
  ) throws {
    let rule = try Self.rule(selector, HTTPRule(verb: "POST", template: "/x/{name}"))
    let choice = HTTPRuleOverrides([rule], schema: try Self.schema())
    #expect(choice.faults.isEmpty)
    let chosen = try Self.schema().services[0].methods.filter { choice.rule(for: $0) != nil }
    #expect(chosen.map(\.name) == methods)
  }

  @Test(arguments: [
    ("", "package.Service.Method"), ("a..b", "package.Service.Method"),
    ("a.b/C", "package.Service.Method"), ("a.b,", "package.Service.Method"),
    ("1a.B", "package.Service.Method"), ("a.*.C", "at the end"), ("a.b*", "at the end"),
  ])
  func `invalid selectors are refused`(text: String, reason: String) {
    let error = #expect(throws: HTTPRuleOverride.SelectorError.self) {
      try HTTPRuleOverride.Selector.list(text)
    }
    #expect(error?.reason.contains(reason) == true)
  }

  @Test(arguments: [
    ("test.Notes.Gett", "did you mean test.Notes.Get?"),
    ("other.Service.Drop", "did you mean test.Notes.Drop?"),
    ("test.Notes", "write test.Notes.* for all"), ("other.*", "selects no method"),
    ("a.b.Something", "write package.Service.Method, such as test.Notes.Get"),
  ])
  func `the error for an unknown selector suggests a method`(selector: String, hint: String) throws
  {
    let rule = try Self.rule(selector, HTTPRule(verb: "GET", template: "/x"))
    let table = try RouteTable(schema: Self.schema(), mapsMethodsByName: false, rules: [rule])
    #expect(table.faults.map(\.part) == [.selector])
    #expect(table.faults.first?.reason.contains(hint) == true, "\(table.faults)")
  }

  @Test func `the error for an unservable rule names the wrong part`() throws {
    let table = try RouteTable(
      schema: Self.schema(), mapsMethodsByName: false,
      rules: [
        Self.rule(
          "test.Notes.Put", HTTPRule(verb: "PUT", template: "/v1/{nme}"),
          HTTPRule(verb: "PUT", template: "/v1/{tags}"),
          HTTPRule(verb: "PUT", template: "/v1/{name}", body: "txt"),
          HTTPRule(verb: "PUT", template: "/v1/{name}", body: "*", responseBody: "inner.name"),
          HTTPRule(verb: "PUT", template: "/v1/{name}", body: "*", responseBody: "nam"))
      ])
    #expect(table.faults.map(\.binding) == [0, 1, 2, 3, 4])
    #expect(table.faults.map(\.part) == [.pattern, .pattern, .body, .responseBody, .responseBody])
    #expect(table.faults[0].reason.contains("test.Notes/Put: nme: "))
    #expect(table.faults[0].reason.contains("did you mean \"name\"?"))
    #expect(table.faults[1].reason.contains("repeated"))
    #expect(table.faults[2].reason.contains("did you mean \"text\"?"))
  }

  @Test func `a rule's methods are valid methods of requests`() throws {
    let rule = HTTPRule(verb: "*", template: "/v1/any")
    let schema = TestSchema(methods: [TestSchema.Method(name: "Any", rules: [rule])])
    let configuration = Configuration.Service(
      name: "s", schemas: [], endpoint: Configuration.Endpoint(host: "localhost", port: 1))
    let service = try ServedService(configuration, schema: schema.load())
    for method in HTTPMethods.known {
      let client = try TestClient(serving: service, limits: Configuration.Limits())
      client.request("\(method) /v1/any")
      #expect(client.upstream.calls.count == 1, "\(method)")
    }
    for method in ["FETCH", "get", "CONNECT"] {
      let client = try TestClient(serving: service, limits: Configuration.Limits())
      client.request("\(method) /v1/any")
      #expect(client.upstream.calls.isEmpty, "\(method)")
      #expect(try client.response().status >= 400)
    }
  }

  @Test func `a rule with a method that HTTP/1.1 lacks causes a warning or is left out`() throws {
    let rules = [
      HTTPRule(verb: "FETCH", template: "/v1/any"), HTTPRule(verb: "GET", template: "/v1/any"),
      HTTPRule(verb: "get", template: "/v1/other"), HTTPRule(verb: "CONNECT", template: "/v1/any"),
    ]
    let schema = TestSchema(methods: [TestSchema.Method(name: "Any", rules: rules)])
    let table = try RouteTable(schema: schema.load(), mapsMethodsByName: false)
    #expect(table.routes.map(\.httpMethod) == ["FETCH", "GET"])
    #expect(table.warnings.count == 3)
    #expect(table.warnings[0].contains("\"FETCH /v1/any\" can only be reached over HTTP/2"))
    #expect(table.warnings[1].contains("methods are case-sensitive; write GET"))
    #expect(table.warnings[2].contains("no request can have the method CONNECT"))
  }

  @Test func `a conflicting rule is reported with its location`() throws {
    let rules = [
      try Self.rule(
        "test.Notes.Put", HTTPRule(verb: "GET", template: "/v1/{text}"), source: "b.yaml:7:3")
    ]
    let error = try #require(throws: RouteConflictError.self) { _ = try Self.listing(rules) }
    #expect(error.clashes.count == 1)
    #expect(error.clashes[0].rule == 0)
    #expect(error.description.contains("of test.Notes/Put and "))
    #expect(error.description.contains("of test.Notes/Get match the same requests"))
    #expect(error.description.contains("(test.proto and b.yaml:7:3)"))
  }
}
