import NIOCore
import Testing

@testable import AccessLogging
@testable import BridgeConfiguration
@testable import GRPCWire

/// Bodies that come compressed.
struct CompressedRequestTests {
  private static let json = ByteBuffer(string: #"{"name":"a","text":"hi"}"#)

  /// Sends a body of bytes, in parts.
  private static func post(
    _ client: TestClient, _ coding: String, _ body: ByteBuffer, partBytes: Int = .max
  ) {
    client.sendRaw(
      "POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Encoding: \(coding)\r\n"
        + "Content-Length: \(body.readableBytes)\r\n\r\n")
    var body = body
    while let part = body.readBytes(length: min(partBytes, body.readableBytes)), !part.isEmpty {
      client.sendRaw(part)
    }
  }

  @Test(arguments: [
    ("gzip", CompressionFormat.gzip), ("GZIP", .gzip), ("x-gzip", .gzip),
    ("identity, gzip", .gzip), ("deflate", .deflate), (" Deflate ,", .bareDeflate),
  ])
  func `gzip and both forms of deflate are decompressed, whole and byte by byte`(
    _ coding: String, _ format: CompressionFormat
  ) throws {
    let client = try TestClient()
    let body = format.deflate(Self.json)
    for partBytes in [Int.max, 1] {
      Self.post(client, coding, body, partBytes: partBytes)
      #expect(client.upstream.calls.last?.message == TestSchema.note(name: "a", text: "hi"))
      client.upstream.calls.last?.reply([])
      client.upstream.calls.last?.end()
      #expect(try client.response().status == 200)
      // What the client sent, not what it became.
      #expect(client.log.entries.last?.requestBytes == body.readableBytes)
    }
    #expect(client.upstream.calls.count == 2)
  }

  @Test(arguments: [
    "br", "gzip, gzip", "gzip\r\nContent-Encoding: deflate", "aes128gcm", "zstd;q=1",
  ])
  func `unknown or several codings are a 415 that lists the supported ones`(_ coding: String) throws
  {
    let client = try TestClient()
    Self.post(client, coding, Self.json)
    let response = try client.response()
    #expect(response.status == 415)
    #expect(response.fields["accept-encoding"] == "gzip, deflate")
    #expect(response.body.contains("UNSUPPORTED_CONTENT_ENCODING"))
    #expect(response.body.contains("one of gzip and deflate"))
    #expect(client.upstream.calls.isEmpty)
    #expect(client.isOpen)
  }

  @Test func `a body that decompresses past the limit is a 413 before it arrives in full`() throws {
    var limits = Configuration.Limits()
    limits.requestBodyBytes = 100_000
    limits.inflationRatio = 2000
    let client = try TestClient(limits: limits)
    let bomb = CompressionFormat.gzip.deflate(ByteBuffer(repeating: 0x20, count: 8 << 20))
    let half = bomb.getSlice(at: 0, length: bomb.readableBytes / 2) ?? ByteBuffer()
    client.sendRaw(
      "POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n"
        + "Content-Length: \(bomb.readableBytes)\r\n\r\n")
    client.sendRaw(Array(half.readableBytesView))
    let response = try client.response()
    #expect(response.status == 413)
    #expect(response.body.contains(#""reason":"INFLATED_BODY_TOO_LARGE""#))
    #expect(response.body.contains("100000 bytes (limits.request_body_bytes)"))
    #expect(client.upstream.calls.isEmpty)
  }

  @Test func `a body that expands too many times is a 413 that names the limit`() throws {
    let client = try TestClient()
    let text = ByteBuffer(string: "[" + String(repeating: " ", count: 1 << 20) + "]")
    Self.post(client, "deflate", CompressionFormat.deflate.deflate(text))
    let response = try client.response()
    #expect(response.status == 413)
    #expect(response.body.contains(#""reason":"INFLATION_RATIO_TOO_HIGH""#))
    #expect(response.body.contains("200 times its size (limits.inflation_ratio)"))
    #expect(client.isOpen)
    // The rest of it doesn't become a request.
    client.request("GET /v1/notes/a")
    #expect(client.upstream.calls.count == 1)
  }

  @Test func `corrupt and truncated bodies are a 400 with the reason`() throws {
    let client = try TestClient()
    let whole = CompressionFormat.gzip.deflate(Self.json)
    let cut = whole.getSlice(at: 0, length: whole.readableBytes - 1) ?? ByteBuffer()
    var turned = whole
    turned.setInteger(UInt8(0xFF), at: whole.readableBytes / 2)
    var trailed = whole
    trailed.writeString("more")
    for (body, words) in [
      (cut, "ends early"), (turned, "corrupted"), (trailed, "corrupted"), (Self.json, "isn't gzip"),
    ] {
      Self.post(client, "gzip", body)
      let response = try client.response()
      #expect(response.status == 400)
      #expect(response.body.contains(#""reason":"DAMAGED_BODY""#))
      #expect(response.body.contains(words))
    }
    #expect(client.upstream.calls.isEmpty)
    #expect(client.isOpen)
  }

  @Test func `a coding without a body is ignored`() throws {
    let client = try TestClient()
    Self.post(client, "gzip", ByteBuffer())
    client.upstream.calls.last?.end(GRPCStatus(.notFound))
    client.sendRaw(
      "POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n"
        + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    #expect(client.upstream.calls.map(\.message) == [[], []])
  }
}
