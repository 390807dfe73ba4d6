import Testing

@testable import BridgeConfiguration
@testable import GRPCWire

/// Pages of other sites, and names that were pointed at this machine.
struct RequestSourceTests {
  private static let app = "https://app.example"

  /// Fields, the host that they're sent to, whether `cors` is none, one origin or any, and whether the
  /// request is served.
  @Test(
    arguments: [
      // Programs.
      ([], "localhost:8080", nil, true),
      // Pages without a policy.
      (["Origin: https://evil.example"], "localhost:8080", nil, false),
      (["Origin: null"], "localhost:8080", nil, false),
      (["Origin: file://"], "localhost:8080", nil, false),
      (["Sec-Fetch-Site: cross-site"], "localhost:8080", nil, false),
      (["Sec-Fetch-Site: same-site"], "localhost:8080", nil, false),
      (["Sec-Fetch-Site: CROSS-SITE"], "localhost:8080", nil, false),
      (["Sec-Fetch-Site: something-new"], "localhost:8080", nil, false),
      (["Sec-Fetch-Site: none"], "localhost:8080", nil, true),
      (["Sec-Fetch-Site: same-origin"], "localhost:8080", nil, true),
      (["Sec-Fetch-Site: none", "Sec-Fetch-Site: cross-site"], "localhost:8080", nil, false),
      // The bridge's own pages.
      (["Origin: http://localhost:8080"], "localhost:8080", nil, true),
      (["Origin: HTTP://LocalHost:8080"], "localhost:8080", nil, true),
      (["Origin: http://bench"], "bench:80", nil, true),
      (["Origin: https://bench"], "bench", nil, true),
      (["Origin: https://bench"], "bench:443", nil, true),
      (["Origin: http://localhost:3000"], "localhost:8080", nil, false),
      (["Origin: http://localhost"], "localhost:8080", nil, false),
      (["Origin: localhost:8080"], "localhost:8080", nil, false),
      (["Origin: http://localhost:8080", "Origin: http://a"], "localhost:8080", nil, false),
      (
        ["Origin: http://localhost:8080", "Sec-Fetch-Site: cross-site"], "localhost:8080", nil,
        false
      ),
      // Behind a reverse proxy that changed the host.
      (["Origin: \(Self.app)", "Sec-Fetch-Site: same-origin"], "bridge:8080", nil, true),
      // With a policy.
      (["Origin: \(Self.app)", "Sec-Fetch-Site: cross-site"], "localhost", [Self.app], true),
      (["Origin: https://evil.example"], "localhost", [Self.app], false),
      (["Origin: null"], "localhost", [Self.app], false),
      (["Sec-Fetch-Site: cross-site"], "localhost", [Self.app], false),
      (["Origin: null"], "localhost", [], true),
      (["Sec-Fetch-Site: cross-site"], "localhost", [], true),
    ] as [([String], String, [String]?, Bool)])
  func `requests of foreign web pages are refused`(
    _ fields: [String], _ host: String, _ origins: [String]?, _ isServed: Bool
  ) throws {
    for (line, body) in [
      ("GET /v1/notes/a", nil), ("POST /v1/echo", "{}"), ("GET /v1/watch/a", nil),
    ] {
      let client = try TestClient { service in
        service.cors = origins.map { Configuration.CORS(origins: $0) }
      }
      let head = "\(line) HTTP/1.1\r\nHost: \(host)\r\n" + fields.map { $0 + "\r\n" }.joined()
      client.sendRaw(
        head + (body.map { "Content-Length: \($0.utf8.count)\r\n\r\n\($0)" } ?? "\r\n"))
      #expect(client.upstream.calls.count == (isServed ? 1 : 0), "\(line)")
      guard !isServed else { continue }
      let response = try client.response()
      #expect(response.status == 403)
      #expect(response.body.contains(#""reason":"ORIGIN_NOT_ALLOWED""#))
      #expect(response.body.contains("services.notes.cors.origins"))
      #expect(client.isOpen, "an honest browser goes on")
    }
  }

  @Test func `an origin is compared with the authority of an absolute target`() throws {
    for (origin, count) in [("http://bench.internal", 1), ("http://localhost", 0)] {
      let client = try TestClient()
      client.request("GET http://bench.internal/v1/notes/a", ["Origin: \(origin)"])
      #expect(client.upstream.calls.count == count)
    }
  }

  @Test func `a long origin is truncated in the message`() throws {
    let client = try TestClient()
    client.request("GET /v1/notes/a", ["Origin: https://" + String(repeating: "a", count: 60_000)])
    #expect(try client.response().body.utf8.count < 1000)
  }

  @Test(arguments: [
    ("localhost:8080", [], true), ("evil.example:8080", [], false),
    ("evil.example", ["evil.example"], true), ("bench.internal", [], true),
  ])
  func `over loopback only local and configured names are served`(
    _ host: String, _ hosts: [String], _ isServed: Bool
  ) throws {
    let client = try TestClient(checksHost: true, trusting: ["bench.internal"]) {
      $0.hosts = hosts
    }
    for _ in 1...2 {
      client.sendRaw("GET /v1/notes/a HTTP/1.1\r\nHost: \(host)\r\n\r\n")
      if isServed {
        client.upstream.calls.last?.end(GRPCStatus(.notFound))
        #expect(try client.response().status == 404)
      } else {
        let response = try client.response()
        #expect(response.status == 403)
        #expect(response.body.contains(#""reason":"HOST_NOT_TRUSTED""#))
        #expect(response.body.contains("trusted_hosts"))
      }
    }
    #expect(client.upstream.calls.count == (isServed ? 2 : 0))
    // A client that uses the bridge as its proxy names any host.
    client.sendRaw("GET http://any.example/v1/notes/a HTTP/1.1\r\nHost: any.example\r\n\r\n")
    #expect(client.upstream.calls.count == (!hosts.isEmpty ? 2 : isServed ? 3 : 1))
  }
}
