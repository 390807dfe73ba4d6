import Testing

@testable import AccessLogging
@testable import BridgeConfiguration
@testable import GRPCWire
@testable import HTTP2
@testable import Routing
@testable import Upstream

/// Requests that aren't quite what their rules say, and the options that take them all the same.
struct RequestOptionsTests {
  // MARK: Bodies that nobody wants

  @Test func `an unexpected body is refused, naming the option, or ignored`() throws {
    for fields in [
      ["Content-Type: application/json"], [], ["Content-Type: text/plain"],
      ["Content-Encoding: br"],
    ] {
      let strict = try TestClient()
      strict.request("GET /v1/notes/a", fields, body: #"{"text":"x"}"#)
      let refused = try strict.response()
      #expect((400...415).contains(refused.status))
      if fields != ["Content-Encoding: br"] {
        #expect(refused.body.contains("services.notes.http.unexpected_body: ignore"))
      }
      let lenient = try TestClient { $0.requests.ignoresUnexpectedBody = true }
      lenient.upstream.echoes()
      lenient.request("GET /v1/notes/a", fields, body: #"{"text":"x"}"#)
      #expect(try lenient.response().body == #"{"name":"a"}"#)
      #expect(lenient.isOpen)
    }
  }

  @Test func `a streamed request's unexpected body is ignored, within limits`() throws {
    var limits = Configuration.Limits()
    limits.requestBodyBytes = 16
    let client = try TestClient(limits: limits) { $0.requests.ignoresUnexpectedBody = true }
    client.request("GET /v1/push/a", body: "anything")
    let call = try #require(client.upstream.calls.first)
    #expect(call.sent.map { Array($0.dropFirst(5)) } == [TestSchema.note(name: "a")])
    #expect(call.isComplete)
    call.reply(TestSchema.note(name: "b"))
    call.end()
    #expect(try client.response().body == #"{"name":"b"}"#)
    client.request("GET /v1/notes/a", body: String(repeating: "x", count: 17))
    #expect(try client.response().status == 413)
  }

  // MARK: Slashes

  @Test(arguments: [
    ("//v1/notes/a", "a"), ("/v1//notes///a", "a"), ("/v1/notes/a//", "a"),
    ("/v1/notes/a%2F%2Fb", "a//b"), ("//v1/files//a//b", "a/b"),
    ("http://localhost//v1//notes/a", "a"), ("/v1/notes/a", "a"),
  ])
  func `repeated slashes count as one if configured`(target: String, name: String) throws {
    for query in ["", "?text=a//b"] {
      let client = try TestClient { $0.routing.mergesSlashes = true }
      client.upstream.echoes()
      client.request("GET \(target)\(query)")
      let response = try client.response()
      #expect(response.status == 200)
      #expect(response.body.contains(#""name":"\#(name)""#))
      #expect(response.body.contains(#""text":"a//b""#) == !query.isEmpty)
    }
  }

  @Test func `parsing a path of only slashes takes linear time`() throws {
    let client = try TestClient { $0.routing.mergesSlashes = true }
    client.request("GET \(String(repeating: "/", count: 60_000))")
    #expect(try client.response().status == 404)
  }

  @Test func `repeated slashes are kept by default, and the 404 names the option`() throws {
    let client = try TestClient()
    client.upstream.echoes()
    client.request("GET //v1/notes/a")
    let response = try client.response()
    #expect(response.status == 404)
    #expect(response.body.contains("services.notes.http.slashes: merge"))
    client.request("GET /v1/nothing/a")
    #expect(try client.response().body.contains("slashes") == false)
    client.request("GET /v1/files//a//b")
    #expect(try client.response().body == #"{"name":"/a//b"}"#)
  }

  @Test func `a prefix is found after repeated slashes, if its service merges them`() throws {
    let client = try TestClient { service in
      service.prefix = "/bench"
      service.routing.mergesSlashes = true
    }
    client.upstream.echoes()
    client.request("GET //bench//v1/notes/a")
    #expect(try client.response().body == #"{"name":"a"}"#)
  }

  // MARK: Methods in a field

  private static let form = "Content-Type: application/x-www-form-urlencoded"
  private static let get = "X-HTTP-Method-Override: GET"

  @Test(arguments: [
    (
      "/v1/notes/a", [form], "text=x+y%26&tags=1&tags=2",
      [#""text":"x y&""#, #""tags":["1","2"]"#]
    ),
    (
      "/v1/notes/a?text=x", [form + "; charset=UTF-8"], "tags=1",
      [#""text":"x""#, #""tags":["1"]"#]
    ),
    ("/v1/notes/a?text=x", [], "", [#""text":"x""#]),
    ("/v1/notes/a", [], "text=x", [#""text":"x""#]),
  ])
  func `a POST that overrides its method is a GET, with its form as the query`(
    target: String, fields: [String], body: String, members: [String]
  ) throws {
    for name in [Self.get, "x-http-method-override: get"] {
      let client = try TestClient { $0.requests.overridesMethods = true }
      client.upstream.echoes()
      client.request("POST \(target)", [name] + fields, body: body)
      let response = try client.response()
      #expect(response.status == 200)
      for member in [#""name":"a""#] + members { #expect(response.body.contains(member)) }
      #expect(client.log.entries.map(\.method) == ["POST"])
    }
  }

  @Test func `without the option the override field is ignored`() throws {
    let client = try TestClient()
    client.request("POST /v1/notes/a", [Self.get, Self.form], body: "text=x")
    #expect(try client.response().status == 405)
    client.request("POST /v1/echo", [Self.get], body: "{}")
    #expect(client.upstream.calls.last?.request.metadata.first("x-http-method-override") == "GET")
  }

  @Test(arguments: [
    ("DELETE", form, "", 400), ("PUT", form, "", 400), ("GET, DELETE", form, "", 400),
    ("GET", "Content-Type: application/json", "{}", 415), ("GET", form, "tekst=x", 400),
    ("GET", form, "text=%", 400), ("GET", form, "text=a&text=b", 400),
    ("GET", form, String(repeating: "text=x&", count: 40_000), 413),
  ])
  func `no other method and no other body can be overridden`(
    method: String, type: String, body: String, status: Int
  ) throws {
    let client = try TestClient { $0.requests.overridesMethods = true }
    client.request(
      "POST /v1/notes/a", ["X-HTTP-Method-Override: \(method)", type], body: body)
    #expect(try client.response().status == status)
    #expect(client.upstream.calls.isEmpty)
  }

  @Test func `only a POST can override its method`() throws {
    let client = try TestClient { $0.requests.overridesMethods = true }
    client.upstream.echoes()
    client.request("GET /v1/notes/a", ["X-HTTP-Method-Override: DELETE"])
    #expect(try client.response().body == #"{"name":"a"}"#)
    client.request("POST /v1/echo", body: #"{"name":"b"}"#)
    #expect(try client.response().body == #"{"name":"b"}"#)
  }

  // MARK: grpc-gateway's names of metadata

  @Test func `Grpc-Metadata-X maps to metadata x both ways, if configured`() throws {
    let client = try TestClient { $0.headers.usesGRPCMetadata = true }
    client.request(
      "GET /v1/notes/a",
      [
        "Grpc-Metadata-X-Team: legacy", "grpc-metadata-authorization: Bearer t", "X-Other: 1",
        "Grpc-Metadata-Data-Bin: AAE=", "Grpc-Metadata-Grpc-Timeout: 1S",
        "Grpc-Metadata-Host: evil",
        "Grpc-Metadata-Content-Type: text/html", "Grpc-Metadata-TE: x", "Grpc-Metadata-: x",
        "Grpc-Metadata-X-Request-Id: 1", "Grpc-Metadata-Connection: close", "Grpc-Other: 1",
      ])
    let call = try #require(client.upstream.calls.first)
    let sent = call.request.metadata.fields.map { call.request.metadata.name(of: $0) }
    #expect(
      Set(sent) == ["x-team", "authorization", "x-other", "data-bin", "x-request-id"])
    #expect(call.request.metadata.first("x-team") == "legacy")
    #expect(call.request.metadata.first("x-request-id") != "1")
    call.head([
      ("x-cost", "7"), ("location", "/b"), ("set-cookie", "a=b"), ("content-type", "x"),
      ("grpc-x", "1"), ("date", "x"),
    ])
    call.reply(TestSchema.note(name: "a"))
    call.end(trailers: [("x-sum", "8")])
    let response = try client.response()
    #expect(response.fields["grpc-metadata-x-cost"] == "7")
    #expect(response.fields["x-cost"] == nil)
    #expect(response.fields["location"] == "/b" && response.fields["set-cookie"] == "a=b")
    #expect(response.fields["grpc-trailer-x-sum"] == "8")
    #expect(response.fields.keys.filter { $0.hasPrefix("grpc-metadata-") }.count == 1)
  }

  @Test func `configured or denied metadata can't be set through the prefix`() throws {
    let client = try TestClient { service in
      service.headers.usesGRPCMetadata = true
      service.headers.deny = [try! .init("x-secret")]
      service.metadata = [("x-team", "configured")]
    }
    client.request("GET /v1/notes/a", ["Grpc-Metadata-X-Team: a", "Grpc-Metadata-X-Secret: b"])
    let metadata = try #require(client.upstream.calls.first).request.metadata
    #expect(metadata.fields.filter { metadata.name(of: $0) == "x-team" }.count == 1)
    #expect(metadata.first("x-team") == "configured")
    #expect(metadata.first("x-secret") == nil)
    let plain = try TestClient()
    plain.request("GET /v1/notes/a", ["Grpc-Metadata-X-Team: a"])
    let sent = try #require(plain.upstream.calls.first).request.metadata
    #expect(sent.first("x-team") == nil && sent.first("grpc-metadata-x-team") == nil)
  }

  // MARK: grpc-gateway's envelope

  @Test(arguments: [
    (
      "application/x-ndjson",
      #"{"result":{"name":"a"}}"# + "\n" + #"{"result":{"name":"b"}}"# + "\n",
      #"{"error":{"code":13,"message":"no"}}"# + "\n"
    ),
    (
      "application/json", #"[{"result":{"name":"a"}}"# + ",\n" + #"{"result":{"name":"b"}}"#, ""
    ),
    (
      "text/event-stream",
      #"data: {"result":{"name":"a"}}"# + "\n\n" + #"data: {"result":{"name":"b"}}"# + "\n\n",
      "event: error\n" + #"data: {"error":{"code":13,"message":"no"}}"# + "\n\n"
    ),
  ])
  func `stream messages have an envelope if configured`(
    accept: String, messages: String, error: String
  ) throws {
    for isOK in [true, false] {
      let client = try TestClient { $0.stream.hasEnvelope = true }
      client.request("GET /v1/watch/a", ["Accept: \(accept)"])
      let call = try #require(client.upstream.calls.first)
      call.reply(TestSchema.note(name: "a"))
      call.reply(TestSchema.note(name: "b"))
      call.end(isOK ? GRPCStatus(.ok) : GRPCStatus(.internal, "no"))
      let body = try client.response().body
      #expect(body == messages + (isOK ? (accept == "application/json" ? "]\n" : "") : error))
    }
  }

  @Test func `a response that isn't a stream has no envelope`() throws {
    let client = try TestClient { $0.stream.hasEnvelope = true }
    client.upstream.echoes()
    client.request("GET /v1/notes/a")
    #expect(try client.response().body == #"{"name":"a"}"#)
  }

  // MARK: Preflights

  @Test func `the response to a preflight without a policy names the option`() throws {
    for line in ["OPTIONS /v1/notes/a", "OPTIONS /v1/nothing"] {
      let client = try TestClient()
      client.request(
        line, ["Origin: https://app.example", "Access-Control-Request-Method: GET"])
      let response = try client.response()
      #expect(response.status == 405 || response.status == 404)
      #expect(response.body.contains("services.notes.cors.origins"))
      #expect(response.body.contains("https://app.example"))
      client.request(line)
      #expect(try client.response().body.contains("cors") == false)
    }
  }
}
