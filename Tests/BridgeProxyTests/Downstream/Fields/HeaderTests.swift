import Codec
import NIOCore
import NIOHTTP1
import Testing

@testable import BridgeConfiguration
@testable import Downstream
@testable import GRPCWire
@testable import HTTP2
@testable import HTTPFields
@testable import Upstream

/// Header fields on their way to metadata and back.
struct HeaderTests {
  private static let schema = Result { try TestSchema.notes.load() }

  private static func metadata(
    _ fields: [(String, String)], from address: String = "127.0.0.1",
    configure: (inout Configuration.Service) -> Void = { _ in }
  ) throws -> [String] {
    var configuration = Configuration.Service(
      name: "a", schemas: [], endpoint: Configuration.Endpoint(host: "a", port: 1))
    configure(&configuration)
    let service = try ServedService(configuration, schema: Self.schema.get())
    let head = RequestHead(
      HTTPRequestHead(
        version: .http1_1, method: .GET, uri: "/", headers: HTTPHeaders([("Host", "a")] + fields)))
    var headers = RequestHeaders(head)
    var block = HeaderBlock()
    var scratch: [UInt8] = []
    try headers.read(head, metadata: &block, &scratch)
    headers.finish(
      &block, for: service, from: address, isLocal: ClientAddress.isLocal(address),
      requestID: Array("r1".utf8))
    let fields = block.fields.map { "\(block.name(of: $0)): \(block.value(of: $0))" }
    let places = fields.indices.filter { fields[$0] == "x-request-id: r1" }
    #expect(places.count == (service.sendsRequestID ? 1 : 0))
    return fields.filter { $0 != "x-request-id: r1" }
  }

  @Test(
    arguments: [
      ([("X-Team", "Legacy")], ["x-team: Legacy"]),
      ([("Authorization", "Basic eA==")], ["authorization: Basic eA=="]),
      ([("User-Agent", "curl/8"), ("Cookie", "a=b")], ["user-agent: curl/8", "cookie: a=b"]),
      ([("x_a.b-c", "1"), ("X-A", "1"), ("X-A", "2")], ["x_a.b-c: 1", "x-a: 1", "x-a: 2"]),
      (
        [("traceparent", "00-1-2-01"), ("tracestate", "a=b,c=d"), ("Accept-Language", "de")],
        ["traceparent: 00-1-2-01", "tracestate: a=b,c=d", "accept-language: de"]
      ),
      ([("X-Empty", "")], ["x-empty: "]),
      // About the connection or the body.
      ([("Connection", "keep-alive"), ("Keep-Alive", "5"), ("Upgrade", "h2c")], []),
      ([("HTTP2-Settings", "AAA"), ("TE", "trailers"), ("Trailer", "X")], []),
      ([("Proxy-Connection", "x"), ("Proxy-Authorization", "x")], []),
      ([("Content-Length", "0"), ("Content-Type", "a"), ("Content-MD5", "x")], []),
      ([("Accept", "*/*"), ("Accept-Encoding", "gzip"), ("Accept-Charset", "a")], []),
      ([("Expect", "100-continue")], []),
      // Named by Connection.
      ([("X-Hop", "1"), ("Connection", "close, X-Hop"), ("X-Keep", "1")], ["x-keep: 1"]),
      // gRPC's own.
      ([("grpc-timeout", "1S"), ("Grpc-Encoding", "gzip"), ("grpc-foo", "1")], []),
      (
        [("X-Server-Timeout", "1"), ("Request-Timeout", "2.5"), ("X-Server", "a")], ["x-server: a"]
      ),
      // What can't be metadata is left out.
      ([("X!Y", "1"), ("X-A", "caf\u{E9}"), ("X-B", "a\tb"), ("X-C", "1")], ["x-c: 1"]),
      // Binary values.
      (
        [("X-Bin", "AAA="), ("a-bin", "AAE"), ("b-bin", "QUJD,QQ==, QQ")],
        ["x-bin: AAA=", "a-bin: AAE", "b-bin: QUJD,QQ==, QQ"]
      ),
    ] as [([(String, String)], [String])])
  func `a client's fields are forwarded as metadata`(
    _ fields: [(String, String)], _ expected: [String]
  ) throws {
    #expect(try Self.metadata(fields) == expected)
  }

