import BridgeProxy
import Codec
import Testing

@testable import Addresses
@testable import BridgeConfiguration
@testable import Routing

/// `http_rules`, `http` and `json.unknown_parameters` of a service.
@Suite struct HTTPRulesTests {
  let folder: TemporaryFolder

  init() throws {
    self.folder = try TemporaryFolder()
    try self.folder.write(
      "a.proto",
      """
      syntax = "proto3";
      package a;
      import "google/api/annotations.proto";
      message E { string id = 1; repeated string tags = 2; E inner = 3; }
      service S {
        rpc Get(E) returns (E) { option (google.api.http) = { get: "/v1/{id}" }; }
        rpc Put(E) returns (E);
      }
      """)
  }

  private func read(_ service: String) throws -> Configuration.Service {
    let indented = service.split(separator: "\n", omittingEmptySubsequences: false)
      .map { "    \($0)" }.joined(separator: "\n")
    let text = "services:\n  s:\n    schemas: a.proto\n    endpoint: 127.0.0.1:1\n" + indented
    let configuration = try ConfigurationReader { _ in nil }
      .read(text: text, file: "b.yaml", folder: self.folder.path)
    return configuration.services[0]
  }

  /// Every fault of a service, those that only the schema shows included.
  private func faults(_ service: String) async throws -> String {
    do {
      let service = try self.read(service)
      _ = try await ServingPlan.load(
        Configuration(listen: [.tcp(host: "127.0.0.1", port: 0)], services: [service]),
        file: "b.yaml")
      return ""
    } catch {
      return "\(error)".replacing(self.folder.path, with: "<folder>")
    }
  }

  private func listing(_ service: String) async throws -> [String] {
    let plan = try await ServingPlan.load(
      Configuration(
        listen: [.tcp(host: "127.0.0.1", port: 0)], services: [try self.read(service)]),
      file: "b.yaml")
    return Array(plan.listing.dropFirst())
  }

  private static let rules = """
      - selector: a.S.Put
        put: /v2/{id}
        body: "*"
        additional_bindings:
        - custom: {kind: MOVE, path: "/v2/{id}:move"}
          response_body: inner
      - selector: a.S.Get
        get: /v2/{id=x/**}
    """

  private static let served = [
    "  POST   /a.S/Get  →  a.S/Get", "  POST   /a.S/Put  →  a.S/Put",
    "  GET    /v2/{id=x/**}  →  a.S/Get", "  PUT    /v2/{id}  →  a.S/Put",
    "  MOVE   /v2/{id}:move  →  a.S/Put",
  ]

