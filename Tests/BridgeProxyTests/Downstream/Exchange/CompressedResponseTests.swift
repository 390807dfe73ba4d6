import Foundation
import NIOCore
import Testing

@testable import BridgeConfiguration
@testable import Downstream
@testable import GRPCWire
@testable import HTTPFields
@testable import Upstream

/// Responses in a coding that the client accepts, and messages sent compressed.
struct CompressedResponseTests {
  @Test(
    arguments: [
      ("", ContentCoding.identity), ("gzip", .gzip), ("GZip", .gzip), ("x-gzip", .gzip),
      ("deflate", .deflate), ("gzip, deflate, br", .gzip), ("deflate, gzip;q=1.0, *;q=0.5", .gzip),
      ("deflate;q=1.0, gzip;q=0.5", .deflate), ("br, zstd", .identity), ("*", .identity),
      ("gzip;q=0", .identity), ("gzip;q=0, deflate", .deflate), ("gzip;q=0.000, *", .identity),
      ("gzip;q=0.1, identity", .identity), ("gzip;q=0.5, identity;q=0.5", .gzip),
      ("identity;q=0", .identity), ("identity;q=0, *", .gzip), ("*;q=0", .identity),
      ("*;q=0, gzip", .gzip), ("gzip ; q=0.001", .gzip), (" , gzip,, ", .gzip),
      ("gzip;Q=0", .identity), ("gzip;q=x", .gzip), ("gzip;level=1", .gzip), ("gzipped", .identity),
    ] as [(String, ContentCoding)])
  func `the client's preferred coding is chosen`(_ value: String, _ coding: ContentCoding) {
    #expect(AcceptedCoding.choose(value) == coding)
  }

  @Test(arguments: [
    ("", 1000), (";q=1", 1000), (";q=0.5", 500), (";q=0.125", 125), (";q=1.000", 1000),
    (";q=0.", 0), (";q=", 1000), (";q=2", 1000), (";q=0.1234", 1000), (";q=-1", 1000),
    (";a=b; q=0.25", 250),
  ])
  func `weights have three decimal digits`(_ text: String, _ thousandths: Int) {
    #expect(HeaderValue.quality(text[...].utf8) == thousandths)
  }

  /// The response to a request that asks for `coding`: its head, and the body as it came.
  private static func response(
    to coding: String?, replies: Configuration.Compression.Replies = .always, textCount: Int = 2000,
    from address: String = "127.0.0.1", method: String = "GET", status: GRPCStatus = GRPCStatus(.ok)
  ) throws -> (head: String, body: ByteBuffer) {
    let client = try TestClient(from: address) { $0.compression.replies = replies }
    client.request("\(method) /v1/notes/a", coding.map { ["Accept-Encoding: \($0)"] } ?? [])
    let call = try #require(client.upstream.calls.first)
    call.reply(TestSchema.note(text: String(repeating: "x", count: textCount)))
    call.end(status)
    var bytes = try client.receivedBytes()
    let text = String(buffer: bytes)
    let end = try #require(text.utf8.split(separator: 13).firstIndex { $0.elementsEqual([10]) })
    let headCount = text.utf8.split(separator: 13)[..<end].reduce(3) { $0 + $1.count + 1 }
    let head = bytes.readString(length: headCount) ?? ""
    return (head, bytes)
  }

  @Test func `a large response has the requested coding`() throws {
    for (coding, format) in [("gzip", CompressionFormat.gzip), ("deflate", .deflate)] {
      let (head, body) = try Self.response(to: coding)
      #expect(head.contains("\r\ncontent-encoding: \(coding)\r\n"))
      #expect(head.contains("\r\nvary: accept-encoding\r\n"))
      #expect(head.contains("\r\ncontent-length: \(body.readableBytes)\r\n"))
      let text = try format.inflate(body, limit: 5000)
      #expect(String(buffer: text) == #"{"text":""# + String(repeating: "x", count: 2000) + #""}"#)
    }
  }