  @Test(
    arguments: [
      ([], "127.0.0.1", []), ([], "::1", []), ([], "", []),
      ([], "10.0.0.1", ["x-forwarded-for: 10.0.0.1"]),
      ([("X-Forwarded-For", "1.2.3.4")], "127.0.0.1", ["x-forwarded-for: 1.2.3.4, 127.0.0.1"]),
      (
        [("X-Forwarded-For", "a"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "b, c")],
        "::1", ["x-forwarded-proto: https", "x-forwarded-for: a, b, c, ::1"]
      ),
      ([("X-Forwarded-For", "1.2.3.4")], "", ["x-forwarded-for: 1.2.3.4"]),
      (
        [("Forwarded", "for=1.2.3.4")], "10.0.0.1",
        ["forwarded: for=1.2.3.4", "x-forwarded-for: 10.0.0.1", "forwarded: for=10.0.0.1"]
      ),
      (
        [("Forwarded", "by=a")], "2001:db8::1",
        ["forwarded: by=a", "x-forwarded-for: 2001:db8::1", #"forwarded: for="[2001:db8::1]""#]
      ),
    ] as [([(String, String)], String, [String])])
  func `X-Forwarded fields of earlier hops are kept and extended`(
    _ fields: [(String, String)], _ address: String, _ expected: [String]
  ) throws {
    #expect(try Self.metadata(fields, from: address) == expected)
    let sent = fields.map { "\($0.lowercased()): \($1)" }
    #expect(try Self.metadata(fields, from: address) { $0.forwarded = .keep } == sent)
    #expect(try Self.metadata(fields, from: address) { $0.forwarded = .drop } == [])
    let configured = try Self.metadata(fields, from: address) {
      $0.metadata = [("x-forwarded-for", "me")]
    }
    #expect(configured.filter { $0.hasPrefix("x-forwarded-for") } == ["x-forwarded-for: me"])
  }

  @Test(
    arguments: [
      (["x-team"], [], ["x-team: 1"]), (["X-Team*"], [], ["x-team: 1", "x-team-b: 2"]),
      (nil, ["cookie", "x-team-*"], ["x-team: 1", "authorization: b"]),
      (["x-*"], ["x-team"], ["x-team-b: 2"]), (nil, ["*"], []), (["*"], [], nil), ([], [], []),
      (["x-tea"], [], []),
    ] as [([String]?, [String], [String]?)])
  func `an allow list and a deny list limit what is forwarded`(
    _ allow: [String]?, _ deny: [String], _ expected: [String]?
  ) throws {
    let fields = [("X-Team", "1"), ("x-team-b", "2"), ("Cookie", "a"), ("Authorization", "b")]
    // The configured metadata isn't the client's.
    let result = try Self.metadata(fields) {
      $0.metadata = [("x-set", "1")]
      $0.headers.allow = try? allow?.map(Configuration.HeaderRules.Pattern.init)
      $0.headers.deny = (try? deny.map(Configuration.HeaderRules.Pattern.init)) ?? []
    }
    let all = fields.map { "\($0.lowercased()): \($1)" }
    #expect(result == (expected ?? all) + ["x-set: 1"])
  }

  @Test func `denied metadata isn't added by the bridge either`() throws {
    let deny = try ["x-forwarded-*", "x-request-id"].map(Configuration.HeaderRules.Pattern.init)
    let result = try Self.metadata([("X-Forwarded-For", "a")], from: "10.0.0.1") {
      $0.headers.deny = deny
    }
    #expect(result == [])
  }

  @Test func `configured metadata replaces the client's of the same name`() throws {
    let fields = [("X-Team", "me"), ("X-A", "1"), ("authorization", "mine")]
    let result = try Self.metadata(fields) {
      $0.metadata = [("x-team", "legacy"), ("x-team", "too")]
      $0.auth = Configuration.Auth(scheme: .raw, token: Configuration.Secret("t"))
    }
    // What authorises a call is added by the pool; here it takes the client's place.
    #expect(result == ["x-a: 1", "x-team: legacy", "x-team: too"])
  }

  @Test(arguments: [
    ([("x-bin", "A")], 400), ([("x-bin", "AA=A")], 400), ([("x-bin", "AAA==")], 400),
    ([("x-bin", "A-_A")], 400), ([("x-bin", "QQ==,!")], 400),
    ([("grpc-timeout", "")], 400), ([("grpc-timeout", "1")], 400),
    ([("grpc-timeout", "S")], 400), ([("grpc-timeout", "-1S")], 400),
    ([("grpc-timeout", "1s")], 400), ([("grpc-timeout", "1.5S")], 400),
    ([("grpc-timeout", "123456789S")], 400), ([("grpc-timeout", " 1S")], 400),
    ([("X-Server-Timeout", "")], 400), ([("X-Server-Timeout", "1s")], 400),
    ([("X-Server-Timeout", "-1")], 400), ([("X-Server-Timeout", ".5")], 400),
    ([("X-Server-Timeout", "1.")], 400), ([("X-Server-Timeout", "1.5.5")], 400),
    ([("X-Server-Timeout", "1e3")], 400), ([("Request-Timeout", "1234567890")], 400),
    ([("Request-Timeout", "1.1234567890")], 400), ([("Request-Timeout", "1, 2")], 400),
    ([("Expect", "something")], 417),
    ([("Connection", String(repeating: "x,", count: 33))], 400),
    ([("Transfer-Encoding", "gzip")], 501),
  ])
  func `malformed fields are refused`(_ fields: [(String, String)], _ status: Int) throws {
    let fault = #expect(throws: RequestError.self) { try Self.metadata(fields) }
    #expect(fault?.httpStatus == status)
  }

  @Test(
    arguments: [
      ("0", 0), ("30", 30_000_000_000), ("2.5", 2_500_000_000), ("0.000000001", 1),
      ("007", 7_000_000_000),
      ("999999999.999999999", 999_999_999_999_999_999),
    ] as [(String, Int64)])
  func `alternative timeout fields are in seconds`(_ text: String, _ nanoseconds: Int64) {
    #expect(HeaderValue.seconds(text)?.nanoseconds == nanoseconds)
  }

  @Test func `an invalid timeout is a 400 that names the field and a valid form`() throws {
    let client = try TestClient()
    client.request("GET /v1/notes/a", ["X-Server-Timeout: 10s"])
    let response = try client.response()
    #expect(response.status == 400)
    #expect(response.body.contains("INVALID_HEADER"))
    #expect(response.body.contains("X-Server-Timeout: expected seconds as a decimal number"))
    #expect(client.upstream.calls.isEmpty)
  }

  @Test func `the shortest of the client's timeouts and the configured one applies`() throws {
    let cases: [([String], Int, Int)] = [
      (["grpc-timeout: 1S"], 5, 1), (["grpc-timeout: 9S"], 5, 5), ([], 5, 5),
      (["X-Server-Timeout: 2"], 5, 2), (["Request-Timeout: 3.0"], 5, 3),
      (["X-Server-Timeout: 4", "Request-Timeout: 3", "grpc-timeout: 2S"], 5, 2),
      (["X-Server-Timeout: 1", "Request-Timeout: 3", "grpc-timeout: 2S"], 5, 1),
      (["X-Server-Timeout: 4", "X-Server-Timeout: 1"], 5, 1), (["Request-Timeout: 9"], 5, 5),
    ]
    for (fields, configured, expected) in cases {
      let connection = try TestClient { $0.timeout = .seconds(configured) }
      let before = NIODeadline.now()
      connection.request("GET /v1/notes/a", fields)
      let deadline = try #require(connection.upstream.calls.first?.request.deadline)
      #expect(deadline >= before + .seconds(Int64(expected)))
      #expect(deadline <= .now() + .seconds(Int64(expected)))
    }
  }

  @Test func `response metadata becomes header fields, except the bridge's own`() throws {
    let client = try TestClient()
    client.request("GET /v1/notes/a")
    client.upstream.calls[0].head([
      ("x-a", "1"), ("content-length", "99"), ("transfer-encoding", "chunked"),
      ("connection", "close"), ("content-type", "application/grpc"), ("grpc-status", "0"),
      ("date", "never"), (":status", "200"), ("x-crlf", "a\r\nX-Evil: 1"), ("x evil", "1"),
      ("x-nul", "a\0b"), ("x-bin", "AAE="), ("upgrade", "h2c"), ("", "1"),
      ("set-cookie", "a"), ("set-cookie", "b"), ("x-request-id", "another"),
    ])
    client.upstream.calls[0].reply([])
    client.upstream.calls[0].end(
      trailers: [("x-t", "1"), ("content-length", "1"), ("x-crlf", "\n")])
    let text = try client.received()
    let lines = text.split(separator: "\r\n").map(String.init).filter {
      !$0.hasPrefix("date: ") && !$0.hasPrefix("x-request-id: ")
    }
    #expect(
      lines == [
        "HTTP/1.1 200 OK", "content-type: application/json", "content-length: 2", "x-a: 1",
        "x-bin: AAE=", "set-cookie: a", "set-cookie: b", "grpc-trailer-x-t: 1", "{}",
      ])
  }

