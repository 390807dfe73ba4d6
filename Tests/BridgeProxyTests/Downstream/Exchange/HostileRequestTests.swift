import RepeatableRandom
import Testing

@testable import BridgeConfiguration
@testable import Downstream

/// Requests that two readers could understand differently, and other things that aren't HTTP: each is
/// rejected with an error in JSON, or closed, and never becomes a call.
struct HostileRequestTests {
  @Test(arguments: [
    ("length and chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    ("chunks and length", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
    ("two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n"),
    ("the same length twice", "Content-Length: 5\r\nContent-Length: 5\r\n"),
    ("a list of lengths", "Content-Length: 5, 5\r\n"),
    ("a signed length", "Content-Length: +5\r\n"),
    ("a negative length", "Content-Length: -5\r\n"),
    ("a hexadecimal length", "Content-Length: 0x5\r\n"),
    ("an empty length", "Content-Length:\r\n"),
    ("a length with letters", "Content-Length: 5a\r\n"),
    ("a huge length", "Content-Length: 99999999999999999999\r\n"),
    ("chunks twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    ("chunked that isn't last", "Transfer-Encoding: chunked, identity\r\n"),
    ("another coding", "Transfer-Encoding: gzip, chunked\r\n"),
    ("an unknown coding", "Transfer-Encoding: xchunked\r\n"),
    ("identity", "Transfer-Encoding: identity\r\n"),
    ("quoted chunked", "Transfer-Encoding: \"chunked\"\r\n"),
    ("chunked with a tab", "Transfer-Encoding: \u{0B}chunked\r\n"),
    ("a space before the colon", "Transfer-Encoding : chunked\r\n"),
    ("a length with a space before the colon", "Content-Length : 5\r\n"),
    ("a folded line", "X-A: b\r\n c\r\n"),
    ("a folded coding", "Transfer-Encoding:\r\n chunked\r\n"),
    ("a folded first line", " X-A: b\r\n"),
    ("NUL in a value", "X-A: a\0b\r\n"),
    ("NUL in a name", "X\0A: a\r\n"),
    ("a bare CR in a value", "X-A: a\rb\r\n"),
    ("a bare CR as line end", "X-A: a\rTransfer-Encoding: chunked\r\n"),
    ("a control in a value", "X-A: a\u{01}b\r\n"),
    ("DEL in a value", "X-A: a\u{7F}b\r\n"),
    ("no name", ": a\r\n"),
    ("no colon", "X-A\r\n"),
    ("a space in a name", "X A: a\r\n"),
    ("a parenthesis in a name", "X(A: a\r\n"),
    ("two hosts", "Host: b\r\n"),
    ("two equal hosts", "Host: a\r\n"),
  ])
  func `request smuggling is refused and the connection closed`(
    _ name: String, _ fields: String
  ) throws {
    let client = try TestClient()
    client.sendRaw(
      "POST /v1/echo HTTP/1.1\r\nHost: a\r\n\(fields)\r\n0\r\n\r\n"
        + "GET /v1/notes/smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(client.upstream.calls.isEmpty)
    let response = try client.response()
    #expect(response.status == 400 || response.status == 501, "\(response)")
    #expect(response.fields["connection"] == "close")
    #expect(response.fields["content-type"] == "application/json")
    #expect(response.body.hasPrefix("{\"code\":"))
    for _ in 0..<10 { client.loop.tick() }
    #expect(!client.isOpen)
  }

  @Test(arguments: [
    ("GET /v1/notes/a HTTP/1.1\r\n\r\n", 400),
    ("GET /v1/notes/a HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ("GET /v1/notes/a HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("GET /v1/notes/a HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
    ("GET /v1/notes/a HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    ("GET /v1/notes/a HTTP/0.9\r\nHost: a\r\n\r\n", 505),
    ("GET /v1/notes/a HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    ("GET /v1/notes/a HTTP/9.9\r\nHost: a\r\n\r\n", 505),
    ("GET /v1/notes/a\r\nHost: a\r\n\r\n", 400),
    ("GET /v1/notes/a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /v1/notes/a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET v1/notes/a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET ftp://a/v1/notes/a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET http:///v1/notes/a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET http://u:p@a/v1/notes/a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("G@T /v1/notes/a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("get /v1/notes/a HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    ("\u{16}\u{03}\u{01}\u{02}\u{00}\u{01}\u{00}", 400),
    ("SSH-2.0-OpenSSH\r\n", 400),
    ("POST /v1/echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
  ])
  func `a malformed request line or Host is refused`(_ text: String, _ status: Int) throws {
    let client = try TestClient()
    client.sendRaw(text)
    #expect(client.upstream.calls.isEmpty)
    let response = try client.response()
    #expect(response.status == status, "\(response)")
    #expect(response.fields["connection"] == "close")
    #expect(response.body.hasPrefix("{\"code\":"))
  }

  @Test(arguments: [
    "x\r\n", "-1\r\n", "+5\r\nabcde\r\n", " 5\r\nabcde\r\n", "0x5\r\nabcde\r\n",
    "5 \r\nabcde\r\n", "5\nabcde\r\n", "5\r\nabcdeX\r\n", "5\r\nabcde\n0\r\n\r\n",
    "FFFFFFFFFFFFFFFFFF\r\n", "5;a\0=b\r\nabcde\r\n", "\r\n",
    "0\r\nA : b\r\n\r\n", "0\r\n\0: b\r\n\r\n",
  ])
  func `malformed chunks are refused`(_ body: String) throws {
    let client = try TestClient()
    client.request("POST /v1/echo", ["Transfer-Encoding: chunked"])
    client.sendRaw(body)
    #expect(client.upstream.calls.isEmpty)
    let response = try client.response()
    #expect(response.status == 400, "\(response)")
    #expect(response.fields["connection"] == "close")
  }

  @Test func `a malformed request after a good one gets its response second`() throws {
    let client = try TestClient()
    client.sendRaw(
      "GET /v1/notes/a HTTP/1.1\r\nHost: a\r\n\r\nBROKEN\r\n\r\n")
    #expect(try client.received() == "")
    client.upstream.calls[0].reply([])
    client.upstream.calls[0].end()
    #expect(try client.responses().map(\.status) == [200, 400])
    #expect(client.upstream.calls.count == 1)
  }

  @Test(arguments: [
    ("GET /\(String(repeating: "a", count: 1100)) HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    (
      "GET /v1/notes/a HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 1100))\r\n\r\n",
      431
    ),
    ("GET /\(String(repeating: "a", count: 9000))", 431),
    ("GET /v1/notes/a HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 9000))", 431),
    (
      "GET /v1/notes/a HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: a\r\n", count: 30))\r\n",
      431
    ),
  ])
  func `a head past its limits is refused, in one read or many`(
    _ text: String, _ status: Int
  ) throws {
    var limits = Configuration.Limits()
    limits.headBytes = 1000
    limits.headFields = 20
    for size in [text.utf8.count, 100] {
      let client = try TestClient(limits: limits)
      var rest = Substring(text).utf8
      while !rest.isEmpty {
        client.sendRaw(Array(rest.prefix(size)))
        rest = rest.dropFirst(size)
      }
      #expect(client.upstream.calls.isEmpty)
      let response = try client.response()
      #expect(response.status == status, "\(response)")
      #expect(response.fields["connection"] == "close")
    }
  }

  @Test func `random bytes cause no crash and at most one error response`() throws {
    var generator = SeededGenerator(seed: 7)
    let pieces = [
      "GET ", "POST ", "/v1/echo", "/v1/notes/a", " HTTP/1.1", " HTTP/1.0", "\r\n", "\n", "\r",
      "Host: a", "Content-Length: 5", "Content-Length: ", "Transfer-Encoding: chunked", "5", "0",
      "{}", "{\"text\":\"x\"}", "\0", "\u{FF}", "Expect: 100-continue", ": ", "Connection: close",
      "*", "http://", "?", "%", "GET /v1/notes/a HTTP/1.1\r\nHost: a\r\n\r\n",
    ]
    var limits = Configuration.Limits()
    limits.idleTimeout = .seconds(2)
    limits.requestReadTimeout = .seconds(2)
    for _ in 0..<1000 {
      let client = try TestClient(limits: limits)
      client.upstream.echoes()
      for _ in 0..<Int.random(in: 1...12, using: &generator) {
        client.sendRaw(pieces[Int.random(in: 0..<pieces.count, using: &generator)])
      }
      if Bool.random(using: &generator) { client.closeInput() }
      let responses = try client.responses()
      let closing = responses.filter { $0.fields["connection"] == "close" }.count
      #expect(closing <= 1)
      for _ in 0..<20 { client.loop.tick() }
      #expect(!client.isOpen)
      #expect(client.loop.connectionCount == 0)
    }
  }
}
