import Testing

@testable import BridgeConfiguration
@testable import Downstream
@testable import HTTP2

/// The fields of a CORS policy (Fetch standard §3.3).
struct CORSPolicyTests {
  private static let app = "https://app.example"

  private static func policy(
    _ origins: [String] = [Self.app, "http://localhost:3000"],
    change: (inout Configuration.CORS) -> Void = { _ in }
  ) -> CORSPolicy {
    var configuration = Configuration.CORS(origins: origins)
    configuration.methods = ["GET"]
    configuration.headers = ["x-team"]
    configuration.expose = ["x-cost"]
    configuration.maxAge = .seconds(5)
    change(&configuration)
    return CORSPolicy(configuration)
  }

  private static func response(_ policy: CORSPolicy, _ origin: String) -> [String] {
    var fields: HeaderBlock = ["date": "today"]
    policy.appendFields(for: origin, to: &fields)
    #expect(fields.lines.first == "date: today")
    return Array(fields.lines.dropFirst())
  }

  private static func preflight(
    _ policy: CORSPolicy, _ origin: String, _ requestedHeaders: String = ""
  ) -> [String] {
    var fields = HeaderBlock()
    policy.appendPreflight(for: origin, requestedHeaders: requestedHeaders, to: &fields)
    return fields.lines
  }

  @Test(arguments: [
    (app, true), ("HTTPS://App.Example", true), ("http://localhost:3000", true),
    ("http://localhost", false), ("http://app.example", false), ("https://app.example/", false),
    ("https://app.example.evil", false), ("https://xapp.example", false), ("null", false),
    ("", false),
  ])
  func `an origin is permitted by scheme, host and port in any case`(
    origin: String, isPermitted: Bool
  ) {
    #expect(Self.policy().permits(origin) == isPermitted)
    #expect(!Self.policy().permitsAny)
    #expect(Self.policy([]).permits(origin) && Self.policy([]).permitsAny)
  }

  @Test func `origins are configured in any case`() {
    #expect(Self.policy(["https://APP.example"]).permits(Self.app))
  }

  @Test func `a permitted origin is repeated as the client wrote it`() {
    #expect(
      Self.response(Self.policy(), "https://App.example") == [
        "vary: origin", "access-control-allow-origin: https://App.example",
        "access-control-expose-headers: x-cost",
      ])
  }

  @Test(arguments: ["https://evil.example", "null", ""])
  func `another origin gets only Vary`(origin: String) {
    #expect(Self.response(Self.policy(), origin) == ["vary: origin"])
    #expect(Self.preflight(Self.policy(), origin, "x-team") == ["vary: origin"])
  }

  @Test func `any origin gets a star, without Vary`() {
    #expect(
      Self.response(Self.policy([]), "https://where.ever") == [
        "access-control-allow-origin: *", "access-control-expose-headers: x-cost",
      ])
    #expect(Self.response(Self.policy([]), "") == [])
  }

  @Test func `a preflight lists methods, headers and age`() {
    #expect(
      Self.preflight(Self.policy(), Self.app, "x-other") == [
        "vary: origin", "access-control-allow-origin: https://app.example",
        "access-control-allow-methods: GET", "access-control-allow-headers: x-team",
        "access-control-max-age: 5",
      ])
  }

  @Test func `lists without an element have no field`() {
    let policy = Self.policy {
      $0.headers = []
      $0.expose = []
    }
    #expect(
      Self.response(policy, Self.app)
        == ["vary: origin", "access-control-allow-origin: https://app.example"])
    #expect(Self.preflight(policy, Self.app, "x-a").allSatisfy { !$0.contains("allow-headers") })
  }

  @Test func `credentials are allowed in responses and preflights`() {
    let policy = Self.policy { $0.allowsCredentials = true }
    let field = "access-control-allow-credentials: true"
    #expect(Self.response(policy, Self.app).contains(field))
    #expect(Self.preflight(policy, Self.app).contains(field))
    #expect(!Self.response(policy, "https://evil.example").contains(field))
  }

  @Test(
    arguments: [
      ("x-a", "x-a"), ("X-A, content-type,x_b.c", "X-A, content-type,x_b.c"), ("", nil),
      ("x-a\r\nx-b: 1", nil), ("a<b", nil), ("x-é", nil), ("*", nil), ("x-a;q=1", nil),
    ] as [(String, String?)])
  func `if any header is allowed, a list of requested names is repeated`(
    requested: String, allowed: String?
  ) {
    let policy = Self.policy { $0.headers = ["*"] }
    let found = Self.preflight(policy, Self.app, requested).filter {
      $0.hasPrefix("access-control-allow-headers: ")
    }
    #expect(found == (allowed.map { ["access-control-allow-headers: \($0)"] } ?? []))
    #expect(Self.preflight(policy, "https://evil.example", requested) == ["vary: origin"])
  }

  @Test func `an endpoint's CORS fields are removed from its metadata`() {
    let metadata: HeaderBlock = [
      "x-a": "1", "access-control-allow-origin": "*", "access-control": "kept", "vary": "accept",
      "access-control-max-age": "9",
    ]
    #expect(
      CORSPolicy.without(metadata).lines == ["x-a: 1", "access-control: kept", "vary: accept"])
  }
}
