import NIOCore
import NIOHTTP1
import Testing

@testable import Downstream
@testable import HTTP2

/// Answers in their form of HTTP/1.1, taken apart for a stream of HTTP/2, and requests the other way.
@Suite struct AnswerReaderTests {
  /// The parts as text; written in pieces of this length.
  private func parts(_ text: String, isHead: Bool = false, by length: Int = .max) -> [String] {
    var reader = AnswerReader(isHead: isHead)
    var bytes = ByteBuffer(string: text)
    var parts: [String] = []
    while let piece = bytes.readSlice(length: min(length, bytes.readableBytes)),
      piece.readableBytes > 0
    {
      reader.append(piece)
      while let part = reader.next() { parts.append(self.describe(part)) }
    }
    if reader.isComplete { parts.append("complete") }
    return parts
  }

  private func describe(_ part: AnswerReader.Part) -> String {
    switch part {
    case .interim(let head): "interim \(head.lines)"
    case .head(let head, let ends): "head \(head.lines)" + (ends ? " |" : "")
    case .body(let bytes, let ends): "body \(String(buffer: bytes))" + (ends ? " |" : "")
    case .end(let trailers): "end \(trailers.lines)"
    }
  }

  @Test(
    "an answer and its parts",
    arguments: [
      (
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nX-A: b: c\r\nconnection: close\r\n\r\n{}",
        [#"head [":status: 200", "content-length: 2", "x-a: b: c"]"#, "body {} |", "complete"]
      ),
      (
        "HTTP/1.1 204 No Content\r\nallow: GET\r\n\r\n",
        [#"head [":status: 204", "allow: GET"] |"#, "complete"]
      ),
      (
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        [#"head [":status: 200", "content-length: 0"] |"#, "complete"]
      ),
      (
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
        [
          #"interim [":status: 100"]"#, #"head [":status: 200", "content-length: 1"]"#, "body x |",
          "complete",
        ]
      ),
      (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
        [#"head [":status: 200"]"#, "body ab", "body c", "end []", "complete"]
      ),
      (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\nx-t: 1\r\n\r\n",
        [#"head [":status: 200"]"#, "body 0123456789", #"end ["x-t: 1"]"#, "complete"]
      ),
      (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n",
        [#"head [":status: 200"]"#, "body ab"]
      ),
    ])
  func answers(_ text: String, _ expected: [String]) {
    #expect(self.parts(text) == expected)
    // However it was written, the same comes of it.
    let joined = { (parts: [String]) in
      parts.map { $0.hasPrefix("body ") ? String($0.dropFirst(5)) : $0 }.joined()
    }
    for length in 1...5 { #expect(joined(self.parts(text, by: length)) == joined(expected)) }
  }

  @Test func theAnswerToAHeadHasNoBody() {
    #expect(
      self.parts("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n", isHead: true) == [
        #"head [":status: 200", "content-length: 20"] |"#, "complete",
      ])
  }

  @Test func aRequestInItsOtherForm() {
    let block: HeaderBlock = [
      ":method": "POST", ":scheme": "http", ":path": "/v1/echo?a=b", ":authority": "a:1",
      "cookie": "a=1", "x-a": "1", "cookie": "b=2", "host": "other",
    ]
    let head = StreamRequest.head(block, 0..<block.fields.count, endsStream: false)
    #expect(head.method == .POST && head.uri == "/v1/echo?a=b" && head.version == .http1_1)
    #expect(
      head.headers.map { "\($0.name): \($0.value)" } == [
        "x-a: 1", "host: a:1", "cookie: a=1; b=2", "transfer-encoding: chunked",
        "connection: close",
      ])
  }

  @Test func aLengthIsBelieved() {
    let block: HeaderBlock = [
      ":method": "PUT", ":path": "/", "content-length": "5", "host": "b",
    ]
    let head = StreamRequest.head(block, 0..<block.fields.count, endsStream: false)
    #expect(head.headers["transfer-encoding"].isEmpty && head.headers["host"] == ["b"])
    let empty = StreamRequest.head(block, 0..<3, endsStream: true)
    #expect(empty.headers["host"].isEmpty)
  }
}
