import Codec
import Testing

@testable import BridgeProxy

/// From methods and their rules to routes.
struct RouteTableTests {
  private static let notes = TestSchema(methods: [
    TestSchema.Method(
      name: "Get", rules: [HTTPRule(verb: "GET", template: "/v1/{name=notes/*}")]),
    TestSchema.Method(
      name: "Put",
      rules: [
        HTTPRule(verb: "PUT", template: "/v1/{inner.name}", body: "inner", responseBody: "inner"),
        HTTPRule(verb: "POST", template: "/v1/notes", body: "*"),
      ]),
    TestSchema.Method(name: "Plain"),
    TestSchema.Method(
      name: "Push", isClientStreaming: true,
      rules: [HTTPRule(verb: "POST", template: "/v1/push", body: "*")]),
    TestSchema.Method(
      name: "Purge", rules: [HTTPRule(verb: "PURGE", template: "/v1/cache/{name}")]),
  ])

  @Test("each rule and each method's own name become a route")
  func listing() throws {
    let table = try RouteTable(schema: Self.notes.load(), mapsMethodsByName: true)
    #expect(table.warnings.isEmpty, "\(table.warnings)")
    #expect(
      table.listing(prefix: "/api") == [
        "POST   /api/test.Notes/Get  →  test.Notes/Get",
        "POST   /api/test.Notes/Plain  →  test.Notes/Plain",
        "POST   /api/test.Notes/Purge  →  test.Notes/Purge",
        "POST   /api/test.Notes/Push  →  test.Notes/Push"
          + "  (takes a stream)",
        "POST   /api/test.Notes/Put  →  test.Notes/Put",
        "PURGE  /api/v1/cache/{name}  →  test.Notes/Purge",
        "POST   /api/v1/notes  →  test.Notes/Put",
        "POST   /api/v1/push  →  test.Notes/Push"
          + "  (takes a stream)",
        "PUT    /api/v1/{inner.name}  →  test.Notes/Put",
        "GET    /api/v1/{name=notes/*}  →  test.Notes/Get",
      ])
  }

  @Test("methods are not served by name where that's off")
  func namesOff() throws {
    let table = try RouteTable(schema: Self.notes.load(), mapsMethodsByName: false)
    var scratch = RouteScratch()
    let path = "/test.Notes/Plain".utf8.span.bytes
    #expect(table.match("POST", path, &scratch) == nil)
    #expect(table.allowedMethods(path, &scratch) == [])
    #expect(table.routes.allSatisfy { !$0.isByName })
  }

  @Test("a matched route knows its call, its body and its variables")
  func resolved() throws {
    let table = try RouteTable(schema: Self.notes.load(), mapsMethodsByName: true)
    var scratch = RouteScratch()
    let path = Array("/v1/a%2Fb".utf8)
    let index = try #require(table.match("PUT", path.span.bytes, &scratch))
    let route = table.routes[index]
    #expect(route.callPath == "/test.Notes/Put")
    guard case .field(let body) = route.body else {
      Issue.record("the body is a field")
      return
    }
    #expect(body.text == "inner")
    #expect(route.responseBody?.text == "inner")
    let variable = try #require(route.variables.first)
    #expect(variable.field.text == "inner.name")
    let range = route.range(of: variable, in: path.span.bytes, scratch)
    #expect(String(decoding: path[range], as: UTF8.self) == "a%2Fb")
    #expect(variable.scope == .everything)
  }

  @Test("a rule that can't be served is left out with a reason, and the rest is served")
  func broken() throws {
    let schema = TestSchema(methods: [
      TestSchema.Method(
        name: "Get",
        rules: [
          HTTPRule(verb: "GET", template: "/v1/{name"),
          HTTPRule(verb: "GET", template: "/v1/{nome}"),
          HTTPRule(verb: "POST", template: "/v1/x", body: "nothing"),
          HTTPRule(verb: "POST", template: "/v1/y", responseBody: "nothing"),
          HTTPRule(verb: "GET", template: "/v1/good/{name}"),
        ])
    ])
    let table = try RouteTable(schema: schema.load(), mapsMethodsByName: true)
    #expect(table.routes.map(\.template.text) == ["/v1/good/{name}", "/test.Notes/Get"])
    #expect(table.warnings.count == 4)
    #expect(
      table.warnings.first
        == "test.proto: test.Notes/Get: \"GET /v1/{name\" is not served: column 10: "
        + "the variable isn't closed; expected \"}\"")
    #expect(table.warnings.dropFirst().allSatisfy { $0.contains("is not served: ") })
  }

  @Test("all clashes are named in one go, with both methods, templates and files")
  func clashes() throws {
    let first = TestSchema(methods: [
      TestSchema.Method(
        name: "A",
        rules: [
          HTTPRule(verb: "GET", template: "/v1/{name}"),
          HTTPRule(verb: "GET", template: "/v1/{name}"),
          HTTPRule(verb: "POST", template: "/test.Notes/A", body: "*"),
        ]),
      TestSchema.Method(name: "B", rules: [HTTPRule(verb: "GET", template: "/v1/{text=*}")]),
    ])
    let second = TestSchema(
      package: "other", file: "other.proto",
      messages: [("Note", [TestSchema.Field(name: "id", number: 1)])],
      methods: [
        TestSchema.Method(
          name: "C",
          rules: [
            HTTPRule(verb: "GET", template: "/v1/*"),
            HTTPRule(verb: "POST", template: "/test.Notes/B", body: "*"),
          ])
      ])
    let schema = try first.load(beside: [second])
    let error = #expect(throws: RouteClashes.self) {
      try RouteTable(schema: schema, mapsMethodsByName: true)
    }
    #expect(
      error?.description.split(separator: "\n").map(String.init) == [
        "GET /v1/{name} of test.Notes/A (test.proto) and GET /v1/{text=*} of test.Notes/B "
          + "(test.proto) match the same requests; change one of the templates",
        "GET /v1/{name} of test.Notes/A (test.proto) and GET /v1/* of other.Notes/C "
          + "(other.proto) match the same requests; change one of the templates",
        "POST /test.Notes/B of other.Notes/C (other.proto) and POST /test.Notes/B of "
          + "test.Notes/B (test.proto) match the same requests; change one of the templates",
      ])
  }

  @Test(
    "a path that matches nothing is told of those that it resembles",
    arguments: [
      ("/v1/note", ["PUT /v1/{inner.name}", "POST /v1/notes"]),
      ("/v1/cashe/7", ["PURGE /v1/cache/{name}"]),
      ("/v1/note/7", ["GET /v1/{name=notes/*}"]),
      ("/test.Notes/Plaln", ["POST /test.Notes/Plain"]),
      ("/completely/different/thing", []),
      ("/", []),
      (String(repeating: "/", count: 300), []),
      ("/v1/" + String(repeating: "x", count: 300), []),
    ])
  func nearest(_ path: String, _ expected: [String]) throws {
    let table = try RouteTable(schema: Self.notes.load(), mapsMethodsByName: true)
    let found = table.nearest(to: path.utf8.span.bytes)
    let names = found.map { "\($0.httpMethod) \($0.template)" }
    #expect(Array(names.prefix(expected.count)) == expected)
    #expect(found.isEmpty == expected.isEmpty)
  }
}
