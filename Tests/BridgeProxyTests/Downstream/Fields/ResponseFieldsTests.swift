import Testing

@testable import AccessLogging
@testable import BridgeConfiguration
@testable import GRPCWire
@testable import HTTP2
@testable import Upstream

/// What an endpoint says besides its messages, and what of it reaches the client.
struct ResponseFieldsTests {
  /// Fields that begin with `content-` and describe neither the framing nor the bytes.
  private static let described = [
    ("content-disposition", #"attachment; filename="a.zip""#), ("content-language", "de"),
    ("content-security-policy", "default-src 'none'"), ("content-location", "/b"),
    ("content-range", "bytes 0-1/2"),
  ]
  private static let own = [
    ("content-type", "text/html"), ("content-length", "99"), ("content-encoding", "br"),
    ("transfer-encoding", "chunked"), ("content-md5", "x"), ("content-digest", "x"),
  ]

  @Test func `an endpoint's content-… fields are forwarded, except the bridge's own`() throws {
    for (path, format) in [("/v1/notes/a", "unary"), ("/v1/watch/a", "stream")] {
      for isOK in [true, false] {
        let client = try TestClient()
        client.request("GET \(path)")
        let call = try #require(client.upstream.calls.first)
        call.head(Self.described + Self.own)
        if isOK { call.reply(TestSchema.note(name: "a")) }
        call.end(isOK ? GRPCStatus(.ok) : GRPCStatus(.notFound, "no"))
        let text = try client.received()
        for (name, value) in Self.described {
          #expect(text.contains("\r\n\(name): \(value)\r\n"), "\(format)")
        }
        #expect(!text.contains("text/html") && !text.contains("content-encoding"))
        #expect(!text.contains("content-md5") && !text.contains("content-digest"))
        #expect(!text.contains("content-length: 99"))
      }
    }
  }

  @Test func `a client's content-… fields are forwarded, except those of its body`() throws {
    let client = try TestClient()
    client.request(
      "POST /v1/echo",
      [
        "Content-Type: application/json", "Content-Language: de", "Content-Location: /b",
        "Content-Disposition: form-data", "Content-Security-Policy: x", "Content-MD5: x",
        "Content-Digest: x", "Content-Range: bytes 0-1/2", "Content-Encoding: identity",
        "Content-Transfer-Encoding: binary",
      ], body: "{}")
    let metadata = try #require(client.upstream.calls.first).request.metadata
    let names = metadata.fields.map { metadata.name(of: $0) }.filter { $0 != "x-request-id" }
    #expect(
      Set(names) == [
        "content-language", "content-location", "content-disposition", "content-security-policy",
      ])
  }

  // MARK: Errors

  /// google.rpc.Status with a google.rpc.RetryInfo.
  private static func details(
    _ code: Int, seconds: Int, nanos: Int = 0, type: String = "google.rpc.RetryInfo"
  ) -> [UInt8] {
    var status = WireWriter()
    status.varint(1, code)
    status.message(3) { any in
      any.string(1, "type.googleapis.com/\(type)")
      any.message(2) { info in
        info.message(1) { duration in
          if seconds != 0 { duration.varint(1, seconds) }
          if nanos != 0 { duration.varint(2, nanos) }
        }
      }
    }
    return status.bytes
  }

  @Test func `metadata of an error without a head becomes header fields`() throws {
    for path in ["/v1/notes/a", "/v1/watch/a"] {
      let client = try TestClient()
      client.request("GET \(path)")
      client.upstream.calls[0].end(
        GRPCStatus(.unauthenticated, "no"),
        trailers: [
          ("www-authenticate", "Bearer"), ("retry-after", "3"), ("x-a", "1"),
          ("content-type", "x"), ("content-language", "de"), ("x-crlf", "a\r\nb"),
        ])
      let response = try client.response()
      #expect(response.status == 401)
      #expect(response.fields["www-authenticate"] == "Bearer")
      #expect(response.fields["retry-after"] == "3")
      #expect(response.fields["x-a"] == "1" && response.fields["grpc-trailer-x-a"] == "1")
      #expect(response.fields["content-language"] == "de")
      #expect(response.fields["content-type"] == "application/json")
      #expect(response.fields["x-crlf"] == nil)
    }
  }

  @Test func `of trailers after a head only HTTP's error fields become header fields`() throws {
    let client = try TestClient()
    client.request("GET /v1/notes/a")
    client.upstream.calls[0].head([("x-h", "1"), ("retry-after", "5")])
    client.upstream.calls[0].end(
      GRPCStatus(.resourceExhausted, "no"),
      trailers: [("retry-after", "7"), ("www-authenticate", "Basic"), ("x-t", "1")])
    let response = try client.response()
    #expect(response.status == 429)
    #expect(response.fields["x-h"] == "1" && response.fields["x-t"] == nil)
    #expect(response.fields["retry-after"] == "5")
    #expect(response.fields["grpc-trailer-retry-after"] == "7")
    #expect(response.fields["www-authenticate"] == "Basic")
  }