  /// The response's lines after the status line, except those that differ each time.
  private static func lines(
    to fields: [String], method: String = "GET", trailers: [(String, String)],
    status: GRPCStatus = GRPCStatus(.ok)
  ) throws -> [String] {
    let client = try TestClient()
    client.request("\(method) /v1/notes/a", fields)
    client.upstream.calls[0].reply(TestSchema.note(text: "hi"))
    client.upstream.calls[0].end(status, trailers: trailers)
    // The connection serves on.
    client.request("GET /nowhere")
    let text = try client.received()
    let end = try #require(text.ranges(of: "HTTP/1.1 404").last)
    return text[..<end.lowerBound].split(separator: "\r\n", omittingEmptySubsequences: false)
      .dropFirst().map(String.init).filter {
        !$0.hasPrefix("date: ") && !$0.hasPrefix("x-request-id")
      }
  }

  @Test func `trailers follow the body for clients that accept them`() throws {
    let sent = [("x-a", "1"), ("content-length", "7"), ("x-b", "2"), ("x-a", "3")]
    let chunked = [
      "content-type: application/json",
      "trailer: grpc-trailer-x-a, grpc-trailer-x-b, grpc-trailer-x-a",
      "transfer-encoding: chunked", "", "d", #"{"text":"hi"}"#,
      "0", "grpc-trailer-x-a: 1", "grpc-trailer-x-b: 2", "grpc-trailer-x-a: 3", "", "",
    ]
    for fields in [["TE: trailers"], ["TE: gzip;q=0.5, Trailers"], ["TE: gzip", "TE: trailers"]] {
      #expect(try Self.lines(to: fields, trailers: sent) == chunked)
    }
    #expect(
      try Self.lines(to: ["TE: trailers"], method: "HEAD", trailers: [("x-a", "1")]) == [
        "content-type: application/json", "trailer: grpc-trailer-x-a",
        "transfer-encoding: chunked", "", "",
      ])
    let error = try Self.lines(
      to: ["TE: trailers"], trailers: [("x-a", "1")], status: GRPCStatus(.notFound, "no"))
    #expect(error.suffix(5) == [#"{"code":5,"message":"no"}"#, "0", "grpc-trailer-x-a: 1", "", ""])
  }

  @Test func `without trailers, or a client that accepts them, there's a Content-Length`() throws {
    for (fields, trailers) in [
      (["TE: trailers"], []), (["TE: trailers"], [("grpc-x", "1"), ("content-type", "a")]),
      (["TE: gzip"], [("x-a", "1")]), ([], [("x-a", "1")]),
    ] as [([String], [(String, String)])] {
      let lines = try Self.lines(to: fields, trailers: trailers)
      #expect(lines.contains("content-length: 13"))
      #expect(lines.contains("grpc-trailer-x-a: 1") == trailers.contains(where: { $0.0 == "x-a" }))
      #expect(!lines.contains(where: { $0.hasPrefix("trailer") }))
    }
  }

  @Test(arguments: [
    (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
    (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
    (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
    (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
    (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
    (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
  ])
  func `dates have the format of RFC 9110`(_ second: Int64, _ text: String) {
    #expect(DateLine.text(of: second) == text)
  }
}
