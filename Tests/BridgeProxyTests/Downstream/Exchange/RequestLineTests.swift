import Codec
import NIOHTTP1
import Testing

@testable import BridgeConfiguration
@testable import Downstream
@testable import HTTP2
@testable import Upstream

/// Request lines that the decoder would serve although they aren't HTTP/1.1, or refuse without a cause.
struct RequestLineTests {
  private static func check(_ text: String) -> RequestLine.Finding {
    unsafe RequestLine.check(Array(text.utf8).span.bytes)
  }

  @Test(
    arguments: [
      ("GET / HTTP/1.1\r\n", .wellFormed), ("GET /a?b=c HTTP/1.0\r\n", .wellFormed),
      ("X-Y * HTTP/1.1\r\n", .wellFormed), ("\r\n", .wellFormed),
      ("GET /ä HTTP/1.1\r\n", .unencoded), ("GET /a?b=日本 HTTP/1.1\r\n", .unencoded),
      ("GET / HTTP/1.1\n", .malformed(.bareLineFeed)), ("\n", .malformed(.bareLineFeed)),
      ("GET\t/ HTTP/1.1\r\n", .malformed(.tab)), ("GET /\tHTTP/1.1\r\n", .malformed(.tab)),
      ("GET / \tHTTP/1.1\r\n", .malformed(.tab)), ("\tGET / HTTP/1.1\r\n", .malformed(.tab)),
      ("GET /\u{1} HTTP/1.1\r\n", .malformed(.control)),
      ("GET /\u{7F} HTTP/1.1\r\n", .malformed(.control)),
      ("GET /a\rb HTTP/1.1\r\n", .malformed(.control)),
      ("\rGET / HTTP/1.1\r\n", .malformed(.control)),
      ("GET  / HTTP/1.1\r\n", .malformed(.extraSpace)),
      ("GET /  HTTP/1.1\r\n", .malformed(.extraSpace)),
      ("GET / HTTP/1.1 \r\n", .malformed(.extraSpace)),
      (" GET / HTTP/1.1\r\n", .malformed(.extraSpace)),
      ("GET /a b HTTP/1.1\r\n", .malformed(.spaceInTarget)),
      ("GET /a b c HTTP/1.0\r\n", .malformed(.spaceInTarget)),
      ("GET /a HTTP/1.1 HTTP/1.1\r\n", .malformed(.spaceInTarget)),
      ("GET\r\n", .malformed(.noTarget)), ("GET \r\n", .malformed(.noTarget)),
      ("GET /\r\n", .malformed(.noVersion)), ("GET / \r\n", .malformed(.noVersion)),
      ("GET / HTTP/1.2\r\n", .malformed(.otherVersion)),
      ("GET / HTTP/0.9\r\n", .malformed(.otherVersion)),
      ("GET / HTTP/2.0\r\n", .malformed(.otherVersion)),
      ("GET / HTTP/3.0\r\n", .malformed(.otherVersion)),
      ("GET / HTTP/1\r\n", .malformed(.foreignVersion)),
      ("GET / HTTP/1.10\r\n", .malformed(.foreignVersion)),
      ("GET / HTTP/x.y\r\n", .malformed(.foreignVersion)),
      ("GET / http/1.1\r\n", .malformed(.foreignVersion)),
      ("GET / RTSP/1.0\r\n", .malformed(.foreignVersion)),
      ("SOURCE / ICE/1.0\r\n", .malformed(.foreignVersion)),
      ("INVITE sip:a@b SIP/2.0\r\n", .malformed(.foreignVersion)),
      // For the decoder, which refuses them in words of its own.
      ("G(T / HTTP/1.1\r\n", .wellFormed), ("\u{16}\u{3}\u{1}\r\n", .wellFormed),
    ] as [(String, RequestLine.Finding)])
  func `a request line has three parts with single spaces between them`(
    text: String, finding: RequestLine.Finding
  ) {
    #expect(Self.check(text) == finding)
  }