  /// The contents of the chunks in a body, without their sizes.
  private static func chunks(_ bytes: ByteBuffer) throws -> [ByteBuffer] {
    var bytes = bytes
    var chunks: [ByteBuffer] = []
    while let end = bytes.readableBytesView.firstIndex(of: UInt8(ascii: "\r")) {
      let line = bytes.readString(length: end - bytes.readerIndex)
      let size = try #require(line.flatMap { Int($0, radix: 16) })
      bytes.moveReaderIndex(forwardBy: 2)
      guard size > 0 else { break }
      let chunk = bytes.readSlice(length: size)
      chunks.append(try #require(chunk))
      bytes.moveReaderIndex(forwardBy: 2)
    }
    return chunks
  }

  @Test func `the messages of a stream can be decompressed as they arrive`() throws {
    for (coding, format) in [("gzip", CompressionFormat.gzip), ("deflate", .deflate)] {
      let client = try TestClient { $0.compression.replies = .always }
      client.request("GET /v1/watch/a", ["Accept-Encoding: \(coding)"])
      let call = client.upstream.calls[0]
      var inflater = Inflater(format, limit: 1000)
      var text = ByteBuffer()
      for number in 1...3 {
        call.reply(TestSchema.note(text: "\(number)"))
        client.run()
        var bytes = try client.receivedBytes()
        if number == 1 {
          let head = String(buffer: bytes).components(separatedBy: "\r\n\r\n")[0]
          #expect(head.contains("content-encoding: \(coding)\r\n"))
          bytes.moveReaderIndex(forwardBy: head.utf8.count + 4)
        }
        for var chunk in try Self.chunks(bytes) { try inflater.inflate(&chunk, into: &text) }
        #expect(String(buffer: text).hasSuffix("{\"text\":\"\(number)\"}\n"))
      }
      call.end()
      let end = try client.receivedBytes()
      for var chunk in try Self.chunks(end) { try inflater.inflate(&chunk, into: &text) }
      let isAtEnd = inflater.isAtEnd
      #expect(isAtEnd)
      #expect(String(buffer: text).split(separator: "\n").count == 3)
      #expect(client.isOpen)
    }
  }

  @Test func `an error is compressed, too`() throws {
    let message = String(repeating: "no ", count: 500)
    let (head, body) = try Self.response(to: "gzip", status: GRPCStatus(.notFound, message))
    #expect(head.hasPrefix("HTTP/1.1 404 "))
    #expect(head.contains("content-encoding: gzip"))
    let text = try CompressionFormat.gzip.inflate(body, limit: 5000)
    #expect(String(buffer: text).contains(message))
  }

  @Test func `HEAD has the Content-Length of GET`() throws {
    let (_, body) = try Self.response(to: "gzip")
    let (head, nothing) = try Self.response(to: "gzip", method: "HEAD")
    #expect(head.contains("\r\ncontent-length: \(body.readableBytes)\r\n"))
    #expect(head.contains("content-encoding: gzip"))
    #expect(nothing.readableBytes == 0)
  }

  @Test func `small and unrequested responses aren't compressed`() throws {
    for (coding, count) in [("gzip", 100), ("*", 2000), ("gzip;q=0", 2000), (nil, 2000)] {
      let (head, body) = try Self.response(to: coding, textCount: count)
      #expect(!head.contains("content-encoding"))
      // A cache must know that it could have been otherwise.
      #expect(head.contains("vary: accept-encoding"))
      #expect(String(buffer: body).hasPrefix(#"{"text":"x"#))
    }
  }

  @Test
  func `by default only remote clients get compressed responses, and off disables it`() throws {
    for (replies, address, isCompressed) in [
      (Configuration.Compression.Replies.automatic, "127.0.0.1", false),
      (.automatic, "127.9.9.9", false), (.automatic, "::1", false),
      (.automatic, "10.0.0.1", true), (.automatic, "2001:db8::1", true),
      (.never, "10.0.0.1", false),
      (.always, "127.0.0.1", true),
    ] {
      let (head, _) = try Self.response(to: "gzip", replies: replies, from: address)
      #expect(head.contains("content-encoding: gzip") == isCompressed)
      #expect(head.contains("vary:") == isCompressed)
    }
  }

  @Test func `request messages are compressed if configured and smaller`() throws {
    let client = try TestClient { $0.compression.compressesRequests = true }
    let text = String(repeating: "abc", count: 1000)
    client.request("POST /v1/echo", body: "{\"text\":\"\(text)\"}")
    var call = try #require(client.upstream.calls.last)
    #expect(call.request.encoding == .gzip)
    #expect(call.prefix == [1, 0, 0, 0, UInt8(call.message.count)])
    let message = try CompressionFormat.gzip.inflate(ByteBuffer(bytes: call.message), limit: 5000)
    #expect(Array(message.readableBytesView) == TestSchema.note(text: text))
    call.end(GRPCStatus(.notFound))
    client.request("POST /v1/echo", body: "{\"text\":\"short\"}")
    call = try #require(client.upstream.calls.last)
    #expect(call.request.encoding == nil)
    #expect(call.prefix == [0, 0, 0, 0, 7])
  }
}
