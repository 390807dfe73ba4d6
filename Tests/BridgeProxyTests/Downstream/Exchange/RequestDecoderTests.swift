import Testing

@testable import Downstream

/// Methods that the parser of HTTP/1.1 doesn't know.
struct RequestDecoderTests {
  private static func method(_ text: String) -> String? {
    unsafe RequestDecoder.unknownMethod(in: Array(text.utf8).span.bytes)?.name
  }

  @Test(
    arguments: [
      ("FROB / HTTP/1.1\r\n", "FROB"), ("get /a?b HTTP/1.0\n", "get"),
      ("X-Y * HTTP/1.1\r\n", "X-Y"),
      ("GET / HTTP/1.1\r\nHost: a\r\n\r\nFROB / HTTP/1.1\r\n", "FROB"),
      ("GET / HTTP/1.1\r\n", nil), ("FROB / HTTP/1.1", nil), ("FROB / HTTP/2.0\r\n", nil),
      ("FROB  HTTP/1.1\r\n", nil), ("FROB HTTP/1.1\r\n", nil), ("\r\n", nil), ("", nil),
      ("\n", nil),
      ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", nil), ("\u{16}\u{3}\u{1}\n", nil),
      (" / HTTP/1.1\n", nil),
      ("F(OB / HTTP/1.1\r\n", nil), ("hello\r\n", nil), (" HTTP/1.1\n", nil),
    ] as [(String, String?)])
  func `a request line with an unknown method is recognized`(text: String, name: String?) {
    #expect(Self.method(text) == name)
    let long = String(repeating: "A", count: 100)
    #expect(Self.method("\(long) / HTTP/1.1\r\n") == nil)
  }

  @Test func `an unknown method is a 501 that lists the methods, and ends the connection`() throws {
    for method in ["FROB", "GETS", "get"] {
      let client = try TestClient()
      client.request("\(method) /v1/notes/a")
      let response = try client.response()
      #expect(response.status == 501)
      #expect(response.body.contains(#""reason":"METHOD_NOT_IMPLEMENTED""#))
      #expect(response.body.contains(method == "get" ? "write GET" : "the bridge reads ACL, "))
      #expect(response.fields["connection"] == "close")
    }
    let client = try TestClient()
    client.sendRaw("\u{16}\u{3}\u{1}\u{2}\r\n")
    #expect(try client.response().status == 400)
  }

  @Test func `requests before an unknown method get their responses first`() throws {
    let client = try TestClient()
    client.sendRaw(
      "GET /v1/notes/a HTTP/1.1\r\nHost: a\r\n\r\nFROB / HTTP/1.1\r\nHost: a\r\n\r\n")
    let call = try #require(client.upstream.calls.first)
    call.reply(TestSchema.note(name: "a"))
    call.end()
    #expect(try client.responses().map(\.status) == [200, 501])
  }
}