  @Test func `rules in the configuration replace annotations`() async throws {
    let listing = try await self.listing("http_rules:\n" + Self.rules)
    #expect(listing == Self.served)
    let bindings = try self.read("http_rules:\n" + Self.rules).httpRules[0].rule.bindings
    #expect(
      bindings == [
        HTTPRule(verb: "PUT", template: "/v2/{id}", body: "*"),
        HTTPRule(verb: "MOVE", template: "/v2/{id}:move", responseBody: "inner"),
      ])
  }

  @Test func `rules of a google.api.Service file replace annotations`() async throws {
    let file = """
      type: google.api.Service
      config_version: 3
      name: a.example.com
      apis:
      - name: a.S
      http:
        fully_decode_reserved_expansion: true
        rules:
      \(Self.rules)
      """
    try self.folder.write("service.yaml", file)
    let listing = try await self.listing("http_rules: service.yaml")
    #expect(listing == Self.served)
  }

  @Test func `a google.api.Service file may contain block scalars`() async throws {
    let file = """
      type: google.api.Service
      config_version: 3
      documentation:
        summary: >-
          Notes: *all* of them & more,
          [unclosed, {too

          !important
        overview: |2
            # A heading
          "a quote that stays open
        rules:
        - selector: a.S
          description: | # &comment
           *bold* text
          deprecation_description: |+

        - selector: a.S.Get
      http:
        rules:
      \(Self.rules)
      """
    try self.folder.write("service.yaml", file)
    let listing = try await self.listing("http_rules: service.yaml")
    #expect(listing == Self.served)
  }

  @Test(arguments: [
    (
      "http_rules: {a: b}",
      "b.yaml:5:17: services.s.http_rules: expected a list of rules or the path"
    ),
    ("http_rules: []", "b.yaml:5:17: services.s.http_rules: an empty list"),
    ("http_rules:", "b.yaml:5:16: services.s.http_rules: expected a list of rules or the path"),
    (
      "http_rules: gone.yaml",
      "b.yaml:5:17: services.s.http_rules: \"gone.yaml\": No such file or directory (looked for <folder>"
    ),
    ("http_rules: [x]", "b.yaml:5:18: services.s.http_rules[0]: expected a mapping"),
    ("http_rules: [{get: /v1}]", "services.s.http_rules[0].selector: missing; name the method"),
    (
      "http_rules: [{selector: a.S.Get}]",
      "b.yaml:5:18: services.s.http_rules[0]: no pattern; write one of get, put, post"
    ),
    (
      "http_rules: [{selector: a.S.Get, get: /v1, post: /v1}]",
      "b.yaml:5:54: services.s.http_rules[0].post: get is set too; keep one"
    ),
    (
      "http_rules: [{selector: a.S.Get, get: /v1, bodi: x}]",
      "b.yaml:5:48: services.s.http_rules[0].bodi: unknown key; did you mean body?"
    ),
    (
      "http_rules: [{selector: a.S.Get, get: v1}]",
      "b.yaml:5:43: services.s.http_rules[0].get: \"v1\": column 1: a template begins with \"/\""
    ),
    (
      "http_rules: [{selector: a.S*, get: /v1}]",
      "b.yaml:5:29: services.s.http_rules[0].selector: \"a.S*\": a \"*\" can only replace whole names"
    ),
    (
      "http_rules: [{selector: a.S.Get, custom: {kind: \"A B\", path: /v1}}]",
      "services.s.http_rules[0].custom.kind: \"A B\" is not a method"
    ),
    (
      "http_rules: [{selector: a.S.Get, custom: {kind: HEAD}}]",
      "services.s.http_rules[0].custom.path: missing; write the path template"
    ),
    (
      "http_rules: [{selector: a.S.Get, get: /v1, additional_bindings: [{get: /v2, additional_bindings: []}]}]",
      "services.s.http_rules[0].additional_bindings[0].additional_bindings: can't be nested; list all bindings"
    ),
    (
      "http_rules: [{selector: a.S.Get, get: /v1, additional_bindings: [{selector: a.S.Put, get: /v2}]}]",
      "services.s.http_rules[0].additional_bindings[0].selector: only the rule itself has a selector"
    ),
    (
      "http_rules: [{selector: a.S.Get, get: /v1, additional_bindings: /v2}]",
      "services.s.http_rules[0].additional_bindings: expected a list of bindings, found a single value"
    ),
    (
      "http_rules: [{selector: a.S.Gett, get: /v1}]",
      "b.yaml:5:29: services.s.http_rules[0].selector: \"a.S.Gett\" is not a method of these schemas; "
        + "did you mean a.S.Get?"
    ),
    (
      "http_rules: [{selector: a.S.Get, get: \"/v1/{idd}\"}]",
      "b.yaml:5:43: services.s.http_rules[0].get: a.S/Get: idd: a.E has no field \"idd\"; "
        + "did you mean \"id\"?"
    ),
    (
      "http_rules: [{selector: a.S.Get, get: \"/v1/{tags}\"}]",
      "services.s.http_rules[0].get: a.S/Get: tags: a path variable can't be a repeated field"
    ),
    (
      "http_rules: [{selector: a.S.Get, put: /v1, body: innr}]",
      "b.yaml:5:54: services.s.http_rules[0].body: a.S/Get: innr: a.E has no field \"innr\""
    ),
    (
      "http_rules: [{selector: a.S.Get, get: /v1, response_body: inner.id}]",
      "services.s.http_rules[0].response_body: a.S/Get: response_body inner.id must name a field of"
    ),
    (
      "http_rules: [{selector: a.S.Put, get: \"/v1/{tags=x}\"}, {selector: a.S.Put, get: \"/v1/{inner.id}\"}]",
      "b.yaml:5:71: services.s.http_rules[1].selector: GET /v1/{inner.id} of a.S/Put and /v1/{id} of "
        + "a.S/Get match the same requests (a.proto and b.yaml:5:71); give one of them another path"
    ),
    ("http: {plus: space}", "services.s.http.plus: unknown key; the keys here are clashes"),
    (
      "http: {path_decoding: none}",
      "services.s.http.path_decoding: \"none\" is not a choice; write all_but_slash or keep_reserved"
    ),
    (
      "json: {unknown_parameters: ignored}",
      "\"ignored\" is not a choice; write reject, ignore, or a list of the names to ignore"
    ),
    (
      "http: {content_type: json5}",
      "services.s.http.content_type: \"json5\" is not a choice; write json or any"
    ),
    (
      "http: {slashes: all}",
      "services.s.http.slashes: \"all\" is not a choice; write keep or merge"
    ),
    (
      "http: {unexpected_body: drop}",
      "services.s.http.unexpected_body: \"drop\" is not a choice; write reject or ignore"
    ),
    ("http: {query_under_body: drop}", "\"drop\" is not a choice; write reject or merge or ignore"),
    ("http: {method_override: GET}", "services.s.http.method_override: expected true or false"),
    ("stream: {envelope: data}", "\"data\" is not a choice; write none or result"),
    ("headers: {grpc_metadata: some}", "services.s.headers.grpc_metadata: expected true or false"),
    ("status_header: \"x code\"", "services.s.status_header: \"x code\": not a metadata name"),
    ("status_header: grpc-status", "services.s.status_header: \"grpc-status\": reserved"),
    ("json: {unknown_parameters: []}", "services.s.json.unknown_parameters: an empty list"),
    (
      "json: {unknown_parameters: [\"\"]}",
      "services.s.json.unknown_parameters[0]: an empty name; write the parameter's name"
    ),
  ])
  func `errors in rules are reported with their location`(
    text: String, fault: String
  ) async throws {
    let faults = try await self.faults(text)
    #expect(faults.contains(fault), "\(faults)")
    #expect(faults.split(separator: "\n").count == 1, "\(faults)")
  }

  @Test func `errors in a google.api.Service file name that file`() async throws {
    try self.folder.write(
      "service.yaml",
      """
      http:
        rules:
        - selector: a.S.Nothing
          get: /v1
        - selector: a.S.Put
          put: "/v1/{i"
      """)
    let faults = try await self.faults("http_rules: service.yaml")
    #expect(
      faults == """
        service.yaml:6:10: http.rules[1].put: "/v1/{i": column 7: the variable isn't closed; \
        expected "}"
        """)
    for (text, fault) in [
      ("http: {}", "service.yaml:1:1: http.rules: expected a list of rules, found none"),
      ("name: x", "service.yaml:1:1: http: missing; write the rules under http: rules:"),
      ("http: {rules: {}}", "service.yaml:1:15: http.rules: expected a list of rules, found a map"),
      ("http: {rules: [], rule: x}", "service.yaml:1:19: http.rule: unknown key"),
    ] {
      try self.folder.write("service.yaml", text)
      let faults = try await self.faults("http_rules: service.yaml")
      #expect(faults.contains(fault), "\(faults)")
    }
  }

  @Test func `errors in two files are reported per file`() async throws {
    try self.folder.write(
      "service.yaml",
      """
      http:
        rules:
        - {selector: a.S.Get, get: x}
        - {selector: a.S.Put, put: y}
      """)
    let faults = try await self.faults("timeout: 5\nhttp_rules: service.yaml\nprefix: p")
    let places = faults.split(separator: "\n").map { $0.prefix { $0 != " " } }
    #expect(places == ["b.yaml:5:14:", "b.yaml:7:13:", "service.yaml:3:30:", "service.yaml:4:30:"])
  }

  @Test func `options for paths and queries are read`() throws {
    let standard = try self.read("http: {}")
    #expect(standard.routing == RoutingOptions())
    #expect(standard.encode.refusesPathFieldsElsewhere == false)
    #expect(standard.encode.mergesQueryIntoBodyField == false)
    let service = try self.read(
      """
      http:
        path_decoding: keep_reserved
        trailing_slash: strict
        plus_in_query: literal
        path_field_elsewhere: reject
        query_under_body: merge
      json: {unknown_parameters: [key, access_token]}
      """)
    #expect(service.routing.multiSegmentScope == .allButReserved)
    #expect(service.routing.matchesTrailingSlash == false)
    #expect(service.routing.queryScope == .everything)
    #expect(service.encode.refusesPathFieldsElsewhere)
    #expect(service.encode.mergesQueryIntoBodyField)
    #expect(service.encode.ignoresUnknownParameters == false)
    #expect(service.encode.ignoredParameters == [Array("key".utf8), Array("access_token".utf8)])
    #expect(standard.requests == Configuration.RequestOptions())
    #expect(standard.encode.ignoresQueryUnderBodyField == false)
    #expect(standard.statusHeader == nil && standard.stream.hasEnvelope == false)
    #expect(standard.headers.usesGRPCMetadata == false)
    let lenient = try self.read(
      """
      http:
        content_type: any
        unexpected_body: ignore
        query_under_body: ignore
        slashes: merge
        method_override: on
      status_header: X-HTTP-Code
      headers: {grpc_metadata: on}
      stream: {envelope: result}
      """)
    #expect(lenient.requests.takesAnyContentType && lenient.requests.ignoresUnexpectedBody)
    #expect(lenient.requests.overridesMethods)
    #expect(lenient.encode.ignoresQueryUnderBodyField)
    #expect(lenient.encode.mergesQueryIntoBodyField == false)
    #expect(lenient.routing.mergesSlashes)
    #expect(lenient.statusHeader == "x-http-code")
    #expect(lenient.headers.usesGRPCMetadata && lenient.stream.hasEnvelope)
    #expect(try self.read("http: {path_decoding: all}").routing.multiSegmentScope == .everything)
  }
}