  @Test(arguments: [
    ("GET  /v1/notes/a HTTP/1.1", 400, "an extra space"),
    ("GET /v1/notes/a  HTTP/1.1", 400, "an extra space"),
    ("GET /v1/notes/a b HTTP/1.1", 400, "write %20"),
    ("GET\t/v1/notes/a HTTP/1.1", 400, "has a tab"),
    ("GET /v1/notes/a", 400, "has no version"),
    ("GET /v1/notes/a http/1.1", 400, "in capitals"),
    ("GET /v1/notes/a RTSP/1.0", 400, "another protocol?"),
    ("OPTIONS * RTSP/1.0", 400, "another protocol?"),
    ("GET /v1/notes/a HTTP/1.2", 505, "use HTTP/1.1 or HTTP/1.0"),
    ("GET /v1/notes/a HTTP/3.0", 505, "use HTTP/1.1 or HTTP/1.0"),
  ])
  func `a malformed head is refused with its reason, wherever it arrives`(
    line: String, status: Int, words: String
  ) throws {
    let text = "\(line)\r\nHost: localhost\r\n\r\n"
    let before = "POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
    let chunked =
      "POST /v1/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      + "1;a=b\r\n{\r\n01\r\n}\r\n0\r\nX-T: 1\r\n\r\n"
    for ahead in ["", before, chunked] {
      for isPieced in [false, true] {
        let client = try TestClient()
        client.upstream.echoes()
        if isPieced {
          for byte in (ahead + text).utf8 { client.sendRaw([byte]) }
        } else {
          client.sendRaw(ahead + text)
        }
        let responses = try client.responses()
        #expect(responses.map(\.status) == (ahead.isEmpty ? [] : [200]) + [status])
        #expect(responses.last?.body.contains(words) == true)
        #expect(responses.last?.fields["connection"] == "close")
        // What stands behind it isn't served.
        client.sendRaw(before)
        #expect(try client.received() == "")
      }
    }
  }

  @Test(arguments: [
    "GET /v1/notes/a HTTP/1.1\nHost: a\r\n\r\n", "GET /v1/notes/a HTTP/1.1\r\nHost: a\n\r\n",
    "GET /v1/notes/a HTTP/1.1\r\nHost: a\r\n\n", "GET /v1/notes/a HTTP/1.1\nHost: a\n\n",
    "POST /v1/echo HTTP/1.1\r\nHost: a\r\nX: a\nContent-Length: 2\r\n\r\n{}",
  ])
  func `a bare LF in the head is refused with its reason`(text: String) throws {
    let client = try TestClient()
    client.sendRaw(text)
    let response = try client.response()
    #expect(response.status == 400)
    #expect(response.body.contains("ends in a bare LF"))
    #expect(client.upstream.calls.isEmpty)
  }

