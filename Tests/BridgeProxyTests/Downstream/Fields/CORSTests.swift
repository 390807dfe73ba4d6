import NIOHTTP1
import Testing

@testable import AccessLogging
@testable import BridgeConfiguration
@testable import GRPCWire

/// Pages of other origins.
struct CORSTests {
  private static let app = "https://app.example"

  private static func client(
    _ origins: [String] = [Self.app, "http://localhost:3000"],
    change: @escaping (inout Configuration.CORS) -> Void = { _ in }
  ) throws -> TestClient {
    try TestClient {
      var cors = Configuration.CORS(origins: origins)
      change(&cors)
      $0.cors = cors
    }
  }

  private static func preflight(
    _ client: TestClient, _ origin: String, method: String = "POST", path: String = "/v1/echo",
    _ more: [String] = []
  ) throws -> ParsedResponse {
    client.request(
      "OPTIONS \(path)", ["Origin: \(origin)", "Access-Control-Request-Method: \(method)"] + more)
    return try client.response()
  }

  private static func fields(of response: ParsedResponse) -> [String: String] {
    response.fields.filter { $0.key.hasPrefix("access-control-") || $0.key == "vary" }
  }

  @Test func `a preflight of an allowed origin is granted, whatever it asks for`() throws {
    let client = try Self.client()
    for (origin, path) in [
      (Self.app, "/v1/echo"), ("HTTPS://App.Example", "/v1/echo"),
      ("http://localhost:3000", "/v1/notes/a"), (Self.app, "/nowhere"),
    ] {
      let response = try Self.preflight(client, origin, path: path)
      #expect(response.status == 204)
      #expect(
        Self.fields(of: response) == [
          "access-control-allow-origin": origin, "vary": "origin",
          "access-control-allow-methods": "DELETE, GET, HEAD, PATCH, POST, PUT",
          "access-control-allow-headers": "content-type, authorization",
          "access-control-max-age": "600",
        ])
    }
    #expect(client.upstream.calls.isEmpty)
    #expect(client.log.entries.map(\.service) == Array(repeating: "notes", count: 4))
  }

  @Test(arguments: [
    "https://evil.example", "null", "https://app.example.evil", "https://app.example:8443",
    "http://app.example", "https://app.example/", "https://xapp.example", "http://localhost:1",
  ])
  func `an origin that isn't allowed is never repeated`(_ origin: String) throws {
    let client = try Self.client()
    let refused = try Self.preflight(client, origin)
    #expect(refused.status == 403)
    #expect(refused.body.contains(#""reason":"ORIGIN_NOT_ALLOWED""#))
    #expect(refused.body.contains("services.notes.cors.origins"))
    #expect(Self.fields(of: refused) == ["vary": "origin"])
    // No call begins, because pages may send some requests without asking first.
    client.request("GET /v1/notes/a", ["Origin: \(origin)"])
    let response = try client.response()
    #expect(response.status == 403)
    #expect(client.upstream.calls.isEmpty)
    #expect(Self.fields(of: response) == ["vary": "origin"])
  }

  @Test func `responses, errors and streams allow a permitted origin to read them`() throws {
    let client = try Self.client { $0.expose = ["x-cost", "x-request-id"] }
    let expected = [
      "access-control-allow-origin": Self.app, "vary": "origin",
      "access-control-expose-headers": "x-cost, x-request-id",
    ]
    let origin = "Origin: \(Self.app)"
    client.request("GET /v1/notes/a", [origin])
    // What the endpoint says of it would be a second field, which browsers refuse.
    client.upstream.calls[0].head([("access-control-allow-origin", "*"), ("x-cost", "7")])
    client.upstream.calls[0].reply([])
    client.upstream.calls[0].end()
    let response = try client.response()
    #expect(response.fields["x-cost"] == "7")
    #expect(Self.fields(of: response) == expected)

    client.request("GET /v1/notes/a", [origin])
    client.upstream.calls[1].end(GRPCStatus(.notFound))
    #expect(Self.fields(of: try client.response()) == expected)

    client.request("GET /v1/watch/a", [origin])
    client.upstream.calls[2].reply([])
    client.upstream.calls[2].end()
    #expect(Self.fields(of: try client.response()) == expected)

    for (line, more, status) in [
      ("GET /nowhere", [], 404), ("DELETE /v1/echo", [], 405),
      ("GET /v1/notes/a", ["grpc-timeout: soon"], 400), ("GET /v1/notes/a", ["Accept: a/b"], 406),
      ("POST /v1/push", ["Content-Type: a/b", "Transfer-Encoding: chunked"], 415),
    ] {
      client.request(line, [origin] + more)
      let error = try client.response()
      #expect(error.status == status)
      #expect(Self.fields(of: error) == expected)
    }
  }

  @Test func `without an origin a response has only Vary`() throws {
    let client = try Self.client()
    client.request("GET /v1/notes/a")
    client.upstream.calls[0].end(GRPCStatus(.notFound))
    #expect(Self.fields(of: try client.response()) == ["vary": "origin"])
  }

  @Test func `OPTIONS that isn't a preflight goes to its route, or has none`() throws {
    let client = try Self.client()
    for fields in [["Origin: \(Self.app)"], ["Access-Control-Request-Method: POST"], []] {
      client.request("OPTIONS /v1/notes/a", fields)
      let response = try client.response()
      #expect(response.status == 405)
      #expect(response.fields["allow"] != nil)
    }
    client.request(
      "GET /v1/notes/a", ["Origin: \(Self.app)", "Access-Control-Request-Method: POST"])
    #expect(client.upstream.calls.count == 1)
  }

  @Test func `OPTIONS that the schema maps reaches its route`() throws {
    let client = try Self.client()
    client.request("OPTIONS /v1/options/a", ["Origin: \(Self.app)"])
    #expect(client.upstream.calls.map(\.message) == [TestSchema.note(name: "a")])
    client.upstream.calls[0].end(GRPCStatus(.notFound))
    #expect(try client.response().status == 404)
    #expect(try Self.preflight(client, Self.app, path: "/v1/options/a").status == 204)
    #expect(client.upstream.calls.count == 1)
  }

  @Test
  func `without a policy there are no CORS fields, and a preflight is a plain request`() throws {
    let client = try TestClient()
    let response = try Self.preflight(client, Self.app)
    #expect(response.status == 405)
    #expect(Self.fields(of: response) == [:])
  }

  @Test func `any origin, any header and credentials can be allowed`() throws {
    let any = try Self.client([]) { $0.headers = ["*"] }
    var response = try Self.preflight(
      any, "https://where.ever", ["Access-Control-Request-Headers: x-a, Content-Type"])
    #expect(response.status == 204)
    #expect(response.fields["access-control-allow-origin"] == "*")
    #expect(response.fields["access-control-allow-headers"] == "x-a, Content-Type")
    #expect(response.fields["access-control-allow-credentials"] == nil)
    #expect(response.fields["vary"] == nil)
    response = try Self.preflight(
      any, "https://where.ever", ["Access-Control-Request-Headers: a<b"])
    #expect(response.fields["access-control-allow-headers"] == nil)

    let own = try Self.client { $0.allowsCredentials = true }
    #expect(
      try Self.preflight(own, Self.app).fields["access-control-allow-credentials"] == "true")
    own.request("GET /v1/notes/a", ["Origin: \(Self.app)"])
    own.upstream.calls[0].end(GRPCStatus(.notFound))
    response = try own.response()
    #expect(response.fields["access-control-allow-credentials"] == "true")
    #expect(response.fields["access-control-allow-origin"] == Self.app)
  }
}
