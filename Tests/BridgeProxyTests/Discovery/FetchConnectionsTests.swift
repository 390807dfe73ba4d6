import NIOCore
import NIOEmbedded
import Testing

@testable import BridgeConfiguration
@testable import Discovery
@testable import Upstream

/// Requests of discovery over embedded channels, with a clock that the test moves.
@Suite struct FetchConnectionsTests {
  /// The outcomes of requests, in the order in which they arrive.
  final class Outcomes {
    var list: [HTTPFetch.Outcome] = []

    var texts: [String] {
      self.list.map { outcome in
        switch outcome {
        case .success(let response):
          "\(response.status) \(String(decoding: response.body, as: UTF8.self))"
        case .failure(let error): "\(error)"
        }
      }
    }
  }

  private static let url = "http://10.0.0.1:8080/v1/list?a=b"

  private let peers = HTTP1Peers()
  private let connections: FetchConnections
  private let outcomes = Outcomes()

  init() {
    self.connections = FetchConnections(eventLoop: self.peers.loop)
  }

  private func fetch(
    _ number: Int, _ url: String = Self.url, _ change: (inout HTTPFetch.Request) -> Void = { _ in }
  ) throws {
    var request = HTTPFetch.Request(url, timeout: .seconds(2))
    change(&request)
    let target = try #require(HTTPTarget(url))
    self.connections.start(number, request, to: target, by: self.peers) {
      self.outcomes.list.append($0)
    }
    self.peers.loop.run()
  }

  private static func good(_ text: String, _ fields: String = "") -> String {
    "HTTP/1.1 200 OK\r\ncontent-length: \(text.utf8.count)\r\n\(fields)\r\n\(text)"
  }