  @Test func `non-ASCII bytes in a target are percent-encoded`() throws {
    let client = try TestClient()
    client.upstream.echoes()
    let line = "GET /v1/notes/größe?text=日本&tags=ä%20b HTTP/1.1\r\nHost: a\r\n\r\n"
    for isPieced in [false, true] {
      for byte in isPieced ? Array(line.utf8) : [] { client.sendRaw([byte]) }
      if !isPieced { client.sendRaw(line + line) }
      for response in try client.responses() {
        // The order of members is the codec's.
        for member in [#""name":"größe""#, #""text":"日本""#, #""tags":["ä b"]"#] {
          #expect(response.body.contains(member))
        }
      }
    }
    #expect(client.upstream.calls.count == 3)
    // Not UTF-8, so not text.
    client.sendRaw(
      Array("GET /v1/notes/".utf8) + [0xFC] + Array(" HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
    let response = try client.response()
    #expect(response.status == 400)
    #expect(response.body.contains("isn't UTF-8"))
    #expect(client.isOpen)
  }

  @Test func `a target over HTTP/2 is percent-encoded the same way`() {
    for (path, target) in [
      (Array("/v1/notes/größe?a=ä".utf8), "/v1/notes/gr%C3%B6%C3%9Fe?a=%C3%A4"),
      ([0x2F, 0xFC], "/%FC"), (Array("/a%20b".utf8), "/a%20b"),
    ] {
      var block = HeaderBlock()
      block.append(":method".utf8, "GET".utf8)
      block.append(":path".utf8, path)
      #expect(RequestHead(block, 0..<2, endsStream: true).target == target)
    }
  }

  @Test func `a pending response survives a malformed request after it`() throws {
    let client = try TestClient()
    client.sendRaw("GET /v1/notes/a HTTP/1.1\r\nHost: a\r\n\r\nGET  / HTTP/1.1\r\nHost: a\r\n\r\n")
    for _ in 0..<3 { client.sendRaw("GET /v1/notes/b HTTP/1.1\r\nHost: a\r\n\r\n") }
    let call = try #require(client.upstream.calls.first)
    call.reply(TestSchema.note(name: "a"))
    call.end()
    #expect(try client.responses().map(\.status) == [200, 400])
    #expect(client.upstream.calls.count == 1)
    // The rest of what it sends is read for a while, so that it gets to read the response, and bounded.
    for _ in 0..<300 { client.sendRaw(String(repeating: "a", count: 1024)) }
    #expect(!client.isOpen)
  }

  @Test func `an endless line is refused when it exceeds the head limit`() throws {
    var limits = Configuration.Limits()
    limits.headBytes = 1024
    for start in ["GET /", "GET / HTTP/1.1\r\nHost: a\r\nX: "] {
      let client = try TestClient(limits: limits)
      client.sendRaw(start)
      for _ in 0..<10 { client.sendRaw(String(repeating: "a", count: 256)) }
      #expect(try client.response().status == 431)
    }
    let client = try TestClient(limits: limits)
    client.sendRaw(String(repeating: "G", count: 100))
    #expect(try client.response().status == 400)
  }
}

/// Offers to go on with another protocol (RFC 9110 §7.8).
struct UpgradeTests {
  @Test(arguments: [
    ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"],
    ["Connection: upgrade", "Upgrade: TLS/1.2, IRC/6.9"], ["Upgrade: h2c"],
    ["Connection: keep-alive, Upgrade", "Upgrade: foo/1"], ["Connection: upgrade"],
  ])
  func `an ignored upgrade changes nothing`(fields: [String]) throws {
    let client = try TestClient()
    client.upstream.echoes()
    let offer = fields.joined(separator: "\r\n")
    let get = "GET /v1/notes/a HTTP/1.1\r\nHost: a\r\n\(offer)\r\n\r\n"
    let post =
      "POST /v1/echo HTTP/1.1\r\nHost: a\r\n\(offer)\r\nContent-Length: 12\r\n\r\n{\"name\":\"b\"}"
    let chunked =
      "POST /v1/echo HTTP/1.1\r\nHost: a\r\n\(offer)\r\nTransfer-Encoding: chunked\r\n\r\n"
      + "c\r\n{\"name\":\"c\"}\r\n0\r\n\r\n"
    for text in [get, post, chunked, get] { client.sendRaw(text) }
    client.sendRaw(post + chunked + get + post)
    for byte in (chunked + get).utf8 { client.sendRaw([byte]) }
    let responses = try client.responses()
    #expect(responses.map(\.status) == Array(repeating: 200, count: 10))
    let letters = ["a", "b", "c", "a", "b", "c", "a", "b", "c", "a"]
    #expect(responses.map(\.body) == letters.map { #"{"name":"\#($0)"}"# })
    #expect(responses.allSatisfy { $0.fields["connection"] == nil })
    #expect(client.isOpen)
    let metadata = try #require(client.upstream.calls.first?.request.metadata)
    for name in ["upgrade", "connection", "http2-settings"] { #expect(metadata.first(name) == nil) }
  }

  @Test(arguments: [
    ["Connection: close, Upgrade", "Upgrade: h2c"],
    // Frames may follow.
    ["Connection: Upgrade", "Upgrade: websocket"],
    ["Connection: Upgrade", "Upgrade: h2c, WebSocket"],
  ])
  func `a request that ends its connection is the last one`(fields: [String]) throws {
    let client = try TestClient()
    client.upstream.echoes()
    let get = "GET /v1/notes/a HTTP/1.1\r\nHost: a\r\n\(fields.joined(separator: "\r\n"))\r\n\r\n"
    client.sendRaw(get + get)
    let response = try client.response()
    #expect(response.status == 200)
    #expect(response.fields["connection"] == "close")
    #expect(client.upstream.calls.count == 1)
  }

  @Test func `what waits for an undecided upgrade is limited`() throws {
    var limits = Configuration.Limits()
    limits.headBytes = 1024
    let client = try TestClient(limits: limits)
    client.request("GET /v1/notes/a", ["Connection: Upgrade", "Upgrade: websocket"])
    for _ in 0..<100 { client.sendRaw(String(repeating: "a", count: 1024)) }
    let call = try #require(client.upstream.calls.first)
    call.reply(TestSchema.note(name: "a"))
    call.end()
    #expect(try client.response().status == 200)
    #expect(!client.isOpen)
  }
}
