import Testing

@testable import AccessLogging
@testable import BridgeConfiguration
@testable import GRPCWire
@testable import HTTP2
@testable import Upstream

/// One request, one call, one response, over both protocols.
struct UnaryTests {
  @Test(arguments: ClientProtocol.allCases)
  func `a JSON request becomes a call, and its reply JSON, on a persistent connection`(
    _ kind: ClientProtocol
  ) throws {
    let client = try ProtocolClient(kind)
    for round in 1...3 {
      try client.request(
        "POST /v1/echo", ["Content-Type: application/json", "X-Team: legacy"],
        body: #"{"name":"a","text":"hi"}"#)
      #expect(client.upstream.calls.count == round)
      let call = try #require(client.upstream.calls.last)
      #expect(call.request.path == "/test.Notes/Echo")
      #expect(call.request.isComplete)
      #expect(call.message == TestSchema.note(name: "a", text: "hi"))
      #expect(call.prefix == [0, 0, 0, 0, 7])
      #expect(call.request.metadata.first("x-team") == "legacy")
      #expect(try client.partialResponse() == nil)
      call.head([("x-reply", "1"), ("content-type", "application/grpc")])
      call.reply(TestSchema.note(text: "ho"))
      #expect(try client.partialResponse() == nil)
      call.end(trailers: [("x-cost", "7")])
      let response = try client.response()
      #expect(response.status == 200)
      #expect(response.body == #"{"text":"ho"}"#)
      #expect(response.fields["content-type"] == "application/json")
      #expect(response.fields["content-length"] == "13")
      #expect(response.fields["x-reply"] == "1")
      #expect(response.fields["grpc-trailer-x-cost"] == "7")
      #expect(response.fields["connection"] == nil)
      #expect(response.fields["date"]?.hasSuffix(" GMT") == true)
      #expect(client.isOpen)
    }
    #expect(client.log.entries.map(\.httpStatus) == [200, 200, 200])
    #expect(client.log.entries.map(\.rpc) == Array(repeating: "/test.Notes/Echo", count: 3))
    #expect(client.log.entries.first?.requestBytes == 24)
    #expect(client.log.entries.first?.path == "/v1/echo")
  }

  @Test(
    arguments: ClientProtocol.allCases,
    [
      ("GET /v1/notes/a%2Fb%20c+d", nil, [#""name":"a/b c+d""#]),
      ("GET /v1/notes/a?text=x+y%2B%26", nil, [#""name":"a""#, #""text":"x y+&""#]),
      ("GET /v1/notes/a/?text=&&", nil, [#""name":"a""#]),
      ("GET /v1/notes/a?tags=1&tags=2", nil, [#""name":"a""#, #""tags":["1","2"]"#]),
      ("GET /v1/files/a/b%2Fc%20d", nil, [#""name":"a/b%2Fc d""#]),
      ("GET /v1/files", nil, []),
      ("POST /test.Notes/Echo", #"{"text":"x"}"#, [#""text":"x""#]),
      ("POST /v1/echo", "", []),
      ("POST http://elsewhere/v1/echo", #"{"text":"x"}"#, [#""text":"x""#]),
    ] as [(String, String?, [String])])
  func `path, query and body become the message`(
    _ kind: ClientProtocol, _ request: (line: String, body: String?, members: [String])
  ) throws {
    let (line, body, members) = request
    let client = try ProtocolClient(kind)
    client.upstream.echoes()
    try client.request(line, body: body)
    let response = try client.response()
    #expect(response.status == 200)
    // The order of members is the codec's.
    for member in members { #expect(response.body.contains(member)) }
    #expect(response.body.count == "{\(members.joined(separator: ","))}".count)
  }

  @Test(arguments: ClientProtocol.allCases)
  func `a body and a response body can each be one field`(_ kind: ClientProtocol) throws {
    let client = try ProtocolClient(kind)
    try client.request("PUT /v1/notes/a", body: #"{"text":"x"}"#)
    let call = try #require(client.upstream.calls.first)
    var inner = WireWriter()
    inner.message(3) { $0.string(2, "x") }
    #expect(
      Set([call.message]).isSubset(of: [
        TestSchema.note(name: "a") + inner.bytes, inner.bytes + TestSchema.note(name: "a"),
      ]))
    call.reply(inner.bytes)
    call.end()
    #expect(try client.response().body == #"{"text":"x"}"#)
  }

  @Test(arguments: ClientProtocol.allCases)
  func `a GET route serves HEAD with the header fields and no body`(_ kind: ClientProtocol) throws {
    let client = try ProtocolClient(kind)
    try client.request("HEAD /v1/notes/a")
    let call = try #require(client.upstream.calls.first)
    call.reply(TestSchema.note(text: "ho"))
    call.end()
    let response = try client.response()
    #expect(response.status == 200 && response.body == "")
    #expect(response.fields["content-length"] == "13")
    try client.request("HEAD /v1/nothing")
    let missing = try client.response()
    #expect(missing.status == 404 && missing.body == "")
    #expect(client.isOpen)
  }

  @Test(arguments: ClientProtocol.allCases)
  func `a body in parts is put together`(_ kind: ClientProtocol) throws {
    let client = try ProtocolClient(kind)
    try client.begin("POST /v1/echo")
    for part in ["{\"tex", "t\":\"h", "i\""] {
      try client.send(part)
      #expect(client.upstream.calls.isEmpty)
    }
    try client.send("}", ends: true)
    #expect(client.upstream.calls.map(\.message) == [TestSchema.note(text: "hi")])
  }

  @Test func `a chunked body is put together`() throws {
    let client = try TestClient()
    client.send(
      """
      POST /v1/echo HTTP/1.1
      Host: a
      Transfer-Encoding: Chunked


      """)
    for part in ["5\r\n{\"tex\r\n", "6;x=y\r\nt\":\"hi\r\n", "2\r\n\"}\r\n0\r\n", "X: y\r\n\r\n"] {
      #expect(client.upstream.calls.isEmpty)
      client.sendRaw(part)
    }
    #expect(client.upstream.calls.map(\.message) == [TestSchema.note(text: "hi")])
  }

  @Test(arguments: ClientProtocol.allCases)
  func `an endpoint's error is JSON with the mapped HTTP status`(_ kind: ClientProtocol) throws {
    let client = try ProtocolClient(kind)
    try client.request("GET /v1/notes/a")
    client.upstream.calls[0].end(
      GRPCStatus(.notFound, "no \"note\""), trailers: [("x-cost", "7")])
    let response = try client.response()
    #expect(response.status == 404)
    #expect(response.body == #"{"code":5,"message":"no \"note\""}"#)
    #expect(response.fields["grpc-trailer-x-cost"] == "7")
    #expect(client.isOpen)
    #expect(client.log.entries.map(\.grpcCode) == [.notFound])
  }

  @Test(arguments: ClientProtocol.allCases)
  func `details of an endpoint's error are decoded if the schema has their type`(
    _ kind: ClientProtocol
  ) throws {
    let client = try ProtocolClient(kind)
    try client.request("GET /v1/notes/a")
    var details = WireWriter()
    details.varint(1, 5)
    details.string(2, "gone")
    details.message(3) { any in
      any.string(1, "type.googleapis.com/test.Note")
      any.message(2) { $0.string(2, "x") }
    }
    details.message(3) { any in
      any.string(1, "type.googleapis.com/unknown.Type")
      any.string(2, "abc")
    }
    client.upstream.calls[0].end(GRPCStatus(.notFound, "gone", details: details.bytes))
    let response = try client.response()
    #expect(response.status == 404)
    #expect(
      response.body
        == #"{"code":5,"message":"gone","details":[{"@type":"type.googleapis.com/test.Note","#
        + #""text":"x"},{"@type":"type.googleapis.com/unknown.Type","value":"YWJj"}]}"#)
  }

  @Test(
    arguments: ClientProtocol.allCases,
    [[0x08, 0x06], [0xFF, 0xFF], [0x08], [0x08, 0x05, 0x12, 0x7F]] as [[UInt8]])
  func `malformed details are left out`(_ kind: ClientProtocol, _ details: [UInt8]) throws {
    let client = try ProtocolClient(kind)
    try client.request("GET /v1/notes/a")
    client.upstream.calls[0].end(GRPCStatus(.notFound, "gone", details: details))
    #expect(try client.response().body == #"{"code":5,"message":"gone"}"#)
  }

  @Test(arguments: ClientProtocol.allCases)
  func `a reply of several or invalid messages is INTERNAL`(_ kind: ClientProtocol) throws {
    let client = try ProtocolClient(kind)
    try client.request("GET /v1/notes/a")
    client.upstream.calls[0].end()
    var response = try client.response()
    #expect(response.status == 500)
    #expect(response.body.contains("sent no message for test.Notes/Echo"))
    #expect(response.body.contains(#""reason":"INVALID_REPLY","domain":"bridge-proxy""#))

    try client.request("GET /v1/notes/a")
    client.upstream.calls[1].reply(TestSchema.note(text: "1"))
    client.upstream.calls[1].reply(TestSchema.note(text: "2"))
    #expect(client.upstream.calls[1].isCancelled)
    response = try client.response()
    #expect(response.status == 500)
    #expect(response.body.contains("more than one message"))

    try client.request("GET /v1/notes/a")
    client.upstream.calls[2].reply([0x12, 0x7F, 0x00])
    client.upstream.calls[2].end()
    response = try client.response()
    #expect(response.status == 500)
    #expect(response.body.contains("doesn't match its schema"))
    #expect(client.isOpen)
  }

  @Test(
    arguments: ClientProtocol.allCases,
    [
      (GRPCStatus(.unavailable, "a", origin: .notConnected), 503, "ENDPOINT_NOT_REACHABLE", "1"),
      (GRPCStatus(.resourceExhausted, "a", origin: .shed), 503, "TOO_MANY_CALLS", "1"),
      (GRPCStatus(.deadlineExceeded, "a", origin: .deadline), 504, "DEADLINE_EXCEEDED", nil),
      (GRPCStatus(.unavailable, "a", origin: .transport), 503, "ENDPOINT_PROTOCOL_ERROR", nil),
      (GRPCStatus(.internal, "a", origin: .transport), 500, "ENDPOINT_PROTOCOL_ERROR", nil),
    ] as [(GRPCStatus, Int, String, String?)])
  func `a call that fails in transport says on which side`(
    _ kind: ClientProtocol,
    _ failure: (status: GRPCStatus, http: Int, reason: String, retry: String?)
  ) throws {
    let (status, http, reason, retry) = failure
    let client = try ProtocolClient(kind)
    try client.request("GET /v1/notes/a")
    client.upstream.calls[0].end(status)
    let response = try client.response()
    #expect(response.status == http)
    #expect(response.body.contains("\"reason\":\"\(reason)\""))
    #expect(response.fields["retry-after"] == retry)
  }

  @Test(arguments: ClientProtocol.allCases)
  func `configured metadata replaces the client's, except for the pool's authorization`(
    _ kind: ClientProtocol
  ) throws {
    let client = try ProtocolClient(kind) {
      $0.metadata = [("x-team", "bridge")]
      $0.auth = Configuration.Auth(scheme: .bearer, token: Configuration.Secret("t0"))
    }
    try client.request(
      "GET /v1/notes/a", ["X-Team: me", "Authorization: Basic eA==", "X-Other: 1"])
    let metadata = try #require(client.upstream.calls.first).request.metadata
    let fields = metadata.fields.map { "\(metadata.name(of: $0)): \(metadata.value(of: $0))" }
    #expect(
      fields.filter { !$0.hasPrefix("x-request-id") }
        == ["x-other: 1", "x-team: bridge"])
  }
}