  @Test(
    arguments: [
      (14, details(14, seconds: 7), [], "7"), (14, details(14, seconds: 7, nanos: 1), [], "8"),
      (8, details(8, seconds: 0, nanos: 500_000_000), [], "1"),
      (8, details(8, seconds: 0), [], "0"),
      (14, details(14, seconds: -1), [], nil), (14, details(14, seconds: 0, nanos: -1), [], nil),
      (14, details(14, seconds: 1 << 40), [], nil),
      (14, details(8, seconds: 7), [], nil), (14, [], [], nil), (14, [8], [], nil),
      (14, details(14, seconds: 7, type: "google.rpc.Help"), [], nil),
      (14, details(14, seconds: 7), [("retry-after", "2")], "2"),
    ] as [(Int, [UInt8], [(String, String)], String?)])
  func `RetryInfo becomes Retry-After in whole seconds unless the endpoint set it`(
    code: Int, details: [UInt8], trailers: [(String, String)], expected: String?
  ) throws {
    let client = try TestClient()
    client.request("GET /v1/notes/a")
    let known = try #require(GRPCStatus.Code(rawValue: code))
    client.upstream.calls[0].end(
      GRPCStatus(known, "later", details: details), trailers: trailers)
    #expect(try client.response().fields["retry-after"] == expected)
  }

  @Test func `CORS fields are the configuration's, whatever the endpoint sends`() throws {
    let client = try TestClient { $0.cors = Configuration.CORS(origins: ["https://a"]) }
    client.request("GET /v1/notes/a")
    client.upstream.calls[0].end(
      GRPCStatus(.unauthenticated), trailers: [("access-control-allow-origin", "*"), ("x-a", "1")])
    let response = try client.response()
    #expect(response.fields["access-control-allow-origin"] == nil)
    #expect(response.fields["x-a"] == "1")
  }

  // MARK: The status of success

  @Test(arguments: [
    ("201", 201, true), ("202", 202, true), ("302", 302, true), ("399", 399, true),
    ("200", 200, true), ("204", 204, false), ("205", 205, false), ("304", 304, false),
    ("199", 200, true), ("400", 200, true), ("101", 200, true), ("99", 200, true),
    ("0201", 200, true), ("2 1", 200, true), ("", 200, true), ("-201", 200, true),
    ("201, 202", 200, true), ("999999999999999999999", 200, true),
  ])
  func `a metadata field can set the HTTP status of a successful call`(
    value: String, status: Int, hasBody: Bool
  ) throws {
    for method in ["GET", "HEAD"] {
      let client = try TestClient { $0.statusHeader = "x-http-code" }
      for _ in 0..<2 {
        client.request("\(method) /v1/notes/a", ["TE: trailers"])
        let call = try #require(client.upstream.calls.last)
        call.head([("x-http-code", value), ("location", "/b"), ("x-http-code", "203")])
        call.reply(TestSchema.note(name: "a"))
        call.end(trailers: [("x-t", "1")])
        let text = try client.received()
        #expect(text.hasPrefix("HTTP/1.1 \(status) "))
        #expect(!text.contains("x-http-code"))
        #expect(text.contains("\r\nlocation: /b\r\n"))
        #expect(text.contains("grpc-trailer-x-t"))
        #expect(text.contains(#"{"name":"a"}"#) == (hasBody && method == "GET"))
        #expect(text.contains("content-type") == hasBody)
        if !hasBody {
          #expect(text.hasSuffix("\r\n\r\n") && !text.contains("transfer-encoding"))
          #expect(text.contains("content-length") == (status == 205))
        }
      }
      #expect(client.log.entries.map(\.httpStatus) == [status, status])
      #expect(client.isOpen)
    }
  }

  @Test func `the status field is ignored for errors, and for streams without a body`() throws {
    for (path, value, isOK, status) in [
      ("/v1/notes/a", "201", false, 404), ("/v1/watch/a", "202", true, 202),
      ("/v1/watch/a", "204", true, 200), ("/v1/watch/a", "304", true, 200),
    ] {
      let client = try TestClient { $0.statusHeader = "x-http-code" }
      client.request("GET \(path)")
      let call = try #require(client.upstream.calls.first)
      call.head([("x-http-code", value)])
      if isOK { call.reply(TestSchema.note(name: "a")) }
      call.end(isOK ? GRPCStatus(.ok) : GRPCStatus(.notFound))
      let response = try client.response()
      #expect(response.status == status)
      #expect(response.fields["x-http-code"] == nil)
      #expect(client.log.entries.map(\.httpStatus) == [status])
    }
    let client = try TestClient()
    client.request("GET /v1/notes/a")
    client.upstream.calls[0].head([("x-http-code", "201")])
    client.upstream.calls[0].reply([])
    client.upstream.calls[0].end()
    let response = try client.response()
    #expect(response.status == 200 && response.fields["x-http-code"] == "201")
  }
}
