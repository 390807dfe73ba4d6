import Codec
import Testing

@testable import Routing

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

  @Test func `each rule and each method's own name become a route`() throws {
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

  @Test func `methods are not served by name if that's disabled`() throws {
    let table = try RouteTable(schema: Self.notes.load(), mapsMethodsByName: false)
    var scratch = RouteScratch()
    let path = "/test.Notes/Plain".utf8.span.bytes
    #expect(table.match("POST", path, &scratch) == nil)
    #expect(table.allowedMethods(path, &scratch) == [])
    #expect(table.routes.allSatisfy { !$0.isByName })
  }

  @Test func `a matched route has its call, its body and its variables`() throws {
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

  @Test func `a rule that can't be served is left out, and the rest is served`() throws {
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

  private static func clashing() throws -> Schema {
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
    return try first.load(beside: [second])
  }

  @Test func `the first of two rules wins, with one warning per pair of methods`() throws {
    let table = try RouteTable(schema: Self.clashing(), mapsMethodsByName: true)
    #expect(
      table.warnings == [
        "GET /v1/{text=*} calls test.Notes/A, which is declared first, and not test.Notes/B; give one "
          + "of them another path with http_rules",
        "GET /v1/* calls test.Notes/A, which is declared first, and not other.Notes/C; give one of them "
          + "another path with http_rules",
        "POST /test.Notes/B calls other.Notes/C by its rule, not test.Notes/B by its name",
      ])
    var scratch = RouteScratch()
    for (method, path, expected) in [
      ("GET", "/v1/x", "/test.Notes/A"), ("POST", "/test.Notes/B", "/other.Notes/C"),
      ("POST", "/other.Notes/C", "/other.Notes/C"),
    ] {
      let index = try #require(table.match(method, path.utf8.span.bytes, &scratch))
      #expect(table.routes[index].callPath == expected)
    }
  }

  @Test func `refused conflicts are all reported, except for names of methods`() throws {
    var options = RoutingOptions()
    options.clashes = .refuse
    let error = #expect(throws: RouteConflictError.self) {
      try RouteTable(schema: Self.clashing(), mapsMethodsByName: true, options: options)
    }
    #expect(
      error?.description.split(separator: "\n").map(String.init) == [
        "GET /v1/{text=*} of test.Notes/B and /v1/{name} of test.Notes/A match the same requests; give "
          + "one of them another path with http_rules",
        "GET /v1/* of other.Notes/C and /v1/{name} of test.Notes/A match the same requests (test.proto "
          + "and other.proto); give one of them another path with http_rules",
      ])
  }

  @Test func `conflicts of external rules are refused unless the first is to win`() throws {
    let schema = TestSchema(methods: [
      TestSchema.Method(name: "A", rules: [HTTPRule(verb: "GET", template: "/v1/{name}")]),
      TestSchema.Method(name: "B"),
    ])
    let rule = HTTPRuleOverride(
      selectors: try HTTPRuleOverride.Selector.list("test.Notes.B"),
      bindings: [HTTPRule(verb: "GET", template: "/v1/{text}")], source: "b.yaml:1:1")
    for (clashes, isRefused) in [
      (nil, true), (.refuse, true), (.first, false),
    ] as [(RoutingOptions.Clashes?, Bool)] {
      var options = RoutingOptions()
      options.clashes = clashes
      let table = try? RouteTable(
        schema: schema.load(), mapsMethodsByName: false, rules: [rule], options: options)
      #expect((table == nil) == isRefused)
      if let table { #expect(table.warnings.count == 1) }
    }
  }

  // MARK: Rules that aren't served

  /// What a request reaches: a call path, nothing, or why not.
  private static func outcome(
    _ table: RouteTable, _ method: String, _ path: String
  ) -> String {
    var scratch = RouteScratch()
    let bytes = path.utf8.span.bytes
    if let reason = table.reasonNotServed(method, bytes, &scratch) {
      #expect(table.match(method, bytes, &scratch) == nil)
      return "closed: \(reason)"
    }
    return table.match(method, bytes, &scratch).map { table.routes[$0].callPath } ?? "nothing"
  }

  @Test(arguments: [
    // The template is one, its variable none.
    ("/v1/{nome=things/*}", "/v1/things/7", true), ("/v1/{nome=things/*}", "/v1/thing/7", false),
    ("/v1/things/{nome}:go", "/v1/things/7:go", true),
    ("/v1/things/{nome}:go", "/v1/things/7", false),
    // What isn't a template.
    ("v1/things/{name}", "/v1/things/7", true), ("/v1/things/{name}/", "/v1/things/7", true),
    ("/v1/things/{name", "/v1/things/7", true), ("/v1/things/{name}?x=1", "/v1/things/7", true),
    ("/v1/{name}.json", "/v1/7.json", true), ("/v1/{name}.json", "/v1/7.xml", false),
    ("/v1/a{name}b/x", "/v1/a7b/x", true), ("/v1/a{name}b/x", "/v1/a7c/x", false),
    ("/v1/{name}-{text}", "/v1/a-b", true), ("/v1/{name}-{text}", "/v1/ab", false),
    ("/v1/a*", "/v1/abc", true), ("/v1/a*", "/v1/bc", false),
    ("/v1/x/**/{name}", "/v1/x/y/z", true), ("/v1/x/**/{name}", "/v1/y/z", false),
    ("/v1/{name={text}}/x", "/v1/7/x", true), ("/v1/{name}/{name}", "/v1/a/b", true),
    ("/v1//x", "/v1//x", true), ("/v1/{name}:a::b", "/v1/7:a::b", true),
  ])
  func `the requests of an unservable rule reach no other method`(
    _ template: String, _ path: String, _ isClosed: Bool
  ) throws {
    let schema = TestSchema(methods: [
      TestSchema.Method(name: "Lost", rules: [HTTPRule(verb: "GET", template: template)]),
      TestSchema.Method(name: "All", rules: [HTTPRule(verb: "GET", template: "/v1/{name=**}")]),
    ])
    let table = try RouteTable(schema: schema.load(), mapsMethodsByName: true)
    #expect(table.warnings.count == 1)
    let outcome = Self.outcome(table, "GET", path)
    if isClosed {
      #expect(
        outcome.hasPrefix("closed: the rule GET \(template) of test.Notes/Lost is not served: "))
    } else {
      #expect(outcome == "/test.Notes/All")
    }
    #expect(Self.outcome(table, "POST", path) == "nothing")
    var scratch = RouteScratch()
    let allowed = table.allowedMethods(path.utf8.span.bytes, &scratch)
    #expect(allowed == (isClosed ? [] : ["GET", "HEAD"]))
  }

  @Test func `an unservable rule removes no other route with the same paths`() throws {
    let schema = TestSchema(methods: [
      TestSchema.Method(
        name: "Half",
        rules: [
          HTTPRule(verb: "GET", template: "/v1/things/{nome}"),
          HTTPRule(verb: "GET", template: "/v1/{name=**}"),
        ]),
      TestSchema.Method(
        name: "Lost", rules: [HTTPRule(verb: "GET", template: "/v2/things/{nome}")]),
      TestSchema.Method(
        name: "Same", rules: [HTTPRule(verb: "GET", template: "/v2/things/{name}")]),
    ])
    let table = try RouteTable(schema: schema.load(), mapsMethodsByName: false)
    #expect(Self.outcome(table, "GET", "/v1/things/7") == "/test.Notes/Half")
    #expect(Self.outcome(table, "GET", "/v2/things/7") == "/test.Notes/Same")
  }

  @Test func `a verb may contain colons, and the longest one wins`() throws {
    let schema = TestSchema(methods: [
      TestSchema.Method(
        name: "XY", rules: [HTTPRule(verb: "POST", template: "/v1/{name=a/*}:x:y")]),
      TestSchema.Method(name: "Y", rules: [HTTPRule(verb: "POST", template: "/v1/{name=a/*}:y")]),
      TestSchema.Method(name: "None", rules: [HTTPRule(verb: "POST", template: "/v1/{name=**}")]),
    ])
    let table = try RouteTable(schema: schema.load(), mapsMethodsByName: false)
    #expect(table.warnings == [])
    for (path, method, value) in [
      ("/v1/a/b:x:y", "XY", "a/b"), ("/v1/a/b:y", "Y", "a/b"), ("/v1/a/b:x", "None", "a/b:x"),
      ("/v1/a/b:c:x:y", "XY", "a/b:c"), ("/v1/a/b:z:y", "Y", "a/b:z"),
      ("/v1/a/b:y:x", "None", "a/b:y:x"),
      ("/v1/a/b:x:y/", "XY", "a/b"), ("/v1/a/:x:y", "Y", "a/:x"),
    ] {
      var scratch = RouteScratch()
      let bytes = Array(path.utf8)
      let index = try #require(table.match("POST", bytes.span.bytes, &scratch))
      let route = table.routes[index]
      #expect(route.callPath == "/test.Notes/\(method)", "\(path)")
      let range = route.range(of: route.variables[0], in: bytes.span.bytes, scratch)
      #expect(String(decoding: bytes[range], as: UTF8.self) == value, "\(path)")
    }
  }

  @Test func `of hundreds of wrong rules ten are reported and the rest counted`() throws {
    let name = String(repeating: "n", count: 700) + "\u{1B}[31m\n\u{202E}"
    let rules = (0..<500).map { HTTPRule(verb: "GET", template: "/v1/\($0)/{\(name)}") }
    let schema = TestSchema(methods: [TestSchema.Method(name: "Get", rules: rules)])
    let table = try RouteTable(schema: schema.load(), mapsMethodsByName: true)
    #expect(table.warnings.count == 11)
    #expect(table.warnings.last == "… and 490 more rules that are not served")
    for warning in table.warnings {
      #expect(warning.unicodeScalars.count <= 601)
      #expect(warning.unicodeScalars.allSatisfy(ForeignText.isHarmless))
    }
  }

  @Test(arguments: [
    ("/v1/note", ["PUT /v1/{inner.name}", "POST /v1/notes"]),
    ("/V1/Notes", ["POST /v1/notes", "PUT /v1/{inner.name}"]),
    ("/Notes/Get", ["POST /test.Notes/Get"]),
    ("/notes/get", ["POST /test.Notes/Get"]),
    ("/test.Notes.Plain", ["POST /test.Notes/Plain"]),
    ("/test/Notes/Plain", ["POST /test.Notes/Plain"]),
    ("/Test.Notes/plain", ["POST /test.Notes/Plain"]),
    ("/Plain", ["POST /test.Notes/Plain"]),
    ("/api/test.Notes/Plain", ["POST /test.Notes/Plain"]),
    ("/cache/7", ["PURGE /v1/cache/{name}"]),
    ("/api/v1/cache/7", ["PURGE /v1/cache/{name}"]),
    ("/v7/nothing/like/cache/at/all", ["PURGE /v1/cache/{name}"]),
    ("/v1/cashe/7", ["PURGE /v1/cache/{name}"]),
    ("/v1/note/7", ["GET /v1/{name=notes/*}"]),
    ("/test.Notes/Plaln", ["POST /test.Notes/Plain"]),
    ("/completely/different/thing", []),
    ("/", []),
    (String(repeating: "/", count: 300), []),
    ("/v1/" + String(repeating: "x", count: 300), []),
  ])
  func `the error for an unmatched path suggests similar ones`(
    _ path: String, _ expected: [String]
  ) throws {
    let table = try RouteTable(schema: Self.notes.load(), mapsMethodsByName: true)
    let found = table.nearest(to: path.utf8.span.bytes)
    let names = found.map { "\($0.httpMethod) \($0.template)" }
    #expect(Array(names.prefix(expected.count)) == expected)
    #expect(found.isEmpty == expected.isEmpty)
  }
}
