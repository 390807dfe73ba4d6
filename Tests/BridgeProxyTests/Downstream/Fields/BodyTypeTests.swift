import NIOCore
import Testing

@testable import BridgeConfiguration
@testable import Downstream

/// What clients call their bodies, and how these are encoded.
struct BodyTypeTests {
  /// Content types that say something else than JSON, as old programs do.
  private static let others = [
    "application/x-www-form-urlencoded", "text/plain", "text/plain;charset=UTF-8",
    "application/octet-stream", "application/x-www-form-urlencoded; charset=UTF-8", "json",
    "application/x-ndjson", "*/*",
  ]

  @Test(arguments: Self.others)
  func `another content type is a 415 that names the option`(type: String) throws {
    let client = try TestClient()
    client.request("POST /v1/echo", ["Content-Type: \(type)"], body: #"{"name":"a"}"#)
    let response = try client.response()
    #expect(response.status == 415)
    #expect(response.body.contains("services.notes.http.content_type: any"))
    #expect(response.body.contains("application/json"))
    #expect(client.isOpen)
  }

  @Test(arguments: Self.others)
  func `any content type is JSON if configured`(type: String) throws {
    let client = try TestClient { $0.requests.takesAnyContentType = true }
    client.upstream.echoes()
    client.request("POST /v1/echo", ["Content-Type: \(type)"], body: #"{"name":"a"}"#)
    #expect(try client.response().body == #"{"name":"a"}"#)
    client.request("POST /v1/echo", ["Content-Type: \(type)"], body: "name=a")
    #expect(try client.response().status == 400)
    client.request("POST /v1/push", ["Content-Type: \(type)"], body: #"{"name":"a"}"#)
    #expect(client.upstream.calls.last?.sent.count == 1)
  }

  @Test(arguments: ["", " ", "; charset=utf-8", ";"])
  func `an empty Content-Type counts as none`(type: String) throws {
    let client = try TestClient()
    client.upstream.echoes()
    client.request("POST /v1/echo", ["Content-Type:\(type)"], body: #"{"name":"a"}"#)
    #expect(try client.response().body == #"{"name":"a"}"#)
  }

  @Test(
    arguments: [
      ("utf-8", Array("é€".utf8), "é€"), ("UTF8", Array("é".utf8), "é"), ("\"utf-8\"", [], ""),
      ("us-ascii", [0x61], "a"), ("ISO-8859-1", [0xE9, 0xFF, 0x80], "éÿ\u{80}"),
      ("latin1", [0xE9], "é"), ("windows-1252", [0xE9, 0x80, 0x81, 0x9F], "é€\u{81}Ÿ"),
      ("CP1252", [0x93, 0x94], "“”"), ("gbk", [0xC4, 0xE3, 0xBA, 0xC3], "你好"),
      ("GB2312", [0xD6, 0xD0, 0xCE, 0xC4], "中文"),
      ("gb18030", [0x81, 0x30, 0x81, 0x30, 0x94, 0x39, 0xDA, 0x33], "\u{80}💩"),
    ] as [(String, [UInt8], String)])
  func `a known charset is decoded`(name: String, text: [UInt8], meant: String) throws {
    let client = try TestClient()
    client.upstream.echoes()
    let body = Array(#"{"name":"x"#.utf8) + text + Array(#""}"#.utf8)
    for type in ["application/json;charset=\(name)", "application/json; charset=\(name); q=1"] {
      client.sendRaw(
        Array(
          "POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Type: \(type)\r\nContent-Length: \(body.count)\r\n\r\n"
            .utf8) + body)
      #expect(try client.response().body == #"{"name":"x\#(meant)"}"#)
    }
  }

  @Test(arguments: ["koi8-r", "utf-7"])
  func `an unknown charset is a 415 that lists the known ones`(name: String) throws {
    for takesAny in [false, true] {
      let client = try TestClient { $0.requests.takesAnyContentType = takesAny }
      client.request(
        "POST /v1/echo", ["Content-Type: application/json; charset=\(name)"], body: "{}")
      let response = try client.response()
      #expect(response.status == 415)
      #expect(response.body.contains("ISO-8859-1") && response.body.contains("GB18030"))
    }
  }

  @Test(arguments: [
    ("utf-16le", false, false), ("utf-16be", true, false), ("utf-16", false, true),
    ("utf-16", true, true), ("utf-16", false, false), ("utf-16", true, false),
    ("utf-16le", false, true), ("utf-16be", true, true),
  ])
  func `UTF-16 has its byte order by name, by mark, or by its zero bytes`(
    name: String, isBigEndian: Bool, hasMark: Bool
  ) throws {
    let text = #"{"name":"é你💩"}"#
    var units = Array(text.utf16)
    if hasMark { units.insert(0xFEFF, at: 0) }
    let bytes = units.flatMap { unit in
      let pair = [UInt8(unit >> 8), UInt8(unit & 0xFF)]
      return isBigEndian ? pair : pair.reversed()
    }
    let charset = BodyCharset(name: name)
    #expect(try Self.decode(bytes, charset, piece: bytes.count) == text)
    #expect(try Self.decode(bytes, charset, piece: 1) == text)
    #expect(throws: RequestError.self) {
      try Self.decode(Array(bytes.dropLast()), charset, piece: 3)
    }
    // The first half of a pair alone.
    let half = bytes.prefix((hasMark ? 2 : 0) + 2 * 12)
    #expect(throws: RequestError.self) { try Self.decode(Array(half), charset, piece: 5) }
  }

  @Test func `text in parts is decoded, and malformed text is refused`() throws {
    let gbk: [UInt8] = [0x22, 0xC4, 0xE3, 0x94, 0x39, 0xDA, 0x33, 0xBA, 0xC3, 0x22]
    for piece in 1...gbk.count {
      #expect(try Self.decode(gbk, .gb18030, piece: piece) == "\"你💩好\"")
    }
    #expect(throws: RequestError.self) { try Self.decode([0x22, 0xC4], .gb18030, piece: 1) }
    #expect(throws: RequestError.self) { try Self.decode([0xFF, 0xFF, 0x22], .gb18030, piece: 3) }
    #expect(try Self.decode([], .gb18030, piece: 1) == "")
    #expect(try Self.decode([], .utf16, piece: 1) == "")
    #expect(throws: RequestError.self) { try Self.decode([0x22], .utf16, piece: 1) }
  }

  @Test func `the messages of a stream are decoded as they arrive`() throws {
    let client = try TestClient()
    client.sendRaw(
      "POST /v1/push HTTP/1.1\r\nHost: a\r\nContent-Type: application/json; charset=gbk\r\n"
        + "Transfer-Encoding: chunked\r\n\r\n")
    let body = Array(#"{"name":""#.utf8) + [0xC4, 0xE3] + Array("\"}\n{\"name\":\"b\"}".utf8)
    for byte in body { client.sendRaw(Array("1\r\n".utf8) + [byte] + Array("\r\n".utf8)) }
    client.sendRaw("0\r\n\r\n")
    let call = try #require(client.upstream.calls.first)
    #expect(
      call.sent.map { Array($0.dropFirst(5)) } == [
        TestSchema.note(name: "你"), TestSchema.note(name: "b"),
      ])
    #expect(call.isComplete)
  }

  private static func decode(
    _ bytes: [UInt8], _ charset: BodyCharset, piece: Int
  ) throws -> String {
    let decoder = try CharsetDecoder(charset)
    var text = ByteBuffer()
    for start in stride(from: 0, to: bytes.count, by: max(1, piece)) {
      let part = ByteBuffer(bytes: bytes[start..<min(bytes.count, start + piece)])
      text.writeImmutableBuffer(try decoder.decode(part, isLast: false))
    }
    text.writeImmutableBuffer(try decoder.decode(ByteBuffer(), isLast: true))
    return String(buffer: text)
  }
}