  @Test func `requests have the origin's host, and share a connection`() throws {
    try self.fetch(1) { $0.headers = [("if-none-match", "x")] }
    #expect(
      try self.peers.written()
        == "GET /v1/list?a=b HTTP/1.1\r\nhost: 10.0.0.1:8080\r\nuser-agent: bridge-proxy\r\n"
        + "if-none-match: x\r\n\r\n")
    try self.peers.response(Self.good("one", "ETag: y\r\n"))
    #expect(
      self.outcomes.list == [
        .success(HTTPFetch.Response(status: 200, body: Array("one".utf8), etag: "y"))
      ])
    try self.fetch(2) {
      $0.method = .post
      $0.body = Array("a=b".utf8)
    }
    let post = try self.peers.written()
    #expect(post.hasPrefix("POST /v1/list?a=b HTTP/1.1\r\n"))
    #expect(post.hasSuffix("content-length: 3\r\n\r\na=b"))
    try self.peers.response(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n")
    #expect(self.outcomes.texts.last == "404 ")
    #expect(self.peers.channels.count == 1 && self.peers.open == 1)
  }

  @Test func `concurrent requests have connections of their own, of which one is kept`() throws {
    try self.fetch(1)
    try self.fetch(2)
    #expect(self.peers.open == 2)
    try self.peers.response(Self.good("b"), 1)
    try self.peers.response(Self.good("a"), 0)
    #expect(self.outcomes.texts == ["200 b", "200 a"])
    #expect(self.peers.open == 1)
  }

  @Test func `an idle connection is closed after half a minute`() throws {
    try self.fetch(1)
    try self.peers.response(Self.good("a"))
    self.peers.loop.advanceTime(by: .seconds(29))
    #expect(self.peers.open == 1)
    self.peers.loop.advanceTime(by: .seconds(1))
    #expect(self.peers.open == 0)
    try self.fetch(2)
    #expect(self.peers.channels.count == 2)
  }

  @Test func `a connection that the server closes while it's idle is replaced`() throws {
    try self.fetch(1)
    try self.peers.response(Self.good("a"))
    try self.peers.close()
    try self.fetch(2)
    try self.peers.response(Self.good("b"), 1)
    #expect(self.outcomes.texts == ["200 a", "200 b"])
  }

  @Test func `a request on a kept connection that closes is sent again, once`() throws {
    try self.fetch(1)
    try self.peers.response(Self.good("a"))
    try self.fetch(2)
    try self.peers.close()
    #expect(self.peers.channels.count == 2)
    #expect(try self.peers.written(1).hasPrefix("GET /v1/list"))
    try self.peers.close(1)
    #expect(
      self.outcomes.texts.last
        == "\(Self.url): the connection was closed before the response was complete")
  }

  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n", "is larger than 1048576 bytes"),
    ("nonsense\r\n\r\n", "isn't HTTP/1.1 (invalid constant string)"),
  ])
  func `a response that can't be used ends the connection`(
    response: String, reason: String
  ) throws {
    try self.fetch(1)
    try? self.peers.response(response)
    #expect(self.outcomes.texts == ["\(Self.url): the response \(reason)"])
    #expect(self.peers.open == 0)
  }

  @Test func `a response that exceeds the limit in chunks ends the connection`() throws {
    try self.fetch(1)
    let chunk = "80000\r\n" + String(repeating: " ", count: 0x80000) + "\r\n"
    try self.peers.response("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in 0..<2 { try self.peers.response(chunk) }
    #expect(self.outcomes.list.isEmpty)
    try? self.peers.response(chunk)
    #expect(
      self.outcomes.texts == ["\(Self.url): the response is larger than 1048576 bytes"])
    #expect(self.peers.open == 0)
  }

  @Test func `a response without a length ends with the connection`() throws {
    try self.fetch(1)
    try self.peers.response("HTTP/1.0 200 OK\r\n\r\nabc")
    #expect(self.outcomes.list.isEmpty)
    try self.peers.close()
    #expect(self.outcomes.texts == ["200 abc"])
  }

  @Test func `a refused connection names the address`() throws {
    self.peers.refuses = true
    try self.fetch(1)
    #expect(
      self.outcomes.texts == [
        "\(Self.url): can't connect to 10.0.0.1:8080: connection refused"
      ])
  }

  @Test func `the timeout counts from the start to the last byte`() throws {
    // The lookup of a name has no answer.
    try self.fetch(1, "http://silent.internal/")
    try self.fetch(2)
    try self.peers.response("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc")
    self.peers.loop.advanceTime(by: .seconds(2))
    #expect(
      self.outcomes.texts == [
        "http://silent.internal/: can't look up silent.internal in time: no answer within 2000 ms",
        "\(Self.url) did not respond within 2s",
      ])
    #expect(self.peers.open == 0)
  }

  @Test func `cancelling and shutting down end requests and connections`() throws {
    try self.fetch(1)
    try self.peers.response(Self.good("a"))
    try self.fetch(2)
    self.connections.cancel(2)
    self.peers.loop.run()
    #expect(self.outcomes.texts.last == "\(Self.url): the request was cancelled")
    #expect(self.peers.open == 0)
    try self.fetch(3)
    try self.peers.response(Self.good("b"), 1)
    try self.fetch(4, "http://10.0.0.2/")
    #expect(self.peers.open == 2)
    self.connections.shutDown()
    self.peers.loop.run()
    #expect(self.peers.open == 0)
    try self.fetch(5)
    #expect(
      self.outcomes.texts.suffix(2) == [
        "http://10.0.0.2/: the request was cancelled", "\(Self.url): the request wasn't sent",
      ])
  }
}

/// The parts of URLs.
@Suite struct HTTPTargetTests {
  @Test(arguments: [
    ("http://a", false, "a:80", "a", "/"), ("https://a/b?c", true, "a:443", "a", "/b?c"),
    ("http://a:8080?b=http://c/", false, "a:8080", "a:8080", "/?b=http://c/"),
    ("http://[::1]:9/x", false, "[::1]:9", "[::1]:9", "/x"),
    ("http://[fe80::1]", false, "[fe80::1]:80", "[fe80::1]", "/"),
    ("http://a:/x", false, "a:80", "a:", "/x"),
  ])
  func `a URL has an origin and a target`(
    url: String, isSecure: Bool, endpoint: String, authority: String, path: String
  ) throws {
    let target = try #require(HTTPTarget(url))
    #expect(target.origin.isSecure == isSecure)
    #expect(target.origin.endpoint.description == endpoint)
    #expect(target.authority == authority && target.path == path)
  }

  @Test(arguments: [
    "", "a", "ftp://a/", "http://", "http:///x", "http://a:b/", "http://a:0/", "http://a:65536/",
    "http://[::1/", "http://[::1]x/", "http://:80/",
  ])
  func `what isn't an http or https URL is refused`(url: String) {
    #expect(HTTPTarget(url) == nil)
  }
}
